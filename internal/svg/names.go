package svg

import "strings"

// charWidth is about the width of a character of a label, in pixels.
const charWidth = 6.8

// nameBeside is the longest name, in characters, that stands beside its bars: a longer
// one would take their place, and stands above them.
const nameBeside = 24

// naming is where the names of bars stand: beside them, left of the plot, or above
// them, each in a line of its own.
type naming struct {
	left float64 // of the plot
	line float64 // height above the bars, 0 for names beside them
	most int     // characters of a name
}

// namingOf is where names of which the longest has so many characters stand, in a
// drawing of that width.
func namingOf(longest int, width float64) naming {
	if longest <= nameBeside {
		return naming{left: 14 + charWidth*float64(longest), most: longest}
	}
	return naming{left: 14, line: 16, most: int((width - 28) / charWidth)}
}

// name writes the name of bars that begin at top and are so high.
func (c *canvas) name(n naming, name string, top, height float64) {
	name = shortened(name, n.most)
	if n.line > 0 {
		c.text(n.left, top-4, "start", "label", name)
		return
	}
	c.text(n.left-6, top+height/2+4, "end", "label", name)
}

// shortened is a text of at most so many characters: the middle of its name, which
// ends before the first colon, is left out if it is longer.
func shortened(text string, most int) string {
	if len([]rune(text)) <= most {
		return text
	}
	name, figures, some := strings.Cut(text, ": ")
	if some {
		figures = ": " + figures
	}
	runes := []rune(name)
	room := max(2, most-1-len([]rune(figures)))
	if len(runes) <= room {
		return text
	}
	return string(runes[:room/2]) + "…" + string(runes[len(runes)-(room-room/2):]) + figures
}
