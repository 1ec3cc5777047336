package amdgpu

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"

	"cfubench/meter"
)

// metrics is what a gpu_metrics table tells of energy. A field that the table
// lacks, or whose bits are all ones (the driver's "not available"), is not set.
type metrics struct {
	energy    meter.Energy
	hasEnergy bool
	power     meter.Power
	hasPower  bool
	// driver is when the driver had fetched the table, in nanoseconds of boot
	// time; firmware counts in 10 ns of the device's own clock.
	driver, firmware uint64
	hasDriver        bool
	hasFirmware      bool
}

// revision is a table's format and content revision.
type revision struct{ format, content uint8 }

func (r revision) String() string { return fmt.Sprintf("v%d.%d", r.format, r.content) }

// place is a little-endian unsigned field of width bytes at an offset; width 0
// means that the revision has no such field.
type place struct{ at, width int }

func (p place) read(b []byte) (uint64, bool) {
	if p.width == 0 || p.at+p.width > len(b) {
		return 0, false
	}
	var v uint64
	switch p.width {
	case 2:
		v = uint64(binary.LittleEndian.Uint16(b[p.at:]))
	case 4:
		v = uint64(binary.LittleEndian.Uint32(b[p.at:]))
	default:
		v = binary.LittleEndian.Uint64(b[p.at:])
	}
	return v, v != 1<<(8*p.width)-1
}

// layout is where a revision keeps its fields, and the unit of its power.
type layout struct {
	energy, power, driver, firmware place
	unit                            meter.Power
}

// layoutOf returns the layout of a table of size bytes: the naturally aligned C
// structures gpu_metrics_v1_0 … v3_0 of the kernel's kgd_pp_interface.h. The
// tables of APUs (v2 and v3) hold no energy; v2.0 to v2.3 do not state the unit
// of their power, which the kernel's hwmon files do, so it is left to those.
// Revision 1.6 was laid out anew between its introduction and its first use:
// the two are told apart by size.
func layoutOf(r revision, size int) (layout, bool) {
	switch r {
	case revision{1, 0}:
		return layout{energy: place{36, 4}, power: place{34, 2}, driver: place{8, 8}, unit: meter.Watt}, true
	case revision{1, 1}:
		return layout{energy: place{24, 8}, power: place{22, 2}, driver: place{32, 8}, unit: meter.Watt}, true
	case revision{1, 2}, revision{1, 3}:
		return layout{energy: place{24, 8}, power: place{22, 2}, driver: place{32, 8}, firmware: place{96, 8}, unit: meter.Watt}, true
	case revision{1, 4}:
		return layout{energy: place{24, 8}, power: place{10, 2}, driver: place{32, 8}, firmware: place{232, 8}, unit: meter.Watt}, true
	case revision{1, 5}:
		return layout{energy: place{88, 8}, power: place{10, 2}, driver: place{96, 8}, firmware: place{304, 8}, unit: meter.Watt}, true
	case revision{1, 6}:
		if size < 400 {
			return layout{energy: place{88, 8}, power: place{10, 2}, driver: place{96, 8}, firmware: place{328, 8}, unit: meter.Watt}, true
		}
		return layout{energy: place{16, 8}, power: place{10, 2}, driver: place{24, 8}, firmware: place{256, 8}, unit: meter.Watt}, true
	case revision{1, 7}, revision{1, 8}:
		return layout{energy: place{24, 8}, power: place{10, 2}, driver: place{32, 8}, firmware: place{288, 8}, unit: meter.Watt}, true
	case revision{2, 0}:
		return layout{driver: place{8, 8}}, true
	case revision{2, 1}, revision{2, 2}, revision{2, 3}:
		return layout{driver: place{32, 8}}, true
	case revision{2, 4}:
		return layout{power: place{40, 2}, driver: place{32, 8}, unit: meter.Milliwatt}, true
	case revision{3, 0}:
		return layout{power: place{112, 4}, driver: place{104, 8}, unit: meter.Milliwatt}, true
	}
	return layout{}, false
}

