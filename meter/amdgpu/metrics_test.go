package amdgpu

import (
	"encoding/binary"
	"math"
	"testing"

	"cfubench/meter"
)

// The structures of the kernel's kgd_pp_interface.h, written out as far as the
// fields that are read and with the sizes of the whole: encoding/binary does not
// pad, so the padding that a C compiler puts in stands here as blank fields.
type (
	headerFields struct {
		Size            uint16
		Format, Content uint8
	}
	metricsV10 struct {
		headerFields
		_           [4]byte
		SystemClock uint64
		_           [6]uint16 // temperatures
		_           [3]uint16 // activities
		Power       uint16
		Energy      uint32
		_           [40]byte
	}
	metricsV11 struct {
		headerFields
		_           [6]uint16
		_           [3]uint16
		Power       uint16
		Energy      uint64
		SystemClock uint64
		_           [56]byte
	}
	metricsV13 struct {
		metricsV11
		Firmware uint64
		_        [16]byte
	}
	metricsV14 struct {
		headerFields
		_           [3]uint16
		Power       uint16
		_           [2]uint16
		_           [4]uint16 // vcn_activity
		Energy      uint64
		SystemClock uint64
		_           [192]byte
		Firmware    uint64
		_           [48]byte
	}
	metricsV15 struct {
		headerFields
		_           [3]uint16
		Power       uint16
		_           [2]uint16
		_           [4]uint16
		_           [32]uint16 // jpeg_activity
		Energy      uint64
		SystemClock uint64
		_           [200]byte
		Firmware    uint64
		_           [48]byte
	}
	metricsV16Early struct {
		headerFields
		_           [3]uint16
		Power       uint16
		_           [2]uint16
		_           [4]uint16
		_           [32]uint16
		Energy      uint64
		SystemClock uint64
		_           [224]byte
		Firmware    uint64
		_           [48]byte
	}
	metricsV16 struct {
		headerFields
		_           [3]uint16
		Power       uint16
		_           [2]uint16
		Energy      uint64
		SystemClock uint64
		_           [224]byte
		Firmware    uint64
		_           [1400]byte
	}
	metricsV17 struct {
		headerFields
		_           [3]uint16
		Power       uint16
		_           [2]uint16
		_           uint64 // mem_max_bandwidth
		Energy      uint64
		SystemClock uint64
		_           [248]byte
		Firmware    uint64
		_           [1400]byte
	}
	metricsV20 struct {
		headerFields
		_           [4]byte
		SystemClock uint64
		_           [28]byte
		Power       uint16
		_           [74]byte
	}
	metricsV21 struct {
		headerFields
		_           [12]uint16
		_           [2]uint16
		SystemClock uint64
		Power       uint16
		_           [86]byte
	}
	metricsV30 struct {
		headerFields
		_           [18]uint16
		_           uint16
		_           [2]uint16
		_           [8]uint16
		_           [16]uint16
		_           [4]uint16
		_           [2]byte
		SystemClock uint64
		Power       uint32
		_           [148]byte
	}
)

// blob encodes a table with its size and revision in the header.
func blob(t testing.TB, h *headerFields, table any, format, content uint8) []byte {
	t.Helper()
	*h = headerFields{Size: uint16(binary.Size(table)), Format: format, Content: content}
	b, err := binary.Append(nil, binary.LittleEndian, table)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The values in every table below: 1 MJ in steps of 2⁻¹⁶ J, and 320 W.
const (
	steps  = 1_000_000 << 16
	joules = 1_000_000 * meter.Joule
	watts  = 320 * meter.Watt
	clock  = 777_000_000_000
	stamp  = 12_345_678
)

// revisions returns one table of each published revision.
func revisions(t testing.TB) map[string][]byte {
	v10 := metricsV10{SystemClock: clock, Power: 320, Energy: 1000 << 16}
	v11 := metricsV11{SystemClock: clock, Power: 320, Energy: steps}
	v13 := metricsV13{metricsV11: v11, Firmware: stamp}
	v14 := metricsV14{SystemClock: clock, Power: 320, Energy: steps, Firmware: stamp}
	v15 := metricsV15{SystemClock: clock, Power: 320, Energy: steps, Firmware: stamp}
	v16e := metricsV16Early{SystemClock: clock, Power: 320, Energy: steps, Firmware: stamp}
	v16 := metricsV16{SystemClock: clock, Power: 320, Energy: steps, Firmware: stamp}
	v17 := metricsV17{SystemClock: clock, Power: 320, Energy: steps, Firmware: stamp}
	v20 := metricsV20{SystemClock: clock, Power: 320}
	v21 := metricsV21{SystemClock: clock, Power: 32_000}
	v30 := metricsV30{SystemClock: clock, Power: 320_000}
	return map[string][]byte{
		"v1.0":       blob(t, &v10.headerFields, &v10, 1, 0),
		"v1.1":       blob(t, &v11.headerFields, &v11, 1, 1),
		"v1.2":       blob(t, &v13.headerFields, &v13, 1, 2),
		"v1.3":       blob(t, &v13.headerFields, &v13, 1, 3),
		"v1.4":       blob(t, &v14.headerFields, &v14, 1, 4),
		"v1.5":       blob(t, &v15.headerFields, &v15, 1, 5),
		"v1.6 early": blob(t, &v16e.headerFields, &v16e, 1, 6),
		"v1.6":       blob(t, &v16.headerFields, &v16, 1, 6),
		"v1.7":       blob(t, &v17.headerFields, &v17, 1, 7),
		"v1.8":       blob(t, &v17.headerFields, &v17, 1, 8),
		"v1.9":       attributes(t, 320, steps),
		"v2.0":       blob(t, &v20.headerFields, &v20, 2, 0),
		"v2.1":       blob(t, &v21.headerFields, &v21, 2, 1),
		"v2.2":       blob(t, &v21.headerFields, &v21, 2, 2),
		"v2.3":       blob(t, &v21.headerFields, &v21, 2, 3),
		"v2.4":       blob(t, &v21.headerFields, &v21, 2, 4),
		"v3.0":       blob(t, &v30.headerFields, &v30, 3, 0),
	}
}

// attributes encodes revision 1.9: descriptions and values, unpadded.
func attributes(t testing.TB, power uint16, energy uint64) []byte {
	t.Helper()
	type attribute struct {
		unit, kind, id, values uint64
		value                  any
	}
	const u16, u64 = 2, 6
	all := []attribute{
		{2, u16, 0, 1, uint16(45)},                // hotspot temperature
		{3, u16, 3, 1, power},                     // socket power
		{0, u64, 7, 1, energy},                    // energy accumulator
		{1, u16, 29, 4, [4]uint16{1, 2, 3, 4}},    // clocks, an array
		{4, u64, 8, 1, uint64(clock)},             // system clock
		{5, u64, 28, 1, uint64(stamp)},            // firmware timestamp
		{10, 0, 37, 5, [5]uint8{1, 2, 3, 4, 255}}, // activities
	}
	var err error
	b := []byte{0, 0, 1, 9}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(all)))
	for _, a := range all {
		b = binary.LittleEndian.AppendUint64(b, a.unit<<24|a.kind<<20|a.id<<10|a.values)
		if b, err = binary.Append(b, binary.LittleEndian, a.value); err != nil {
			t.Fatal(err)
		}
	}
	binary.LittleEndian.PutUint16(b, uint16(len(b)))
	return b
}

