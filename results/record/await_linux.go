package record

import "golang.org/x/sys/unix"

// awaitEnd waits for the command's end and leaves its process to be read: the
// kernel keeps its CPU time until it is reaped.
func awaitEnd(c *command) error {
	for {
		err := unix.Waitid(unix.P_PID, c.pid(), nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			return err
		}
	}
}
