package nvml

// Unreadable says that this build cannot read NVIDIA GPUs, "" if it can.
func Unreadable() string {
	if Built {
		return ""
	}
	return "NVIDIA GPUs cannot be read: this cfu was built without cgo, or for another system than Linux"
}
