package attribution_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"cfubench/attribution"
	"cfubench/attribution/batchsim"
	"cfubench/meter"
)

// TestRolesDivideTheirOwnWork: a device that only prefills goes by prompt tokens,
// one that only decodes by steps and decoded tokens.
func TestRolesDivideTheirOwnWork(t *testing.T) {
	s := serve(batchsim.Standard()[2], 1, 20*ms, 0)
	for _, row := range []struct {
		role attribution.Role
		of   func(r attribution.Share) (own, other meter.Energy)
	}{
		{attribution.RolePrefill, func(r attribution.Share) (own, other meter.Energy) { return r.Prefill, r.Decode }},
		{attribution.RoleDecode, func(r attribution.Share) (own, other meter.Energy) { return r.Decode, r.Prefill }},
	} {
		name := s.curve.Domain().Name
		r := s.attribute(t, attribution.Steps{Roles: map[string]attribution.Role{name: row.role}})
		for i := range s.reqs {
			if own, other := row.of(r.Shares[i]); other > 1 || own != r.Shares[i].Energy-other {
				t.Fatalf("%s, request %d: got %v of its own work and %v of the other's, want all of %v its own", row.role, i, own, other, r.Shares[i].Energy)
			}
		}
		if row.role == attribution.RolePrefill {
			a, b := r.Shares[0], r.Shares[1] // 1800 and 30 prompt tokens
			if got := float64(a.Energy) / float64(b.Energy); math.Abs(got-60) > 0.1 {
				t.Errorf("prefill: 1800 prompt tokens got %.2f times what 30 got, want 60", got)
			}
		}
	}
}

// TestTwoDevicesDivideTheirOwnWork: of a server that prefills on one device and
// decodes on another, each one's energy goes to those whose work it did, close to
// the exact shares of its own steps; without the roles both are far off.
func TestTwoDevicesDivideTheirOwnWork(t *testing.T) {
	for _, load := range []int{1, 2, 4} {
		l := batchsim.Standard()[load]
		rng := rand.New(rand.NewPCG(5, 3))
		trace := l.Engine.Run(rng, 2*time.Second, l.Jobs)
		total := 0.0
		for _, role := range []attribution.Role{attribution.RolePrefill, attribution.RoleDecode} {
			device := trace.Device(role)
			total += device.Joules()
			read := steadyRegister(100*ms).Read(rng, device.Power(simIdle), 700*meter.Watt, 0)
			curve, _ := attribution.NewCurve(read.Domain, read.Readings)
			s := served{l, device, trace.Requests(), device.StepShapley(), curve}
			roles := map[string]attribution.Role{curve.Domain().Name: role}
			for _, row := range []struct {
				c    attribution.Convention
				most float64
			}{
				{attribution.Steps{Roles: roles}, 0.03},
				{attribution.Token{Roles: roles}, 0.3}, // of decodes that share steps, tokens alone know little
				// Between two prompts nobody does a prefill device's work, and all in
				// flight pay for such an instant.
				{attribution.Phase{Roles: roles}, 0.6},
			} {
				r := s.attribute(t, row.c)
				if r.Refused != "" {
					t.Fatalf("%s, %s by %s: refused: %s", l.Name, role, r.Convention, r.Refused)
				}
				d := distance(r, s.fair)
				t.Logf("%s, %s by %s: %.3f", l.Name, role, r.Convention, d)
				if d > row.most {
					t.Errorf("%s, %s by %s: %.3f from the fair shares, want %.2f at most", l.Name, role, r.Convention, d, row.most)
				}
				if r.Convention != "step" && !strings.Contains(strings.Join(r.Notes, "; "), "the device does "+string(role)+" alone") {
					t.Errorf("%s, %s by %s: got notes %q, want them to say the role", l.Name, role, r.Convention, r.Notes)
				}
			}
			if r := s.attribute(t, attribution.Steps{Roles: roles}); r.Costs == nil || r.Costs.Role != role || len(r.Costs.NotTold) > 0 {
				t.Errorf("%s, %s: got costs %v, want those of the role, told apart", l.Name, role, r.Costs)
			}
		}
		if whole := trace.Joules(); total > whole || total < 0.8*whole {
			t.Errorf("%s: two devices used %.1f J, want nearly the %.1f J of one", l.Name, total, whole)
		}
	}
}

func TestParseRoles(t *testing.T) {
	got, err := attribution.ParseRoles([]string{"gpu0=prefill", "gpu1=decode"})
	if err != nil || len(got) != 2 || got["gpu0"] != attribution.RolePrefill || got["gpu1"] != attribution.RoleDecode {
		t.Errorf("got %v and error %v, want a role each", got, err)
	}
	if got, err := attribution.ParseRoles(nil); got != nil || err != nil {
		t.Errorf("got %v and error %v, want none of none", got, err)
	}
	for _, text := range []string{"gpu0", "=prefill", "gpu0=", "gpu0=both"} {
		if got, err := attribution.ParseRoles([]string{text}); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		}
	}
}