func TestEveryRevision(t *testing.T) {
	sizes := map[string]int{ // of the C structures, by gcc on amd64
		"v1.0": 80, "v1.1": 96, "v1.3": 120, "v1.4": 288, "v1.5": 360, "v1.6 early": 384, "v1.6": 1664, "v1.7": 1696,
	}
	for name, b := range revisions(t) {
		if want, ok := sizes[name]; ok && len(b) != want {
			t.Errorf("%s: the test's table has %d bytes, the kernel's %d", name, len(b), want)
		}
		want := metrics{driver: clock, hasDriver: true}
		switch {
		case name[1] == '1':
			want.energy, want.hasEnergy, want.power, want.hasPower = joules, true, watts, true
			want.firmware, want.hasFirmware = stamp, true
		case name == "v2.4":
			want.power, want.hasPower = 32*meter.Watt, true
		case name == "v3.0":
			want.power, want.hasPower = watts, true
		}
		switch name {
		case "v1.0":
			want.energy = 1000 * meter.Joule
			fallthrough
		case "v1.1":
			want.firmware, want.hasFirmware = 0, false
		}
		got, err := parse(b)
		if err != nil || got != want {
			t.Errorf("%s: got %+v, %v\nwant %+v", name, got, err, want)
		}
		if n := testing.AllocsPerRun(100, func() { _, _ = parse(b) }); n != 0 {
			t.Errorf("%s: %v allocations, want 0", name, n)
		}
	}
}

func TestUnavailableIsNotZeroNorHuge(t *testing.T) {
	for name, b := range revisions(t) {
		_, body, err := header(b)
		if err != nil {
			t.Fatal(err)
		}
		if name == "v1.9" {
			b = attributes(t, math.MaxUint16, math.MaxUint64)
		} else {
			for i := headerSize; i < len(body); i++ {
				b[i] = 0xff // as the driver fills a table before it fills it in
			}
		}
		got, err := parse(b)
		if err != nil || got.hasEnergy || got.hasPower {
			t.Errorf("%s: got %+v, %v, want neither energy nor power", name, got, err)
		}
	}
}

func TestOddTables(t *testing.T) {
	good := revisions(t)
	for _, row := range []struct {
		name string
		b    []byte
	}{
		{"nothing", nil},
		{"less than a header", []byte{4, 0}},
		{"cut off", good["v1.3"][:100]},
		{"a revision of the future", []byte{4, 0, 9, 9}},
		{"attributes cut off", append([]byte{12, 0, 1, 9}, good["v1.9"][4:12]...)},
		{"a size below the header's", []byte{1, 0, 1, 3, 0, 0}},
	} {
		if got, err := parse(row.b); err == nil {
			t.Errorf("%s: got %+v, want an error", row.name, got)
		}
	}
	// A table that ends before the energy has none.
	short := append([]byte{20, 0, 1, 3}, make([]byte, 16)...)
	if got, err := parse(short); err != nil || got.hasEnergy || got.hasPower {
		t.Errorf("short table: got %+v, %v, want neither energy nor power", got, err)
	}
}

func TestAccumulatorRange(t *testing.T) {
	for _, row := range []struct {
		steps uint64
		want  meter.Energy
		ok    bool
	}{
		{0, 0, true},
		{1, 15, true}, // 15.26 µJ, rounded down
		{1 << 16, meter.Joule, true},
		{1<<32 - 1, 65_535_999_984, true},
		{1 << 48, meter.Energy(1<<32) * meter.Joule, true},
		{math.MaxUint64, 0, false},
	} {
		got, ok := accumulated(row.steps)
		if ok != row.ok || ok && got != row.want {
			t.Errorf("%d steps: got %d µJ, %t, want %d µJ, %t", row.steps, got, ok, row.want, row.ok)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, b := range revisions(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parse(b)
		if err == nil && m.hasEnergy && m.energy < 0 {
			t.Errorf("got energy %v", m.energy)
		}
	})
}
