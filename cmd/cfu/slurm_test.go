package main

import (
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cfubench/results/runfolder"
)

// TestSlurmJobArray runs scripts/slurm on Slurm's own daemons, two nodes by
// name on this host, and holds the merged run against one client's.
func TestSlurmJobArray(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts Slurm's daemons")
	}
	conf := startSlurm(t)
	e := newEndpoint(t, paced)
	bin, err := exec.LookPath("cfu")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	flags := []string{"--endpoint", e.URL, "--num-requests", "16", "--concurrency", "4", "--max-tokens", "3",
		"--idle", "0s", "--warmup", "0", "--certify=false", "--report=false"}

	one := exec.Command(bin, append([]string{"run", "--out", filepath.Join(dir, "one")}, flags...)...)
	if b, err := one.CombinedOutput(); err != nil {
		t.Fatalf("one client: %v\n%s", err, b)
	}
	slurm := func(out string, flags []string) (stderr string, err error) {
		array := exec.Command(filepath.Join(repoRoot(t), "scripts", "slurm"),
			append([]string{"--shards", "4", "--out", filepath.Join(dir, out), "--"}, flags...)...)
		array.Dir = dir
		array.Env = append(os.Environ(), "CFU="+bin, conf)
		var b strings.Builder
		array.Stderr = &b
		err = array.Run()
		return b.String(), err
	}
	if stderr, err := slurm("four", append(flags, "--meter", "cputime")); err != nil {
		t.Fatalf("scripts/slurm: %v\n%s", err, stderr)
	}
	sameRun(t, filepath.Join(dir, "one"), filepath.Join(dir, "four"))
	for shard, meters := range map[string]bool{"1": true, "2": false, "3": false, "4": false} {
		run, err := runfolder.ReadRun(filepath.Join(dir, "four.shards", shard))
		if err != nil {
			t.Fatal(err)
		}
		if got := len(run.Domains) > 0; got != meters {
			t.Errorf("shard %s: got %d meters, want some: %v", shard, len(run.Domains), meters)
		}
	}

	// A run that cannot be ends with the reason, and without a merged folder.
	flags[1] = "http://127.0.0.1:1"
	stderr, err := slurm("failed", append(flags, "--ready-timeout", "20s"))
	if err == nil || !strings.Contains(stderr, "connection refused") {
		t.Errorf("an endpoint that is not there: got %v and\n%swant a failure and its reason", err, stderr)
	}
	if _, err := os.Stat(filepath.Join(dir, "failed")); !os.IsNotExist(err) {
		t.Errorf("the folder of a run that failed: got %v, want none", err)
	}
}

// sameRun checks that two runs sent the same requests by the same schedule and
// got the same answers.
func sameRun(t *testing.T, one, merged string) {
	t.Helper()
	a, err := runfolder.ReadRun(one)
	if err != nil {
		t.Fatal(err)
	}
	b, err := runfolder.ReadRun(merged)
	if err != nil {
		t.Fatal(err)
	}
	if a.TraceHash != b.TraceHash {
		t.Errorf("got trace hash %s, want one client's %s", b.TraceHash, a.TraceHash)
	}
	for load, want := range a.ScheduleHash {
		if got := b.ScheduleHash[load]; got != want {
			t.Errorf("%s: got schedule hash %s, want one client's %s", load, got, want)
		}
	}
	for _, c := range a.Cells {
		want, _, err := runfolder.Requests().Read(filepath.Join(one, "cells", c.ID, "requests.arrow"))
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := runfolder.Requests().Read(filepath.Join(merged, "cells", c.ID, "requests.arrow"))
		if err != nil {
			t.Fatal(err)
		}
		byID := map[int]string{}
		for _, r := range want {
			byID[r.Request] = timeless(r.Request, r.Conversation, r.OutputTokens, r.TargetOutputTokens, r.FinishReason, r.Err)
		}
		if len(got) != len(want) {
			t.Errorf("cell %s: got %d rows, want %d", c.ID, len(got), len(want))
		}
		for i, r := range got {
			if r.Request != i {
				t.Errorf("cell %s row %d: got request %d, want the requests in order", c.ID, i, r.Request)
			}
			if g := timeless(r.Request, r.Conversation, r.OutputTokens, r.TargetOutputTokens, r.FinishReason, r.Err); g != byID[r.Request] {
				t.Errorf("cell %s: got %s, want %s", c.ID, g, byID[r.Request])
			}
		}
	}
}

