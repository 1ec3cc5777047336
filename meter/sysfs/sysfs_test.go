package sysfs

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParse(t *testing.T) {
	for _, row := range []struct {
		text string
		want int64
		ok   bool
	}{
		{"0\n", 0, true},
		{"123456789", 123456789, true},
		{"-5\n", -5, true},
		{"42 \n\n", 42, true},
		{"9223372036854775807\n", math.MaxInt64, true},
		{"9223372036854775808\n", 0, false},
		{"", 0, false},
		{"\n", 0, false},
		{"-", 0, false},
		{"12 34", 0, false},
		{"12abc", 0, false},
		{"0x12", 0, false},
		{"1.5", 0, false},
	} {
		got, err := Parse([]byte(row.text))
		if (err == nil) != row.ok || got != row.want {
			t.Errorf("%q: got %d, %v, want %d, ok %t", row.text, got, err, row.want, row.ok)
		}
	}
}

func TestParseReadsWhatGoWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.Int64Range(math.MinInt64+1, math.MaxInt64).Draw(t, "n")
		if got, err := Parse([]byte(strconv.FormatInt(want, 10) + "\n")); err != nil || got != want {
			t.Fatalf("got %d, %v, want %d", got, err, want)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"1\n", "-1", "", "99999999999999999999"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := Parse(b)
		if err != nil {
			return
		}
		if want, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64); err != nil || got != want {
			t.Errorf("%q: got %d, want %d, %v", b, got, want, err)
		}
	})
}

func TestRegisterIsReadAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "energy1_input")
	if err := os.WriteFile(path, []byte("10\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r, err := OpenRegister(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, text := range []string{"10\n", "11\n"} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil { // in place
			t.Fatal(err)
		}
		if got, err := r.Read(); err != nil || strconv.FormatInt(got, 10)+"\n" != text {
			t.Errorf("got %d, %v, want %q", got, err, text)
		}
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = r.Read() }); n != 0 {
		t.Errorf("got %v allocations a read, want 0", n)
	}
	if _, err := OpenRegister(path + "x"); !Missing(err) {
		t.Errorf("a file that is not there: got %v", err)
	}
}

func TestByNumber(t *testing.T) {
	got := []string{"hwmon10", "hwmon2", "card0", "hwmon1"}
	slices.SortFunc(got, ByNumber)
	if want := []string{"card0", "hwmon1", "hwmon2", "hwmon10"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestPCIAddress(t *testing.T) {
	root := t.TempDir()
	real := filepath.Join(root, "devices", "pci0000:00", "0000:3b:00.0")
	other := filepath.Join(root, "devices", "platform")
	link := filepath.Join(root, "device")
	for _, dir := range []string{real, other} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(real, link); err != nil {
		t.Fatal(err)
	}
	if got := PCIAddress(link); got != "0000:3b:00.0" {
		t.Errorf("by the link: got %q", got)
	}
	if got := PCIAddress(other); got != "" {
		t.Errorf("a device that is not on PCI: got %q", got)
	}
	if err := os.WriteFile(filepath.Join(other, "uevent"), []byte("PCI_SLOT_NAME=0000:C3:00.0\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := PCIAddress(other); got != "0000:c3:00.0" {
		t.Errorf("by the uevent file: got %q", got)
	}
}
