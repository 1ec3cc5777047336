package meter

import "strings"

// Unnumbered is s with every number in it as one mark: what is said of gpu0 and
// gpu1 in the same words is one thing.
func Unnumbered(s string) string {
	var b strings.Builder
	digits := false
	for _, r := range s {
		if digit := r >= '0' && r <= '9'; !digit {
			b.WriteRune(r)
			digits = false
		} else if !digits {
			b.WriteByte('#')
			digits = true
		}
	}
	return b.String()
}
