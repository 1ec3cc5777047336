package derivation

// Leave has s keep what the readings of so many bytes show.
func (s *Shared) Leave(room int64) { s.room = room }

// Kept is of how many cells s keeps what their readings show.
func (s *Shared) Kept() int { return len(s.cells) }
