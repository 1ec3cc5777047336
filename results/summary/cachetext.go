package summary

import "strings"

// CacheLines say, one line a cell, what sharing the cost of cached prompts among
// their users came to; there is none where owners pay alone.
func (s Summary) CacheLines() (lines []string) {
	for _, c := range s.Cells {
		if c.CacheShare != nil && c.Validity.Valid() {
			lines = append(lines, c.Cell+": "+c.CacheShare.String())
		}
	}
	return lines
}

func (s Summary) cacheLines(b *strings.Builder) {
	if lines := s.CacheLines(); len(lines) > 0 {
		b.WriteString("\nwho pays for cached prompts\n" + strings.Join(lines, "\n") + "\n")
	}
}
