package host

import (
	"errors"

	"cfubench/meter"
)

// CloseAfter closes the meters of what ended with err, and returns both errors.
// With a call under way that does not return they stay open: err says so, and
// the process ends.
func (s Set) CloseAfter(err error) error {
	if blocked := (*meter.BlockedError)(nil); errors.As(err, &blocked) {
		return err
	}
	return errors.Join(err, s.Close())
}
