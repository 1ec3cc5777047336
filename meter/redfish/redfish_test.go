package redfish

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"cfubench/meter"
)

// bmc is a Redfish service of JSON resources by path. What "broken" names is
// answered with a server error.
type bmc struct {
	*httptest.Server
	mu        sync.Mutex
	resources map[string]string
	broken    map[string]bool
	password  string // wanted of user "root", "" for none
}

func newBMC(t *testing.T, password string, resources map[string]string) *bmc {
	t.Helper()
	b := &bmc{resources: maps.Clone(resources), broken: map[string]bool{}, password: password}
	b.resources["/redfish/v1/"] = `{"Id":"RootService","Name":"Root","RedfishVersion":"1.15.0",` +
		`"Systems":{"@odata.id":"/redfish/v1/Systems"},"Chassis":{"@odata.id":"/redfish/v1/Chassis"},"Links":{"Sessions":{"@odata.id":"/redfish/v1/SessionService/Sessions"}}}`
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		defer b.mu.Unlock()
		path := r.URL.Path
		if path != "/redfish/v1/" && b.password != "" {
			if user, password, ok := r.BasicAuth(); !ok || user != "root" || password != b.password {
				http.Error(w, `{"error":{"code":"Base.1.0.NoValidSession","message":"log in"}}`, http.StatusUnauthorized)
				return
			}
		}
		text, ok := b.resources[path]
		switch {
		case b.broken[path]:
			http.Error(w, "{}", http.StatusInternalServerError)
		case !ok:
			http.Error(w, "{}", http.StatusNotFound)
		default:
			var fields map[string]any
			if err := json.Unmarshal([]byte(text), &fields); err != nil {
				t.Errorf("resource %s: %v", path, err)
			}
			fields["@odata.id"] = path
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(fields)
		}
	}))
	t.Cleanup(b.Close)
	return b
}

func (b *bmc) set(path, text string, broken bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.resources[path], b.broken[path] = text, broken
}

// collection lists members below a path.
func collection(path string, names ...string) string {
	var members []string
	for _, n := range names {
		members = append(members, fmt.Sprintf(`{"@odata.id":"%s/%s"}`, path, n))
	}
	return fmt.Sprintf(`{"Name":"c","Members@odata.count":%d,"Members":[%s]}`, len(names), strings.Join(members, ","))
}

const (
	chassisPath = "/redfish/v1/Chassis"
	systemsPath = "/redfish/v1/Systems"
)

// machineWith is one system in one chassis with the given resources.
func machineWith(environment, power string) map[string]string {
	chassis := `{"Id":"1U","Name":"Chassis","ChassisType":"RackMount"`
	resources := map[string]string{
		systemsPath:           collection(systemsPath, "S1"),
		systemsPath + "/S1":   `{"Id":"S1","Name":"System","Links":{"Chassis":[{"@odata.id":"` + chassisPath + `/1U"}]}}`,
		chassisPath:           collection(chassisPath, "1U"),
		chassisPath + "/none": `{}`,
	}
	if environment != "" {
		chassis += `,"EnvironmentMetrics":{"@odata.id":"` + chassisPath + `/1U/EnvironmentMetrics"}`
		resources[chassisPath+"/1U/EnvironmentMetrics"] = environment
	}
	if power != "" {
		chassis += `,"Power":{"@odata.id":"` + chassisPath + `/1U/Power"}`
		resources[chassisPath+"/1U/Power"] = power
	}
	resources[chassisPath+"/1U"] = chassis + "}"
	return resources
}

const (
	withEnergy = `{"Id":"E","Name":"Metrics","EnergyJoules":{"Reading":1234567.25},"PowerWatts":{"Reading":412.5}}`
	withPower  = `{"Id":"E","Name":"Metrics","PowerWatts":{"Reading":412.5},"TemperatureCelsius":{"Reading":24}}`
	control310 = `{"Id":"P","Name":"Power","PowerControl":[{"MemberId":"0","Name":"CPU"},{"MemberId":"1","Name":"System","PowerConsumedWatts":310}]}`
)

// first waits for the source's first reading.
func first(t *testing.T, s meter.Source) meter.Reading {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if r := s.Read(nil); len(r) > 0 {
			return r[0]
		}
	}
	t.Fatal("no reading in 30 s")
	return meter.Reading{}
}

