package process

import (
	"os"
	"slices"
	"time"
)

// identity tells processes apart though the kernel gives numbers again.
type identity struct {
	pid     int
	started uint64 // 0 where /proc does not say it
}

func identityOf(s Stat) identity { return identity{s.PID, s.Started} }

// blind reports whether processes cannot be looked at: not even this one.
func (k *keeper) blind() bool {
	_, err := ReadStat(k.order.ProcFS, os.Getpid())
	return err != nil
}

// pause is how long to wait for news before members are looked for again.
func (k *keeper) pause() time.Duration {
	if k.blind() {
		return 10 * time.Millisecond
	}
	return 200 * time.Millisecond
}

// members lists the group's processes that run now: descendants of this one, which
// are all where it adopts orphans, the first process's group, and the control group.
func (k *keeper) members() []identity {
	self := os.Getpid()
	if k.blind() {
		return k.membersBlind()
	}
	all, err := All(k.order.ProcFS)
	if err != nil {
		return nil
	}
	contained := map[int]bool{}
	if pids, err := k.cgroup.pids(); err == nil {
		for _, pid := range pids {
			contained[pid] = true
		}
	}
	member := map[int]bool{self: true}
	for grown := true; grown; { // until no child of a member is missing
		grown = false
		for _, p := range all {
			if !member[p.PID] && p.PID != 1 && (member[p.Parent] || p.Group == k.pid && (k.running || !k.adopts) || contained[p.PID]) {
				member[p.PID] = true
				grown = true
			}
		}
	}
	var alive []identity
	for _, p := range all {
		// A child that is shown as ended and was not reaped still has threads.
		if member[p.PID] && p.PID != self && (!p.Ended() || p.Parent == self) {
			alive = append(alive, identityOf(p))
		}
	}
	return alive
}

// membersBlind are those where processes cannot be looked at: this process's
// children. Whatever else there is becomes a child when its parent ends. The kernel
// has millions of numbers, and trying all takes seconds: each time those that follow
// this process's, where children usually are, and a part of the others are tried.
func (k *keeper) membersBlind() (found []identity) {
	if k.grouped() {
		found = append(found, identity{pid: k.pid})
	}
	for _, from := range []int{os.Getpid(), k.swept} {
		for i := range sweep {
			m := identity{pid: (from+i)%mostPIDs + 1}
			if isChild(m.pid) && !slices.Contains(found, m) {
				found = append(found, m)
			}
		}
	}
	k.swept = (k.swept + sweep) % mostPIDs
	return found
}

const (
	// mostPIDs is how many processes there can be: PID_MAX_LIMIT of the kernel,
	// proc_sys_kernel(5).
	mostPIDs = 1 << 22
	// sweep is how many numbers are tried at once, some 20 ms of work.
	sweep = 1 << 16
)
