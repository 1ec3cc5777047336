package rxtime

import (
	"encoding/binary"
	"io"
	"net"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// stamps reads a socket together with the kernel's receive time of the data
// (SO_TIMESTAMPING with software receive stamps; Linux,
// Documentation/networking/timestamping.rst, section 1.3.4 "Byte streams").
type stamps struct {
	conn  *net.TCPConn
	raw   syscall.RawConn
	once  func(fd uintptr) bool // receive, made once so that a read allocates nothing
	p     []byte
	n     int
	errno unix.Errno

	header  unix.Msghdr
	vector  unix.Iovec
	control [96]byte // a control message with three timespecs has 64 bytes
}

// ask asks for receive stamps, in the option's 64-bit form of Linux 5.1, which
// is alike on every platform.
func ask(fd int) error {
	return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPING_NEW,
		unix.SOF_TIMESTAMPING_RX_SOFTWARE|unix.SOF_TIMESTAMPING_SOFTWARE)
}

// hold is a socket that asks for stamps and receives nothing.
func hold() io.Closer {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nothing
	}
	if ask(fd) != nil {
		unix.Close(fd)
		return nothing
	}
	return os.NewFile(uintptr(fd), "stamps")
}

func newStamps(c net.Conn) *stamps {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	var set error
	err = raw.Control(func(fd uintptr) { set = ask(int(fd)) })
	if err != nil || set != nil {
		return nil
	}
	s := &stamps{conn: tcp, raw: raw}
	s.once = s.receive
	s.header.Iov = &s.vector
	s.header.SetIovlen(1)
	s.header.Control = &s.control[0]
	return s
}

// receive is one attempt on the non-blocking socket; false asks for another
// once there is something to read. The call is made here because
// unix.Recvmsg allocates room for a sender's address at each call, and raw: the
// runtime need not hear of a call that cannot wait, and would wake its monitor
// thread for every token that arrives after a pause.
func (s *stamps) receive(fd uintptr) bool {
	s.vector.Base = &s.p[0]
	s.vector.SetLen(len(s.p))
	for {
		s.header.SetControllen(len(s.control))
		n, _, errno := unix.RawSyscall(unix.SYS_RECVMSG, fd, uintptr(unsafe.Pointer(&s.header)), unix.MSG_DONTWAIT)
		if errno != unix.EINTR {
			s.n, s.errno = int(n), errno
			return errno != unix.EAGAIN
		}
	}
}

// read reads as net.Conn's Read does and returns the receive time of the last
// byte in nanoseconds of CLOCK_REALTIME, 0 if there is none.
func (s *stamps) read(p []byte) (n int, at int64, err error) {
	s.p = p
	err = s.raw.Read(s.once)
	s.p, s.vector.Base = nil, nil
	switch {
	case err != nil:
		return 0, 0, err
	case s.errno != 0:
		return 0, 0, &net.OpError{Op: "read", Net: "tcp", Source: s.conn.LocalAddr(), Addr: s.conn.RemoteAddr(), Err: os.NewSyscallError("recvmsg", s.errno)}
	case s.n == 0:
		return 0, 0, io.EOF
	}
	return s.n, stampOf(s.control[:s.header.Controllen]), nil
}

// stampOf finds the software stamp, the first of the message's three
// timespecs, 0 if the kernel sent none: a segment that came before the kernel
// had begun to stamp has none.
func stampOf(oob []byte) int64 {
	for len(oob) >= unix.CmsgLen(0) {
		header, data, rest, err := unix.ParseOneSocketControlMessage(oob)
		if err != nil {
			return 0
		}
		if header.Level == unix.SOL_SOCKET && header.Type == unix.SO_TIMESTAMPING_NEW && len(data) >= 16 {
			return int64(binary.NativeEndian.Uint64(data))*1e9 + int64(binary.NativeEndian.Uint64(data[8:]))
		}
		oob = rest
	}
	return 0
}
