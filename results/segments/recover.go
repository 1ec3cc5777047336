package segments

import (
	"errors"
	"io/fs"
	"path/filepath"
	"time"

	"cfubench/results/arrowfile"
	"cfubench/results/runfolder"
)

// Domains are those of what a stopped writer left in the cell folder dir, none
// where nothing had been written yet.
func Domains(dir string) ([]runfolder.DomainInfo, error) {
	path := filepath.Join(dir, runfolder.ReadingsFile)
	if _, err := runfolder.Stat(path); errors.Is(err, fs.ErrNotExist) {
		numbers, err := segments(dir)
		if errors.Is(err, fs.ErrNotExist) || err == nil && len(numbers) == 0 {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		if path = rawFile(dir, numbers[0]); !there(path) && there(rolledFile(dir, numbers[0])) {
			path = rolledFile(dir, numbers[0])
		}
	}
	s, err := scanFile(path)
	if errors.Is(err, arrowfile.ErrEmpty) {
		return nil, nil
	}
	return s.domains, err
}

// there reports whether a table is there, in whatever state.
func there(path string) bool {
	for _, suffix := range []string{"", arrowfile.PartialSuffix, arrowfile.JournalSuffix} {
		if _, err := runfolder.Stat(path + suffix); err == nil {
			return true
		}
	}
	return false
}

// Covered is the last moment at which every domain that counts had been read, by
// the table of readings at path.
func Covered(path string) (time.Duration, error) {
	s, err := scanFile(path)
	if err != nil {
		return 0, err
	}
	last := make([]time.Duration, len(s.domains))
	for one, err := range s.all() {
		if err != nil {
			return 0, err
		}
		if one.HasEnergy || one.HasPower {
			last[one.Domain] = one.At()
		}
	}
	end, any := time.Duration(0), false
	for i, d := range s.domains {
		if d.Summed() && (!any || last[i] < end) {
			end, any = last[i], true
		}
	}
	return end, nil
}
