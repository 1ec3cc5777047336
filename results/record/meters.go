package record

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"

	"cfubench/internal/secret"
	"cfubench/meter"
	"cfubench/meter/host"
	"cfubench/meter/session"
	"cfubench/results/runfolder"
)

// openMeters is meters, which a signal ends: the command has not begun.
func (r *recorder) openMeters(ctx context.Context, caught <-chan os.Signal) (host.Set, error) {
	opened, deaf := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(deaf)
		for {
			select {
			case s := <-caught:
				if s != syscall.SIGUSR1 && s != syscall.SIGUSR2 {
					r.cut(errNothing)
				}
			case <-opened:
				return
			}
		}
	}()
	set, err := r.meters(ctx)
	close(opened)
	<-deaf
	if ctx.Err() == nil {
		return set, err
	}
	if err == nil {
		err = set.Close()
	}
	return host.Set{}, errors.Join(context.Cause(ctx), onlyBlocked(err))
}

// onlyBlocked is err if it says that a driver holds up the end, else nil: what else an
// interrupted opening says is the interrupt's own.
func onlyBlocked(err error) error {
	if blocked := (*meter.BlockedError)(nil); errors.As(err, &blocked) {
		return err
	}
	return nil
}

// meters opens and calibrates the meters and describes them in the run.
func (r *recorder) meters(ctx context.Context) (host.Set, error) {
	pid := r.target
	if pid == 0 {
		pid = os.Getpid() // of which a model of processes would be; see Check
	}
	set, err := host.Open(ctx, host.Options{
		Specs: r.Meter, Sysfs: r.Sysfs, NVMLLibrary: r.NVMLLibrary, CPUWatts: r.CPUWatts, CPUIdleWatts: r.CPUIdleWatts,
		PID: pid, Clock: r.clock, Getenv: r.Getenv,
	})
	if err != nil {
		return set, err
	}
	for _, dom := range meter.Domains(set.Sources) {
		if r.part.Of == "host" && dom.Scope == meter.ScopeProcess {
			return set, errors.Join(errors.New("--until without a process: this host has no counter that can be read, and a model counts a process: give --pid or a command (cfu meters says what each meter needs)"), set.Close())
		}
	}
	calibrated, found, err := set.Calibrate(ctx, r.clock, set.CalibrationTime())
	if err != nil {
		return set, errors.Join(err, set.Close())
	}
	set = calibrated
	domains := meter.Domains(set.Sources)
	if len(domains) == 0 {
		return set, errors.Join(host.ErrNothing, set.Close())
	}
	if err := set.Expect(r.ExpectDevices); err != nil {
		return set, errors.Join(err, set.Close())
	}
	choice, err := meter.ParseChoice(r.GPUs)
	if err == nil { // a GPU that is not there is an error now, and not in a month
		_, err = choice.Of(domains, nil)
	}
	if err != nil {
		return set, errors.Join(err, set.Close())
	}
	if err := r.describe(set, found); err != nil {
		return set, errors.Join(err, set.Close())
	}
	return set, nil
}

// describe keeps the domains with their calibration, and says what is read.
func (r *recorder) describe(set host.Set, found []meter.Calibration) error {
	r.run.Domains, r.run.LeftOut = runfolder.Describe(meter.Domains(set.Sources)), set.LeftOut
	for _, w := range runfolder.SetCalibrations(r.run.Domains, found) {
		r.warn("%s", w)
	}
	if r.Reference != "" {
		ref, err := runfolder.ReadReference(r.Reference)
		if err != nil {
			return err
		}
		r.run.Reference = &ref
		for _, w := range runfolder.SetReference(r.run.Domains, &ref) {
			r.warn("%s", w)
		}
	}
	for _, d := range r.run.Domains {
		r.say("meter: %s", d)
	}
	return nil
}

// chosen are the domains with what counts: by --gpus, and by the processes that
// were seen on each GPU while the command ran.
func (r *recorder) chosen(domains []meter.Domain, devices json.RawMessage) ([]runfolder.DomainInfo, error) {
	choice, err := meter.ParseChoice(r.GPUs)
	if err != nil {
		return nil, err
	}
	var seen host.Seen
	if len(devices) > 0 {
		if err := json.Unmarshal(devices, &seen); err != nil {
			return nil, fmt.Errorf("what was seen of the devices: %w", err)
		}
	}
	var uses []meter.Use
	for _, g := range seen.GPUs {
		uses = append(uses, g.Use())
	}
	chosen, err := choice.Of(domains, uses)
	if err != nil {
		return nil, err
	}
	for _, w := range chosen.Warnings {
		r.warn("%s: %s", r.cell.ID, w)
	}
	if chosen.Line != "" {
		r.say("%s", chosen.Line)
	}
	described := runfolder.Describe(domains, chosen.Excluded...)
	runfolder.SetReference(described, r.run.Reference) // warned of when the meters were opened
	for i := range r.run.Domains {
		for _, d := range described {
			if d.Name == r.run.Domains[i].Name {
				r.run.Domains[i].NotSummed = d.NotSummed
			}
		}
	}
	return described, nil
}

// keepCosts keeps what reading the meters cost.
func (r *recorder) keepCosts(metered *session.Session) {
	runfolder.SetCosts(r.run.Domains, metered.Domains(), metered.Cost())
}

// masked are arguments as they are recorded: without secrets.
func (r *recorder) masked(args []string) []string {
	if r.Secrets == nil {
		return secret.Own().Args(args)
	}
	return r.Secrets.Args(args)
}

// modelPoll is the time between two reads where all that is read is a model. Its
// readings are sums of CPU time, in which nothing falls between two reads of
// hours: reading them as often as a run's requests want costs more than 1 % of a
// core where a command has many processes.
const modelPoll = 100 * time.Millisecond

// pollOf is the time between two reads, 0 for each domain's own.
func pollOf(asked time.Duration, sources []meter.Source) time.Duration {
	if asked > 0 || slices.ContainsFunc(meter.Domains(sources), func(d meter.Domain) bool { return d.Kind != meter.KindModel }) {
		return asked
	}
	return modelPoll
}
