// Package failure joins the errors of a command that failed in several places.
package failure

import (
	"errors"
	"syscall"
)

// Join joins what failed first and what failed after it, unless both are one
// cause: a full disk fails every table, and is said once.
func Join(first, next error) error {
	var a, b syscall.Errno
	if errors.As(first, &a) && errors.As(next, &b) && a == b {
		return first
	}
	return errors.Join(first, next)
}
