//go:build linux && cgo && (amd64 || arm64)

package nvml

// #cgo LDFLAGS: -ldl
import "C"

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"cfubench/meter"
)

// openPatience is how long the library may take to answer while it is opened:
// a GPU that hangs its driver must not hang the run before it has begun.
const openPatience = 20 * time.Second

type opened struct {
	sources []meter.Source
	left    []meter.Refusal
}

func open(clock meter.Clock, library string) ([]meter.Source, []meter.Refusal) {
	result := make(chan opened, 1)
	go func() {
		sources, left := openLibrary(clock, library)
		result <- opened{sources, left}
	}()
	timer := time.NewTimer(openPatience)
	defer timer.Stop()
	select {
	case o := <-result:
		return o.sources, o.left
	case <-timer.C:
		return nil, []meter.Refusal{{
			Source: source, Reason: fmt.Sprintf("the driver did not answer in %v", openPatience),
			Remedy: "look for Xid errors in dmesg; nvidia-smi hangs as well",
		}}
	}
}

// shared is one loaded library, the number of sources that use it and of calls
// that are in it.
type shared struct {
	api    nvml.Interface
	driver string // version, "" if it is not told
	users  atomic.Int32
	calls  atomic.Int32
}

// enter and leave stand around whatever calls the library.
func (s *shared) enter() { s.calls.Add(1) }
func (s *shared) leave() { s.calls.Add(-1) }

// release gives up one use of the library; the last one shuts it down and
// unloads it. That must not happen under a call which does not return: the code
// would be gone from under it.
func (s *shared) release() error {
	if s.users.Add(-1) > 0 {
		return nil
	}
	for waited := time.Duration(0); s.calls.Load() > 0; waited += releaseStep {
		if waited >= meter.Patience {
			return errors.New("shut down nvml: a call to the driver does not return: the library stays loaded")
		}
		time.Sleep(releaseStep)
	}
	if ret := s.api.Shutdown(); ret != nvml.SUCCESS {
		return fmt.Errorf("shut down nvml: %w", ret)
	}
	return nil
}

// releaseStep is how often release looks whether the last call has returned.
const releaseStep = 10 * time.Millisecond

func openLibrary(clock meter.Clock, library string) ([]meter.Source, []meter.Refusal) {
	var options []nvml.LibraryOption
	name := LibraryName
	if library != "" {
		options, name = append(options, nvml.WithLibraryPath(library)), library
	}
	lib := &shared{api: nvml.New(options...)}
	if ret := lib.api.Init(); ret != nvml.SUCCESS {
		return nil, []meter.Refusal{initRefusal(name, ret)}
	}
	lib.users.Store(1) // ours, while opening
	if version, ret := lib.api.SystemGetDriverVersion(); ret == nvml.SUCCESS {
		lib.driver = version
	}

	devices, left := findDevices(clock, lib)
	var sources []meter.Source
	for _, d := range devices {
		lib.users.Add(1)
		sources = append(sources, d)
	}
	if err := lib.release(); err != nil {
		left = append(left, meter.Refusal{Source: source, Reason: err.Error()})
	}
	return sources, left
}

// initRefusal explains why the library could not be initialised.
func initRefusal(name string, ret nvml.Return) meter.Refusal {
	r := meter.Refusal{Source: source, Reason: fmt.Sprintf("initialise %s: %v", name, ret)}
	switch ret {
	case nvml.ERROR_LIBRARY_NOT_FOUND:
		r.Reason = name + " cannot be loaded: no NVIDIA driver, or not visible here"
		r.Remedy = "install the NVIDIA driver; in a container start it with --gpus all; or name the file with --nvml-library"
	case nvml.ERROR_DRIVER_NOT_LOADED:
		r.Remedy = "load the kernel module: modprobe nvidia"
	case nvml.ERROR_LIB_RM_VERSION_MISMATCH:
		r.Remedy = "library and kernel module are of different versions: reload the module or reboot"
	case nvml.ERROR_NO_PERMISSION:
		r.Remedy = "give the user access to /dev/nvidia*"
	case nvml.ERROR_FUNCTION_NOT_FOUND:
		r.Reason = name + " has no nvmlInit: it is not the NVIDIA management library"
		r.Remedy = "name the right file with --nvml-library"
	}
	return r
}

// findDevices opens all GPUs in the order of their PCI addresses: NVML's own
// order is not CUDA's, and an address survives a reboot.
func findDevices(clock meter.Clock, lib *shared) ([]*Device, []meter.Refusal) {
	count, ret := lib.api.DeviceGetCount()
	if ret != nvml.SUCCESS {
		return nil, []meter.Refusal{{Source: source, Reason: fmt.Sprintf("count GPUs: %v", ret)}}
	}
	if count == 0 {
		return nil, []meter.Refusal{{Source: source, Reason: "the driver lists no GPU", Remedy: "in a container check NVIDIA_VISIBLE_DEVICES"}}
	}
	type found struct {
		handle  nvml.Device
		address string
		index   int
	}
	var all []found
	var left []meter.Refusal
	for i := range count {
		handle, ret := lib.api.DeviceGetHandleByIndex(i)
		if ret != nvml.SUCCESS {
			left = append(left, meter.Refusal{Source: source, Domain: "gpu" + strconv.Itoa(i), Reason: fmt.Sprintf("open GPU %d: %v", i, ret), Remedy: "look for Xid errors in dmesg"})
			continue
		}
		all = append(all, found{handle, pciAddress(handle), i})
	}
	slices.SortFunc(all, func(a, b found) int {
		return cmp.Or(cmp.Compare(a.address, b.address), cmp.Compare(a.index, b.index))
	})
	var devices []*Device
	for n, f := range all {
		d, refused := newDevice(clock, lib, f.handle, f.address, n)
		left = append(left, refused...)
		if d != nil {
			devices = append(devices, d)
		}
	}
	return devices, left
}

// pciAddress returns the address as sysfs writes it (0000:3b:00.0), "" if the
// driver does not tell.
func pciAddress(handle nvml.Device) string {
	info, ret := handle.GetPciInfo()
	if ret != nvml.SUCCESS {
		return ""
	}
	var b strings.Builder
	for _, c := range info.BusId {
		if c == 0 {
			break
		}
		b.WriteByte(byte(c))
	}
	address := strings.ToLower(b.String())
	if segment, rest, ok := strings.Cut(address, ":"); ok && len(segment) == 8 && strings.HasPrefix(segment, "0000") {
		address = segment[4:] + ":" + rest
	}
	return address
}

// fatal reports errors after which the device answers no more in this process.
func fatal(ret nvml.Return) bool {
	return errors.Is(ret, nvml.ERROR_GPU_IS_LOST) || errors.Is(ret, nvml.ERROR_RESET_REQUIRED) ||
		errors.Is(ret, nvml.ERROR_UNINITIALIZED) || errors.Is(ret, nvml.ERROR_LIB_RM_VERSION_MISMATCH) ||
		errors.Is(ret, nvml.ERROR_DRIVER_NOT_LOADED)
}
