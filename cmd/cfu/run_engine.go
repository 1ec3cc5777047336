package main

import (
	"fmt"
	"strings"

	"cfubench/results"
)

// engineLine says what the server under test is, and what it did not tell.
func engineLine(e results.EngineInfo) string {
	line := strings.TrimSpace("engine: "+e.Kind+" "+e.Version) + ", model " + e.Model
	if e.EffectiveBatch > 0 {
		line += fmt.Sprintf(", decodes %d requests together", e.EffectiveBatch)
	}
	if len(e.Unknown) > 0 {
		line += "; not known of it: " + strings.Join(e.Unknown, ", ")
	}
	return line
}
