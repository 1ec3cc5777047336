package ptd_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"cfubench/meter"
	"cfubench/meter/ptd"
	"cfubench/meter/ptd/ptdtest"
)

func clock() meter.Clock { return meter.NewClock(time.Now()) }

// next waits for a reading that satisfies want.
func next(t *testing.T, src meter.Source, want func(meter.Reading) bool) meter.Reading {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		for _, r := range src.Read(nil) {
			if want(r) {
				return r
			}
		}
	}
	t.Fatal("no such reading in 30 s")
	return meter.Reading{}
}

func hasPower(r meter.Reading) bool { return r.HasPower }
func missing(r meter.Reading) bool  { return !r.HasPower && r.Status == meter.StatusTransient }

func TestAnAnalyzerIsACoarseNode(t *testing.T) {
	d := ptdtest.New(t, func() meter.Power { return 412500 * meter.Milliwatt })
	sources, left := ptd.Open(t.Context(), clock(), d.Address)
	if len(sources) != 1 || len(left) != 0 {
		t.Fatalf("got %d sources and refusals %v, want one source", len(sources), left)
	}
	src := sources[0]
	dom := src.Domains()[0]
	if dom.Scope != meter.ScopeNode || !dom.Coarse || dom.Kind != meter.KindPower || dom.UpdatePeriod != 50*time.Millisecond || !strings.Contains(dom.Device, "Dummy") {
		t.Errorf("got %+v, want the coarse power of a node, every 50 ms, by the analyzer's name", dom)
	}
	r := next(t, src, hasPower)
	if r.Power != 412500*meter.Milliwatt || r.After < r.Before {
		t.Errorf("got %v in [%v, %v], want 412.5 W between two times", r.Power, r.Before, r.After)
	}
	if err := src.Close(); err != nil {
		t.Fatal(err)
	}
	asked := d.Asked()
	if want := []string{"Hello", "Identify", "Go,0,0,cfu"}; !slices.Equal(asked[:3], want) || asked[len(asked)-1] != "Stop" {
		t.Errorf("the daemon was asked %q, want %q first and Stop last", asked, want)
	}
}

func TestWhatTheAnalyzerMissedIsNoZero(t *testing.T) {
	d := ptdtest.New(t, func() meter.Power { return 100 * meter.Watt })
	sources, _ := ptd.Open(t.Context(), clock(), d.Address)
	if len(sources) != 1 {
		t.Fatal("no source")
	}
	defer sources[0].Close()
	for _, answer := range []string{"No data", "Watts,-1.000000,Volts,-1.000000", "Watts,0.000000,Volts,230", "Watts,nan,Volts,230", "Watts", "Volts,230"} {
		d.Answer("R*", answer)
		next(t, sources[0], missing)
	}
	d.Answer("R*", "")
	next(t, sources[0], hasPower)
	d.Drop() // the next request finds the connection gone, the one after a new one
	next(t, sources[0], missing)
	next(t, sources[0], hasPower)
}

func TestRefusedDaemons(t *testing.T) {
	for _, row := range []struct{ name, command, answer, reason string }{
		{"another program on the port", "Hello", "HTTP/1.1 400 Bad Request", "no PTDaemon"},
		{"a thermometer", "Identify", "PCsensor,5000,1,0,0,0,0,0,1,version=1.9.1,OS=Linux,mode=temperature,0,0,1", "temperature mode"},
		{"an answer that is no identity", "Identify", "Unknown command", "Identify"},
		{"a daemon that another client uses", "Go", "Meter busy", "does not measure: Meter busy"},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := ptdtest.New(t, func() meter.Power { return meter.Watt })
			d.Answer(row.command, row.answer)
			sources, left := ptd.Open(t.Context(), clock(), d.Address)
			if len(sources) != 0 || len(left) != 1 || !strings.Contains(left[0].Reason, row.reason) || left[0].Remedy == "" {
				t.Errorf("got %d sources and %v, want a refusal with %q", len(sources), left, row.reason)
			}
		})
	}
	if sources, left := ptd.Open(t.Context(), clock(), "127.0.0.1:1"); len(sources) != 0 || len(left) != 1 {
		t.Errorf("nobody there: got %d sources and %v, want a refusal", len(sources), left)
	}
}

func TestAddresses(t *testing.T) {
	for text, want := range map[string]string{
		"analyzer": "analyzer:8888", "analyzer:9000": "analyzer:9000", "[::1]:8889": "[::1]:8889", "::1": "[::1]:8888", "10.0.0.7": "10.0.0.7:8888",
		"": "", "http://analyzer": "", "analyzer:none": "", "a:b:c": "", "analyzer:0": "",
	} {
		got, err := ptd.Address(text)
		if got != want || (err != nil) != (want == "") {
			t.Errorf("%q: got %q and error %v, want %q", text, got, err, want)
		}
	}
}