func TestMachines(t *testing.T) {
	two := machineWith(withEnergy, "")
	two[systemsPath] = collection(systemsPath, "S1", "S2", "S3")
	two[systemsPath+"/S2"] = `{"Id":"S2","Name":"System","Links":{"Chassis":[{"@odata.id":"` + chassisPath + `/tray"},{"@odata.id":"` + chassisPath + `/sled"}]}}`
	two[chassisPath+"/tray"] = `{"Id":"tray","Name":"GPU tray","ChassisType":"Module"}`
	two[chassisPath+"/sled"] = `{"Id":"sled","Name":"Sled","ChassisType":"Sled","Power":{"@odata.id":"` + chassisPath + `/sled/Power"}}`
	two[chassisPath+"/sled/Power"] = control310
	two[systemsPath+"/S3"] = `{"Id":"S3","Name":"System","Links":{"Chassis":[{"@odata.id":"` + chassisPath + `/tray"}]}}`
	alone := machineWith(withPower, "")
	alone[systemsPath] = collection(systemsPath)
	for _, row := range []struct {
		name      string
		resources map[string]string
		want      string
	}{
		{"a chassis that counts joules is a counter", machineWith(withEnergy, control310), "node counter 1U: 1.23457e+06 J and 412.5 W\n"},
		{"one that does not has its power", machineWith(withPower, control310), "node power 1U: 0 J and 412.5 W\n"},
		{"an older one has it elsewhere", machineWith("", control310), "node power 1U: 0 J and 310 W\n"},
		{"one with new metrics that say nothing of power, too", machineWith(`{"Id":"E","Name":"Metrics"}`, control310), "node power 1U: 0 J and 310 W\n"},
		{"of several systems each has its own", two,
			"node0 counter 1U: 1.23457e+06 J and 412.5 W\nnode1 power sled: 0 J and 310 W\nleft out: S3: no chassis of this system tells its energy or power\n"},
		{"a BMC that lists no system has its chassis", alone, "node power 1U: 0 J and 412.5 W\n"},
		{"a BMC that tells nothing is refused", machineWith("", `{"Id":"P","Name":"Power","PowerControl":[]}`),
			"left out: S1: no chassis of this system tells its energy or power\nleft out: : BMC tells neither energy nor power of a chassis\n"},
		{"a negative power is none", machineWith(`{"Id":"E","Name":"Metrics","PowerWatts":{"Reading":-1}}`, ""),
			"left out: S1: no chassis of this system tells its energy or power\nleft out: : BMC tells neither energy nor power of a chassis\n"},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := newBMC(t, "", row.resources)
			host := strings.TrimPrefix(b.URL, "http://")
			sources, left := Open(context.Background(), meter.NewClock(time.Now()), b.URL, Credentials{})
			got := ""
			for _, s := range sources {
				d, r := s.Domains()[0], first(t, s)
				if d.Scope != meter.ScopeNode || !d.Coarse || r.Status != meter.StatusOK || r.HasEnergy != (d.Kind == meter.KindCounter) || !r.HasPower {
					t.Errorf("got domain %+v and reading %+v, want a node's, coarse, with its value", d, r)
				}
				got += fmt.Sprintf("%s %s %s: %v and %v\n", d.Name, d.Kind, strings.TrimPrefix(d.Device, host+" chassis "), r.Energy, r.Power)
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}
			for _, l := range left {
				got += "left out: " + l.Domain + ": " + strings.ReplaceAll(l.Reason, host, "BMC") + "\n"
			}
			if got != row.want {
				t.Errorf("got\n%swant\n%s", got, row.want)
			}
		})
	}
}

func TestBMCThatFailsIsAMissingSample(t *testing.T) {
	b := newBMC(t, "", machineWith(withEnergy, ""))
	sources, left := Open(context.Background(), meter.NewClock(time.Now()), b.URL, Credentials{})
	if len(sources) != 1 {
		t.Fatalf("got refusals %+v", left)
	}
	defer sources[0].Close()
	if r := first(t, sources[0]); !r.HasEnergy {
		t.Fatalf("got %+v, want a value", r)
	}
	path := chassisPath + "/1U/EnvironmentMetrics"
	b.set(path, withEnergy, true)
	if r := await(t, sources[0], func(r meter.Reading) bool { return !r.HasEnergy }); r.Status != meter.StatusTransient || r.HasPower {
		t.Errorf("while the BMC fails: got %+v, want a transient reading without a value", r)
	}
	b.set(path, withPower, false)
	if r := first(t, sources[0]); r.HasPower {
		t.Errorf("without its energy: got %+v, want no value: a gauge does not stand in for a counter", r)
	}
	b.set(path, withEnergy, false)
	await(t, sources[0], func(r meter.Reading) bool { return r.HasEnergy })
}

