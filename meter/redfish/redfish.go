// Package redfish reads what a server's management controller (BMC) says of
// the whole machine's energy or power (github.com/stmcginnis/gofish/schemas).
//
// It is opinionated: a BMC refreshes its figures about once a second and counts
// fans and power supplies too, so the domain is the node's and coarse: a
// cross-check of a run, never a term of a request's energy.
package redfish

import (
	"context"
	"crypto/tls"
	"fmt"
	"math"
	"net"
	"net/url"
	"sync"
	"time"

	"github.com/stmcginnis/gofish/schemas"

	"cfubench/internal/origin"
	"cfubench/meter"
	"cfubench/meter/polled"
)

const source = "redfish"

// period is the rate of the polls: most BMCs refresh once a second or slower.
const period = time.Second

const (
	// patience is how long a BMC may take to answer one question, and opening how
	// long the dozens of questions may take that find its chassis.
	patience = 30 * time.Second
	opening  = 2 * time.Minute
	// largest is the most that is read of an answer.
	largest = 16 << 20
)

// quantum is a joule: what EnergyJoules counts in.
const quantum = meter.Joule

// Credentials is how to log in. The zero value asks without.
type Credentials struct {
	User, Password string
	// Insecure accepts a certificate that nobody vouches for, as most BMCs have.
	Insecure bool
}

// CredentialsFromEnv takes CFU_REDFISH_USER, CFU_REDFISH_PASSWORD and
// CFU_REDFISH_INSECURE (1 accepts any certificate) from the environment.
func CredentialsFromEnv(getenv func(string) string) Credentials {
	return Credentials{
		User: getenv("CFU_REDFISH_USER"), Password: getenv("CFU_REDFISH_PASSWORD"),
		Insecure: getenv("CFU_REDFISH_INSECURE") == "1",
	}
}

// Open opens the BMC at address (https://bmc.example), one source a computer
// system that it manages and can tell the energy or power of.
func Open(run context.Context, clock meter.Clock, address string, credentials Credentials) ([]meter.Source, []meter.Refusal) {
	refuse := func(reason, remedy string) ([]meter.Source, []meter.Refusal) {
		return nil, []meter.Refusal{{Source: source, Reason: reason, Remedy: remedy}}
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return refuse("the address is not a URL", "want https://HOST")
	}
	if u.User != nil {
		return refuse("the address has a user name in it", "put it into CFU_REDFISH_USER and CFU_REDFISH_PASSWORD")
	}
	if u.Scheme == "http" && credentials.Password != "" && !loopback(u.Hostname()) {
		return refuse("the password would cross the network in the clear", "use https://"+u.Host)
	}
	transport := origin.Transport(&tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: credentials.Insecure}, nil)
	transport.IdleConnTimeout = time.Minute
	ctx, cancel := context.WithTimeoutCause(run, opening, fmt.Errorf("the BMC was not read within %v", opening))
	defer cancel()
	bmc := &client{
		ctx: ctx, base: u.Scheme + "://" + u.Host, credentials: credentials, turn: &sync.Mutex{},
		http: origin.Client(transport, origin.Bounds{Patience: patience, Bytes: largest}),
	}
	root, err := schemas.GetObject[service](bmc, schemas.DefaultServiceRoot)
	if err != nil {
		return refuse(fmt.Sprintf("connect to %s: %v", u.Host, err), "set CFU_REDFISH_USER and CFU_REDFISH_PASSWORD; CFU_REDFISH_INSECURE=1 accepts the BMC's own certificate")
	}
	found, left := machines(bmc, root)
	if len(found) == 0 {
		return nil, append(left, meter.Refusal{
			Source: source, Reason: u.Host + " tells neither energy nor power of a chassis",
			Remedy: "the account needs the right to log in and read; some BMCs need a licence for power figures",
		})
	}
	var sources []meter.Source
	for i, m := range found {
		m.domain.Device = u.Host + " " + m.domain.Device
		if len(found) > 1 {
			m.domain.Name = fmt.Sprintf("node%d", i)
		}
		sources = append(sources, polled.New(run, clock, []meter.Domain{m.domain}, period, patience, m.fetch, nil))
	}
	return sources, left
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// machine is one chassis that has a figure, and where.
type machine struct {
	client *client
	domain meter.Domain
	id     string // of the chassis
	uri    string // of the resource with the figure
	read   func(client schemas.Client, uri string) (figures, error)
}

