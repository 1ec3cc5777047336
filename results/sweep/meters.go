package sweep

import (
	"context"
	"errors"
	"slices"
	"strings"

	"cfubench/meter"
	"cfubench/meter/host"
	"cfubench/meter/session"
	"cfubench/results/runfolder"
)

// openMeters opens and calibrates the meters for a server and says, the first
// time, what was taken, what was left out, and why.
func (s *sweep) openMeters(ctx context.Context, url string, pid int) (host.Set, error) {
	if s.config.Meter[0] == noMeter {
		return host.Set{}, nil
	}
	set, err := host.Open(ctx, host.Options{
		Specs: s.config.Meter, Sysfs: s.config.Sysfs, NVMLLibrary: s.config.NVMLLibrary,
		CPUWatts: s.config.CPUWatts, CPUIdleWatts: s.config.CPUIdleWatts, PID: pid, EndpointURL: url, Clock: s.clock, Getenv: s.config.Getenv,
	})
	if err != nil {
		return set, err
	}
	// Before the calibration, which takes seconds, and after it, which may
	// refuse one.
	if err := set.Expect(s.config.ExpectDevices); err != nil {
		return set, errors.Join(err, set.Close())
	}
	calibrated, found, err := set.Calibrate(ctx, s.clock, set.CalibrationTime())
	if err != nil {
		return set, errors.Join(err, set.Close())
	}
	set = calibrated
	// A GPU that is not there is an error now and not after the warm-up.
	if choice, err := meter.ParseChoice(s.config.GPUs); err == nil {
		if _, err := choice.Of(meter.Domains(set.Sources), nil); err != nil {
			return set, errors.Join(err, set.Close())
		}
	}
	if err := s.describeMeters(set, found); err != nil {
		return set, errors.Join(err, set.Close())
	}
	return set, nil
}

// describeMeters records the domains and their calibration.
func (s *sweep) describeMeters(set host.Set, found []meter.Calibration) error {
	before := s.record.Domains
	s.record.Domains, s.record.LeftOut = nil, set.LeftOut
	// The calibrations are in the order of the domains, whose names here are
	// those of the sampler: two hosts may both have a gpu0.
	s.record.Domains = runfolder.Describe(meter.Domains(set.Sources))
	for _, w := range runfolder.SetCalibrations(s.record.Domains, found) {
		s.warn("%s", w)
	}
	if err := s.keepReference(); err != nil {
		return err
	}
	if err := set.Expect(s.config.ExpectDevices); err != nil {
		return err
	}
	if before == nil {
		s.sayMeters()
	} else if gone := missing(before, s.record.Domains); len(gone) > 0 {
		s.warn("meters %s are no longer available: energies of earlier and later cells are not comparable", strings.Join(gone, ", "))
	}
	if len(s.record.Domains) == 0 {
		return host.ErrNothing
	}
	return nil
}

// keepReference records what the reference meter found, of each domain too.
func (s *sweep) keepReference() error {
	if s.config.Reference == "" {
		return nil
	}
	ref, err := runfolder.ReadReference(s.config.Reference)
	if err != nil {
		return err
	}
	s.record.Reference = &ref
	for _, w := range runfolder.SetReference(s.record.Domains, &ref) {
		s.warn("%s", w)
	}
	return nil
}

// chooseGPUs settles which GPUs are summed, by the processes that use them once the
// server is warm, and says so where it has not said the same before.
func (s *sweep) chooseGPUs(ctx context.Context) error {
	chosen, err := s.usedGPUs(ctx, s.tested())
	if err != nil || chosen.Line == "" {
		return err
	}
	if chosen.Line != s.server.chosen.Line {
		s.say("%s", chosen.Line)
		for _, w := range chosen.Warnings {
			s.warn("%s", w)
		}
	}
	s.server.chosen = chosen
	for i, d := range runfolder.Describe(meter.Domains(s.server.meters.Sources), chosen.Excluded...) {
		s.record.Domains[i].NotSummed = d.NotSummed
	}
	return nil
}

// tested is the process under test: the zero value where it is not known, or where
// no meter asks who computes on a device.
func (s *sweep) tested() host.Engine {
	if !s.server.meters.Looks() {
		return host.Engine{}
	}
	engine, err := host.FindEngine(s.server.pid, s.server.url)
	if forwarder := (*host.ForwarderError)(nil); errors.As(err, &forwarder) {
		s.warn("%v", err)
	}
	return engine
}

// usedGPUs are the GPUs that --gpus asks for, as the processes on them are now.
func (s *sweep) usedGPUs(ctx context.Context, tested host.Engine) (meter.Chosen, error) {
	choice, err := meter.ParseChoice(s.config.GPUs)
	if err != nil {
		return meter.Chosen{}, err
	}
	return s.server.meters.Choose(ctx, choice, tested)
}

// sayMeters says what is read, what of it is summed, and what is not read.
func (s *sweep) sayMeters() {
	var aside []runfolder.DomainInfo // one of each reason
	likewise := map[string][]string{}
	for _, d := range s.record.Domains {
		if d.NotSummed != "" {
			k := meter.Unnumbered(d.NotSummed)
			if likewise[k] == nil {
				aside = append(aside, d)
			}
			likewise[k] = append(likewise[k], d.Name)
			continue
		}
		s.say("meter: %s", d)
	}
	for _, d := range aside {
		line := "meter: " + d.String()
		if others := likewise[meter.Unnumbered(d.NotSummed)][1:]; len(others) > 0 {
			line += "; likewise " + strings.Join(others, ", ")
		}
		s.say("%s", line)
	}
	remedies := false
	for _, r := range s.record.LeftOut {
		s.say("meter: not %s: %s", strings.TrimSpace(r.Source+" "+r.Domain), r.Reason)
		remedies = remedies || r.Remedy != ""
	}
	if remedies {
		s.say("meter: 'cfu meters' prints how to get the rest")
	}
}

// missing names the domains of before that are not among now.
func missing(before, now []runfolder.DomainInfo) (names []string) {
	for _, d := range before {
		if !slices.ContainsFunc(now, func(e runfolder.DomainInfo) bool { return e.Name == d.Name }) {
			names = append(names, d.Name)
		}
	}
	return names
}

// keepCosts adds what reading the meters cost during a cell to the record.
func (s *sweep) keepCosts(metered *session.Session) {
	runfolder.SetCosts(s.record.Domains, metered.Domains(), metered.Cost())
}