// await reads until a reading is as wanted.
func await(t *testing.T, s meter.Source, ok func(meter.Reading) bool) meter.Reading {
	t.Helper()
	for range 30 {
		if r := first(t, s); ok(r) {
			return r
		}
	}
	t.Fatal("none of 30 readings is as wanted")
	return meter.Reading{}
}

func TestCredentials(t *testing.T) {
	b := newBMC(t, "hunter2", machineWith(withEnergy, ""))
	env := map[string]string{"CFU_REDFISH_USER": "root", "CFU_REDFISH_PASSWORD": "hunter2", "CFU_REDFISH_INSECURE": "1"}
	if got, want := CredentialsFromEnv(func(name string) string { return env[name] }), (Credentials{"root", "hunter2", true}); got != want {
		t.Errorf("from the environment: got %+v, want %+v", got, want)
	}
	for _, row := range []struct {
		name        string
		address     string
		credentials Credentials
		want        string // a part of the refusals, "" for a source
	}{
		{"the right ones", b.URL, Credentials{User: "root", Password: "hunter2"}, ""},
		{"a wrong password", b.URL, Credentials{User: "root", Password: "wrong2"}, "401"},
		{"none", b.URL, Credentials{}, "401"},
		{"a password in the address", strings.Replace(b.URL, "http://", "http://root:hunter2@", 1), Credentials{}, "user name in it"},
		{"a password in the clear", "http://bmc.example", Credentials{User: "root", Password: "hunter2"}, "in the clear"},
		{"no address", "bmc.example", Credentials{}, "not a URL"},
		{"nobody there", "http://127.0.0.1:1", Credentials{}, "connect to 127.0.0.1:1"},
	} {
		sources, left := Open(context.Background(), meter.NewClock(time.Now()), row.address, row.credentials)
		for _, s := range sources {
			s.Close()
		}
		all := fmt.Sprintf("%+v", left)
		if (row.want == "") != (len(sources) == 1) || !strings.Contains(all, row.want) {
			t.Errorf("%s: got %d sources and %s, want %q", row.name, len(sources), all, row.want)
		}
		if strings.Contains(all, "hunter2") || strings.Contains(all, "wrong2") {
			t.Errorf("%s: the password is in %s", row.name, all)
		}
	}
}

func TestOwnCertificate(t *testing.T) {
	plain := newBMC(t, "", machineWith(withEnergy, ""))
	s := httptest.NewTLSServer(plain.Config.Handler)
	defer s.Close()
	sources, left := Open(context.Background(), meter.NewClock(time.Now()), s.URL, Credentials{})
	if len(sources) != 0 || len(left) != 1 || !strings.Contains(left[0].Remedy, "CFU_REDFISH_INSECURE=1") {
		t.Errorf("a certificate that nobody vouches for: got %d sources and %+v, want a refusal that says how to accept it", len(sources), left)
	}
	sources, left = Open(context.Background(), meter.NewClock(time.Now()), s.URL, Credentials{Insecure: true})
	if len(sources) != 1 {
		t.Fatalf("accepted: got refusals %+v", left)
	}
	first(t, sources[0])
	sources[0].Close()
}

// A BMC that sends elsewhere is not followed: the password is its own.
func TestRedirectKeepsThePasswordAtHome(t *testing.T) {
	asked := make(chan string, 10)
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked <- r.Header.Get("Authorization") }))
	defer other.Close()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL+r.URL.Path, http.StatusPermanentRedirect)
	}))
	defer s.Close()
	_, left := Open(t.Context(), meter.NewClock(time.Now()), s.URL, Credentials{User: "root", Password: "pass-w0rd"})
	if len(left) != 1 || !strings.Contains(left[0].Reason, "redirects to "+other.URL) || len(asked) > 0 {
		t.Errorf("left out: %v, and the other server was asked %d times; want a refusal that names it", left, len(asked))
	}
}
