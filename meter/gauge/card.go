package gauge

import (
	"strconv"
	"strings"
)

// Architecture is a family of cards whose sensors behave alike. GA100 and GA10x
// are both "Ampere" to the driver and differ in their sensors.
type Architecture string

// Architectures of NVIDIA cards.
const (
	Kepler    Architecture = "Kepler"
	Maxwell   Architecture = "Maxwell"
	Pascal    Architecture = "Pascal"
	Volta     Architecture = "Volta"
	Turing    Architecture = "Turing"
	GA100     Architecture = "GA100"
	GA10x     Architecture = "GA10x"
	Ada       Architecture = "Ada"
	Hopper    Architecture = "Hopper"
	Blackwell Architecture = "Blackwell"
)

// Card is what a card says of itself: its product name and the driver's
// version, as NVML gives them.
type Card struct{ Product, Driver string }

// families lists words of product names, the first that fits counts. A word is
// found where no letter or digit stands beside it, so that "A10" is not in
// "A100".
var families = []struct {
	architecture Architecture
	words        []string
}{
	{Blackwell, []string{"Blackwell", "B100", "B200", "B300", "GB200", "GB300", "GB10", "RTX 5050", "RTX 5060", "RTX 5070", "RTX 5080", "RTX 5090"}},
	{Hopper, []string{"H100", "H200", "H800", "H20", "GH200"}},
	{Ada, []string{"Ada", "L4", "L40", "L40S", "L20", "L2", "RTX 4050", "RTX 4060", "RTX 4070", "RTX 4080", "RTX 4090"}},
	{GA100, []string{"A100", "A30", "A800", "A100X", "A30X"}},
	{GA10x, []string{"A2", "A10", "A10G", "A16", "A40", "RTX A2000", "RTX A4000", "RTX A4500", "RTX A5000", "RTX A5500", "RTX A6000",
		"RTX 3050", "RTX 3060", "RTX 3070", "RTX 3080", "RTX 3090"}},
	{Turing, []string{"T4", "T4G", "T400", "T600", "T1000", "Quadro RTX", "TITAN RTX", "GTX 1630", "GTX 1650", "GTX 1660", "RTX 2060", "RTX 2070", "RTX 2080"}},
	{Volta, []string{"V100", "V100S", "TITAN V", "GV100"}},
	{Pascal, []string{"P100", "P40", "P4", "P6", "Pascal", "TITAN Xp", "GTX 1050", "GTX 1060", "GTX 1070", "GTX 1080"}},
	{Maxwell, []string{"M40", "M60", "M10", "M4", "K620", "GTX TITAN X", "GTX 950", "GTX 960", "GTX 970", "GTX 980", "GTX 750"}},
	{Kepler, []string{"K80", "K40", "K40m", "K20", "K20X"}},
}

// ArchitectureOf returns the architecture of a product name, "" if it is not
// known.
func ArchitectureOf(product string) Architecture {
	name := strings.ToLower(product)
	for _, f := range families {
		for _, w := range f.words {
			if hasWord(name, strings.ToLower(w)) {
				return f.architecture
			}
		}
	}
	return ""
}

// hasWord reports whether w stands in s with no letter or digit beside it.
func hasWord(s, w string) bool {
	for from := 0; ; {
		i := strings.Index(s[from:], w)
		if i < 0 {
			return false
		}
		i += from
		if (i == 0 || !alphanumeric(s[i-1])) && (i+len(w) == len(s) || !alphanumeric(s[i+len(w)])) {
			return true
		}
		from = i + 1
	}
}

func alphanumeric(c byte) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' }

// driverBranch is the driver's leading number, 0 if it has none.
func driverBranch(version string) int {
	lead, _, _ := strings.Cut(version, ".")
	n, err := strconv.Atoi(strings.TrimSpace(lead))
	if err != nil {
		return 0
	}
	return n
}
