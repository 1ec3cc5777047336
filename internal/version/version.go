// Package version says which build of cfu this is.
package version

import "runtime/debug"

// String is the module's version as built: a release, or the commit, with
// "-dirty" where the tree held changes that no commit has.
func String() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v, commit, dirty := info.Main.Version, "", ""
	for _, kv := range info.Settings {
		switch {
		case kv.Key == "vcs.revision":
			commit = kv.Value[:min(12, len(kv.Value))]
		case kv.Key == "vcs.modified" && kv.Value == "true":
			dirty = "-dirty"
		}
	}
	if commit != "" && (v == "" || v == "(devel)") {
		return "devel-" + commit + dirty
	}
	return v
}