func timeless(fields ...any) string { return fmt.Sprint(fields...) }

// startSlurm starts munged, slurmctld and two slurmd in a folder of the test's
// own, and returns the SLURM_CONF=FILE that points at them.
func startSlurm(t *testing.T) (conf string) {
	t.Helper()
	for _, c := range []string{"munged", "slurmctld", "slurmd", "sbatch"} {
		if _, err := exec.LookPath(c); err != nil {
			t.Skipf("%s is not installed (Debian: slurmctld slurmd slurm-client munge)", c)
		}
	}
	if os.Getuid() != 0 {
		t.Skip("Slurm's daemons start jobs as their owner: needs root")
	}
	dir, err := os.MkdirTemp("", "slurm") // short: a Unix socket's path has 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	key := make([]byte, 1024)
	rand.Read(key)
	write := func(name string, b []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o400); err != nil {
			t.Fatal(err)
		}
	}
	write("munge.key", key)
	if err := os.Mkdir(filepath.Join(dir, "state"), 0o755); err != nil {
		t.Fatal(err)
	}
	ports := freePorts(t, 3)
	write("slurm.conf", []byte(strings.NewReplacer("DIR", dir, "PORT0", ports[0], "PORT1", ports[1], "PORT2", ports[2]).Replace(`
ClusterName=cfu
SlurmctldHost=localhost(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=DIR/munge.sock
SlurmctldPort=PORT0
StateSaveLocation=DIR/state
SlurmctldPidFile=DIR/slurmctld.pid
SlurmdPidFile=DIR/slurmd-%n.pid
SlurmdSpoolDir=DIR/spool-%n
SlurmctldLogFile=DIR/slurmctld.log
SlurmdLogFile=DIR/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
MailProg=/bin/true
NodeName=cfu1 NodeHostname=localhost NodeAddr=127.0.0.1 Port=PORT1 CPUs=1
NodeName=cfu2 NodeHostname=localhost NodeAddr=127.0.0.1 Port=PORT2 CPUs=1
PartitionName=main Nodes=cfu1,cfu2 Default=YES State=UP OverSubscribe=FORCE:4
`)))
	conf = "SLURM_CONF=" + filepath.Join(dir, "slurm.conf")
	command := func(name string, args ...string) *exec.Cmd {
		cmd := exec.Command(name, args...)
		cmd.Env = append(os.Environ(), conf)
		return cmd
	}
	daemon := func(name string, args ...string) {
		cmd := command(name, args...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			cmd.Process.Signal(os.Interrupt)
			done := make(chan struct{})
			go func() { cmd.Wait(); close(done) }()
			select {
			case <-done:
			case <-time.After(5 * time.Second):
				cmd.Process.Kill()
				<-done
			}
		})
	}
	daemon("munged", "--foreground", "--force", "--key-file="+dir+"/munge.key", "--socket="+dir+"/munge.sock",
		"--pid-file="+dir+"/munged.pid", "--seed-file="+dir+"/munged.seed", "--log-file="+dir+"/munged.log")
	daemon("slurmctld", "-D")
	daemon("slurmd", "-D", "-N", "cfu1")
	daemon("slurmd", "-D", "-N", "cfu2")
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		b, _ := command("sinfo", "--noheader", "--states=idle", "--format=%D").CombinedOutput()
		if strings.TrimSpace(string(b)) == "2" {
			return conf
		}
		if time.Now().After(deadline) {
			log, _ := os.ReadFile(filepath.Join(dir, "slurmctld.log"))
			t.Fatalf("Slurm has no two idle nodes: %s\n%s", b, log)
		}
	}
}

// freePorts returns n TCP ports that nothing listens on.
func freePorts(t *testing.T, n int) []string {
	t.Helper()
	var ports []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		_, port, _ := net.SplitHostPort(l.Addr().String())
		ports = append(ports, port)
	}
	return ports
}
