//go:build !linux || !cgo || !(amd64 || arm64)

package nvml

// Built says that this build can load the NVIDIA management library.
const Built = false