// machines finds, for each computer system, the chassis that tells its energy
// or power; without systems the first chassis that does.
func machines(bmc *client, root *service) ([]*machine, []meter.Refusal) {
	var found []*machine
	var left []meter.Refusal
	seen := map[string]bool{}
	take := func(name string, all []*chassis) {
		for _, c := range all {
			if m := inspect(bmc, c); m != nil && !seen[m.id] {
				seen[m.id] = true
				found = append(found, m)
				return
			}
		}
		if !seen[name] && name != "" {
			left = append(left, meter.Refusal{Source: source, Domain: name, Reason: "no chassis of this system tells its energy or power"})
		}
	}
	systems, err := schemas.GetCollectionObjects[system](bmc, root.Systems.String())
	if err != nil {
		left = append(left, meter.Refusal{Source: source, Reason: fmt.Sprintf("list systems: %v", err)})
	}
	for _, s := range systems {
		all, err := schemas.GetObjects[chassis](bmc, s.Links.Chassis.ToStrings())
		if err != nil {
			left = append(left, meter.Refusal{Source: source, Domain: s.ID, Reason: fmt.Sprintf("list its chassis: %v", err)})
			continue
		}
		if len(all) > 0 {
			take(s.ID, all)
		}
	}
	if len(found) > 0 {
		return found, left
	}
	all, err := schemas.GetCollectionObjects[chassis](bmc, root.Chassis.String())
	if err != nil {
		return nil, append(left, meter.Refusal{Source: source, Reason: fmt.Sprintf("list chassis: %v", err)})
	}
	take("", all)
	return found, left
}

// figures is what a chassis tells: energy in µJ, power in µW, and which there
// are.
type figures struct {
	energy    meter.Energy
	power     meter.Power
	hasEnergy bool
	hasPower  bool
}

// environment reads EnvironmentMetrics, the newer of the two places.
func environment(client schemas.Client, uri string) (figures, error) {
	e, err := schemas.GetObject[schemas.EnvironmentMetrics](client, uri)
	if err != nil {
		return figures{}, err
	}
	return ofEnvironment(e), nil
}

func ofEnvironment(e *schemas.EnvironmentMetrics) figures {
	var f figures
	f.energy, f.hasEnergy = micro[meter.Energy](e.EnergyJoules.Reading)
	f.power, f.hasPower = micro[meter.Power](e.PowerWatts.Reading)
	return f
}

// control reads Power.PowerControl, deprecated but common.
func control(client schemas.Client, uri string) (figures, error) {
	p, err := schemas.GetObject[schemas.Power](client, uri)
	if err != nil {
		return figures{}, err
	}
	return ofControl(p), nil
}

func ofControl(p *schemas.Power) figures {
	var f figures
	for _, pc := range p.PowerControl {
		if pc.PowerConsumedWatts == nil {
			continue
		}
		watts := float64(*pc.PowerConsumedWatts)
		f.power, f.hasPower = micro[meter.Power](&watts)
		break
	}
	return f
}

// micro converts a reading in joules or watts; false if there is none.
func micro[T ~int64](reading *float64) (T, bool) {
	if reading == nil || !(*reading >= 0) || *reading*1e6 >= math.MaxInt64 {
		return 0, false
	}
	return T(math.Round(*reading * 1e6)), true
}

// inspect returns what can be metered of a chassis, nil if nothing. A figure
// that cannot be read now is no figure: the reason is in the chassis that
// answers in its stead, or in the refusal of the whole BMC.
func inspect(bmc *client, c *chassis) *machine {
	m := &machine{client: bmc, id: c.ODataID, domain: meter.Domain{
		Name: "node", Device: "chassis " + c.ID, Source: source, Kind: meter.KindPower,
		Scope: meter.ScopeNode, UpdatePeriod: period, Coarse: true,
		Note: "whole machine from its BMC, fans and power supplies included: a cross-check of the run",
	}}
	for _, place := range []struct {
		uri  string
		read func(schemas.Client, string) (figures, error)
	}{{c.EnvironmentMetrics.String(), environment}, {c.Power.String(), control}} {
		if place.uri == "" {
			continue
		}
		if f, err := place.read(bmc, place.uri); err == nil && (f.hasEnergy || f.hasPower) {
			m.uri, m.read = place.uri, place.read
			if f.hasEnergy {
				m.domain.Kind, m.domain.Quantum = meter.KindCounter, quantum
			}
			return m
		}
	}
	return nil
}

// fetch implements polled.Fetch.
func (m *machine) fetch(ctx context.Context, dst []meter.Reading) []meter.Reading {
	f, err := m.read(m.client.within(ctx), m.uri)
	counter := m.domain.Kind == meter.KindCounter
	if err != nil || counter && !f.hasEnergy || !counter && !f.hasPower {
		return nil
	}
	return append(dst, meter.Reading{
		Energy: f.energy, HasEnergy: counter, Power: f.power, HasPower: f.hasPower, Status: meter.StatusOK,
	})
}
