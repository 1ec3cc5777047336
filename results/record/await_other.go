//go:build !linux

package record

// awaitEnd waits for the command's end.
func awaitEnd(c *command) error {
	_ = c.wait() // its status is reap's
	return nil
}
