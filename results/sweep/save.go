package sweep

import "cfubench/results/runfolder"

// savePause is how many times as long as run.json took to write the next one
// waits. The file grows with the cells, of which a thousand take 2 MB: written
// after each, it would cost the square of their number.
const savePause = 20

// saveCell writes run.json after a cell. Where writing it would take more than a
// twentieth of the time, a later cell or the end of the run does: a kill in
// between loses the cells of that time, which --resume measures again.
func (s *sweep) saveCell() error {
	began := s.clock()
	if began < s.again {
		return nil
	}
	err := s.save()
	now := s.clock()
	s.again = now + savePause*(now-began)
	return err
}

// save writes run.json. If it fails the file is as it was, and so is its record.
func (s *sweep) save() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hideSecrets()
	if err := runfolder.WriteRun(s.config.Out, s.record); err != nil {
		s.record.Cells, s.hidden = s.record.Cells[:s.saved], s.saved
		return err
	}
	s.saved = len(s.record.Cells)
	return nil
}
