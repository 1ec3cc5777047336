// Package version says which build of cfu this is.
package version

import (
	"runtime"
	"runtime/debug"
)

// Build identifies a build.
type Build struct {
	// Version is the module's version as built: a release, or the commit, with
	// "-dirty" where the tree held changes that no commit has.
	Version string `json:"version"`
	// Commit is the hash of the source's commit, "" if it was built without; Modified
	// says that the tree held changes that no commit has.
	Commit   string `json:"commit,omitempty"`
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"` // "linux/amd64"
	// CGO says that C code is in it, without which it reads no NVIDIA GPU.
	CGO bool `json:"cgo"`
}

// Read identifies the build that runs.
func Read() Build {
	b := Build{Version: "unknown", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.Version = info.Main.Version
	for _, kv := range info.Settings {
		switch kv.Key {
		case "vcs.revision":
			b.Commit = kv.Value
		case "vcs.modified":
			b.Modified = kv.Value == "true"
		case "CGO_ENABLED":
			b.CGO = kv.Value == "1"
		}
	}
	if b.Commit != "" && (b.Version == "" || b.Version == "(devel)") {
		b.Version = "devel-" + b.Commit[:min(12, len(b.Commit))]
		if b.Modified {
			b.Version += "-dirty"
		}
	}
	return b
}

// String is the version of the build that runs.
func String() string { return Read().Version }
