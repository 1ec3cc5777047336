//go:build linux && cgo && (amd64 || arm64)

package nvml

import (
	"encoding/binary"
	"math"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"cfubench/meter"
)

// register is one NVML field in one scope, and what it is called in notes.
type register struct {
	field, scope uint32
	what         string
}

// The registers that are looked for. Their scopes are probed one by one: a
// superchip may have a field for the module and not for its GPU
// (docs/meters.md).
func energyRegister() register {
	return register{nvml.FI_DEV_TOTAL_ENERGY_CONSUMPTION, nvml.POWER_SCOPE_GPU, "energy counter"}
}

func instantPower(scope uint32) register {
	return register{nvml.FI_DEV_POWER_INSTANT, scope, "instantaneous power"}
}

func averagePower(scope uint32) register {
	return register{nvml.FI_DEV_POWER_AVERAGE, scope, "power averaged over 1 s"}
}

// probe asks for each register once and returns those that answer with a
// value, and the answers of the others.
func probe(handle nvml.Device, wanted ...register) (have map[register]bool, why map[register]nvml.Return) {
	have, why = map[register]bool{}, map[register]nvml.Return{}
	for _, r := range wanted {
		// One call a register: some drivers fail a batch for one bad field.
		values := []nvml.FieldValue{{FieldId: r.field, ScopeId: r.scope}}
		ret := handle.GetFieldValues(values)
		if ret == nvml.SUCCESS {
			ret = nvml.Return(values[0].NvmlReturn)
		}
		if ret == nvml.SUCCESS {
			if _, ok := number(values[0]); ok {
				have[r] = true
				continue
			}
			ret = nvml.ERROR_NO_DATA
		}
		why[r] = ret
	}
	return have, why
}

// number decodes a field's value by its type; false if the type is unknown or
// the value is not a count.
func number(v nvml.FieldValue) (uint64, bool) {
	return decode(nvml.ValueType(v.ValueType), v.Value)
}

func decode(t nvml.ValueType, b [8]byte) (uint64, bool) {
	switch t {
	case nvml.VALUE_TYPE_UNSIGNED_INT:
		v := binary.LittleEndian.Uint32(b[:])
		return uint64(v), v != math.MaxUint32 // all ones is what drivers put where there is no value
	case nvml.VALUE_TYPE_UNSIGNED_SHORT:
		return uint64(binary.LittleEndian.Uint16(b[:])), true
	case nvml.VALUE_TYPE_UNSIGNED_LONG, nvml.VALUE_TYPE_UNSIGNED_LONG_LONG:
		return binary.LittleEndian.Uint64(b[:]), true // unsigned long is 64 bits on both architectures
	case nvml.VALUE_TYPE_SIGNED_LONG_LONG:
		v := int64(binary.LittleEndian.Uint64(b[:]))
		return uint64(v), v >= 0
	case nvml.VALUE_TYPE_SIGNED_INT:
		v := int32(binary.LittleEndian.Uint32(b[:]))
		return uint64(v), v >= 0
	case nvml.VALUE_TYPE_DOUBLE:
		v := math.Float64frombits(binary.LittleEndian.Uint64(b[:]))
		if !(v >= 0) || v > math.MaxInt64 {
			return 0, false
		}
		return uint64(v), true
	}
	return 0, false
}

// energy converts NVML's millijoules; false above what an Energy holds.
func energy(millijoules uint64) (meter.Energy, bool) {
	if millijoules > math.MaxInt64/uint64(meter.Millijoule) {
		return 0, false
	}
	return meter.Energy(millijoules) * meter.Millijoule, true
}

// power converts NVML's milliwatts; false above what a Power holds.
func power(milliwatts uint64) (meter.Power, bool) {
	if milliwatts > math.MaxInt64/uint64(meter.Milliwatt) {
		return 0, false
	}
	return meter.Power(milliwatts) * meter.Milliwatt, true
}
