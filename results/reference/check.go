package reference

import "cfubench/results/runfolder"

// Check refuses what makes no sense before anything is measured, as a
// runfolder.ConfigError. With ofRun, the reference is held against a run that is there.
func (o Options) Check(ofRun bool) error {
	switch {
	case o.Covers != runfolder.CoversNode && o.Covers != runfolder.CoversDomains:
		return runfolder.Refuse("--reference-covers %q: want node or domains", o.Covers)
	case o.Plateau <= 0:
		return runfolder.Refuse("--plateau %v: want a time above 0", o.Plateau)
	case o.Settle < 0:
		return runfolder.Refuse("--settle %v: want a time of 0 or more", o.Settle)
	case o.Rounds < 1 || o.Rounds > 1000:
		return runfolder.Refuse("--rounds %d: want 1 to 1000", o.Rounds)
	case ofRun:
		return nil
	}
	if err := CheckSpec(o.Spec); err != nil {
		return runfolder.Refuse("%w", err)
	}
	return nil
}