// energyBits is the width of a revision's accumulator: v1.0 had 32 bits.
func energyBits(r revision) int {
	if r == (revision{1, 0}) {
		return 32
	}
	return 64
}

const headerSize = 4

var errShort = errors.New("shorter than its header says")

// header returns a table's revision and the bytes that belong to it.
func header(b []byte) (revision, []byte, error) {
	if len(b) < headerSize {
		return revision{}, nil, errShort
	}
	size := int(binary.LittleEndian.Uint16(b))
	r := revision{b[2], b[3]}
	if size < headerSize || size > len(b) {
		return r, nil, errShort
	}
	return r, b[:size], nil
}

// parse reads a gpu_metrics table. It allocates nothing unless it fails.
func parse(b []byte) (metrics, error) {
	r, b, err := header(b)
	if err != nil {
		return metrics{}, err
	}
	if r == (revision{1, 9}) {
		return parseAttributes(b)
	}
	l, ok := layoutOf(r, len(b))
	if !ok {
		return metrics{}, fmt.Errorf("revision %v is not known", r)
	}
	var m metrics
	if v, ok := l.energy.read(b); ok {
		m.energy, m.hasEnergy = accumulated(v)
	}
	if v, ok := l.power.read(b); ok {
		m.power, m.hasPower = meter.Power(v)*l.unit, true
	}
	m.driver, m.hasDriver = l.driver.read(b)
	m.firmware, m.hasFirmware = l.firmware.read(b)
	return m, nil
}

// accumulated converts the accumulator's steps of 2⁻¹⁶ J (15.259 µJ) to whole
// microjoules, rounded down.
func accumulated(steps uint64) (meter.Energy, bool) {
	hi, lo := bits.Mul64(steps, uint64(meter.Joule))
	if hi >= 1<<15 {
		return 0, false
	}
	return meter.Energy(hi<<48 | lo>>16), true
}

// Attributes of revision 1.9 (AMDGPU_METRICS_ENC_ATTR): a 64-bit description
// of unit, type, id and number of values, then the values, without padding.
const (
	attributeCurrentSocketPower = 3
	attributeEnergyAccumulator  = 7
	attributeSystemClock        = 8
	attributeFirmwareTimestamp  = 28
	attributeStart              = 8
)

// parseAttributes reads revision 1.9, a list of described values.
func parseAttributes(b []byte) (metrics, error) {
	if len(b) < attributeStart {
		return metrics{}, errShort
	}
	count := int(int32(binary.LittleEndian.Uint32(b[headerSize:])))
	var m metrics
	at := attributeStart
	for range count {
		if at+8 > len(b) {
			return metrics{}, errShort
		}
		code := binary.LittleEndian.Uint64(b[at:])
		at += 8
		kind, id, values := int(code>>20&0xf), int(code>>10&0x3ff), int(code&0x3ff)
		if kind > 7 {
			return metrics{}, fmt.Errorf("attribute %d has type %d, which is not known", id, kind)
		}
		width := 1 << (kind / 2) // u8, s8, u16, s16, u32, s32, u64, s64
		if at+width*values > len(b) {
			return metrics{}, errShort
		}
		if values == 1 && width > 1 {
			if v, ok := (place{at, width}).read(b); ok {
				m.set(id, v)
			}
		}
		at += width * values
	}
	return m, nil
}

func (m *metrics) set(id int, v uint64) {
	switch id {
	case attributeCurrentSocketPower:
		m.power, m.hasPower = meter.Power(v)*meter.Watt, true
	case attributeEnergyAccumulator:
		m.energy, m.hasEnergy = accumulated(v)
	case attributeSystemClock:
		m.driver, m.hasDriver = v, true
	case attributeFirmwareTimestamp:
		m.firmware, m.hasFirmware = v, true
	}
}
