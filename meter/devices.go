package meter

// Devices is the number of accelerators that the domains are of: a superchip is
// one, whichever of its parts is read.
func Devices(domains []Domain) int {
	type device struct{ host, name string }
	seen := map[device]bool{}
	for _, d := range domains {
		if d.Scope == ScopeGPU || d.Scope == ScopeModule {
			seen[device{d.Host, d.Device}] = true
		}
	}
	return len(seen)
}
