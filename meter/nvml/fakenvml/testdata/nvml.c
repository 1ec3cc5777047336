// A stand-in for libnvidia-ml.so.1. Macros choose its faults:
//
//   GPUS            number of GPUs (1)
//   FIRST           number of the first, in its UUID and bus address (0)
//   POWER_MW        what each draws, in mW (300000)
//   TRACED          the power is that of the file in FAKENVML_TRACE: records of
//                   two int64, CLOCK_MONOTONIC in ns and mW from then on, to one
//                   of 0 ns. Counter and gauges are published every PERIOD_MS, as
//                   an H100's are said to be: field 186 is the mean of the last
//                   25 ms, field 185 and GetPowerUsage that of the last second.
//   SAMPLES_MW      what the driver's own samples show of it (POWER_MW)
//   PERIOD_MS       update period of the counter, in ms (100)
//   SUPERCHIP       module scope has power; the counter is the module's
//   MIG             MIG mode is on
//   PERSISTENCE     persistence mode (1)
//   NO_ENERGY       the energy field and call are NOT_SUPPORTED
//   NO_ENERGY_FIELD the field alone is
//   NO_INSTANT      instantaneous power is NOT_SUPPORTED
//   MISSING_FIELDS  an old driver: nvmlDeviceGetFieldValues does not exist
//   MISSING_MOST    a very old one: no energy, samples, UUID, reasons either
//   LOST_AFTER      field calls after which the GPU is lost
//   FLAKY           every third field call fails with UNKNOWN
//   BLOCK_AFTER     field calls after which one takes BLOCK_MS (1500)
//   BLOCK_FILE      a file; while it exists no field call of the first GPU
//                   returns, and nvmlShutdown waits for those under way
//   BLOCK_FROM      the call from which on BLOCK_FILE counts (1)
//   INIT_ERROR      what nvmlInit_v2 returns
//   THROTTLED       bits of the clocks' event reasons
//   FOREIGN_PID     a process that computes on every GPU

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#ifndef GPUS
#define GPUS 1
#endif
#ifndef FIRST
#define FIRST 0
#endif
#ifndef POWER_MW
#define POWER_MW 300000
#endif
#ifndef SAMPLES_MW
#define SAMPLES_MW POWER_MW
#endif
#ifndef PERIOD_MS
#define PERIOD_MS 100
#endif
#ifndef PERSISTENCE
#define PERSISTENCE 1
#endif
#ifndef BLOCK_MS
#define BLOCK_MS 1500
#endif
#ifndef BLOCK_FROM
#define BLOCK_FROM 1
#endif
#ifndef THROTTLED
#define THROTTLED 0
#endif
#ifdef MISSING_MOST
#define MISSING_FIELDS
#endif

enum { OK = 0, UNINITIALIZED = 1, INVALID = 2, NOT_SUPPORTED = 3, NOT_FOUND = 6, INSUFFICIENT = 7, LOST = 15, UNKNOWN = 999 };
enum { DOUBLE, UINT, ULONG, ULONGLONG };

typedef struct gpu { int index; long calls; } gpu;
static gpu gpus[GPUS];
static int users, blocked;

static int64_t now(clockid_t id) { // ns
	struct timespec t;
	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

#ifdef TRACED
enum { RECORDS = 65536 };
typedef struct { int64_t from, mw; } record;

// The energy in nJ·1000 (mW·ns) from the trace's begin to at.
static double traced(int64_t at) {
	static volatile record *trace;
	if (!trace) {
		const char *path = getenv("FAKENVML_TRACE");
		int fd = path ? open(path, O_RDONLY) : -1;
		void *map = fd < 0 ? MAP_FAILED : mmap(0, RECORDS * sizeof *trace, PROT_READ, MAP_SHARED, fd, 0);
		if (map == MAP_FAILED) {
			fprintf(stderr, "fake NVML: FAKENVML_TRACE: no trace\n");
			exit(1);
		}
		trace = map;
	}
	double sum = 0;
	for (int i = 0; i < RECORDS && trace[i].from && trace[i].from < at; i++) {
		int64_t to = i + 1 < RECORDS && trace[i + 1].from && trace[i + 1].from < at ? trace[i + 1].from : at;
		sum += (double)trace[i].mw * (double)(to - trace[i].from);
	}
	return sum;
}

static int64_t published(void) {
	int64_t period = (int64_t)PERIOD_MS * 1000000;
	return now(CLOCK_MONOTONIC) / period * period;
}

// The mean power in mW over the time before at.
static unsigned mean(int64_t at, int64_t over) { return (unsigned)((traced(at) - traced(at - over)) / (double)over + 0.5); }

static unsigned instant(void) { return mean(published(), 25000000); }
static unsigned average(void) { return mean(published(), 1000000000); }
#else
__attribute__((unused)) static unsigned instant(void) { return POWER_MW; }
static unsigned average(void) { return POWER_MW; }
#endif

// Energy in mJ as of the last update: the GPUs have drawn their power since the
// machine was started.
__attribute__((unused)) static uint64_t energy(void) {
	int64_t period = (int64_t)PERIOD_MS * 1000000;
#ifdef TRACED
	(void)period;
	return (uint64_t)(traced(published()) / 1e9);
#else
	int64_t updates = now(CLOCK_MONOTONIC) / period;
	return (uint64_t)updates * PERIOD_MS * POWER_MW / 1000;
#endif
}

int nvmlInit_v2(void) {
#ifdef INIT_ERROR
	return INIT_ERROR;
#endif
	users++;
	for (int i = 0; i < GPUS; i++)
		gpus[i].index = i;
	return OK;
}

int nvmlInit(void) { return nvmlInit_v2(); }

int nvmlShutdown(void) {
	if (users == 0)
		return UNINITIALIZED;
	while (__atomic_load_n(&blocked, __ATOMIC_SEQ_CST) > 0)
		usleep(1000);
	users--;
	return OK;
}

const char *nvmlErrorString(int code) {
	switch (code) {
	case OK: return "Success";
	case NOT_SUPPORTED: return "Not Supported";
	case LOST: return "GPU is lost";
	}
	return "Unknown Error";
}

int nvmlDeviceGetCount_v2(unsigned *count) {
	*count = GPUS;
	return OK;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, gpu **device) {
	if (index >= GPUS)
		return INVALID;
	*device = &gpus[index];
	return OK;
}

// The PCI addresses run against the indices, as they may.
typedef struct { char legacy[16]; unsigned domain, bus, device, id, subsystem; char bus_id[32]; } pci_info;
int nvmlDeviceGetPciInfo_v3(gpu *g, pci_info *p) {
	memset(p, 0, sizeof *p);
	p->bus = 0x80 - FIRST - g->index;
	snprintf(p->bus_id, sizeof p->bus_id, "00000000:%02X:00.0", p->bus);
	return OK;
}

#ifndef MISSING_MOST
int nvmlDeviceGetUUID(gpu *g, char *uuid, unsigned length) {
	snprintf(uuid, length, "GPU-00000000-0000-0000-0000-%012d", FIRST + g->index);
	return OK;
}

int nvmlDeviceGetTotalEnergyConsumption(gpu *g, unsigned long long *mj) {
#if defined NO_ENERGY
	return NOT_SUPPORTED;
#endif
	*mj = energy();
	return OK;
}

typedef struct { unsigned long long stamp; union { unsigned u; unsigned long long ull; double d; } value; } sample;
int nvmlDeviceGetSamples(gpu *g, int type, unsigned long long last, unsigned *kind, unsigned *count, sample *out) {
	enum { KEPT = 119, SPACING = 20000 }; // µs
	*kind = UINT;
	unsigned long long newest = (unsigned long long)now(CLOCK_REALTIME) / 1000 / SPACING * SPACING;
	if (!out) {
		*count = KEPT + 1;
		return OK;
	}
	unsigned n = 0;
	for (int i = KEPT - 1; i >= 0; i--) {
		unsigned long long stamp = newest - (unsigned long long)i * SPACING;
		if (stamp > last && n < *count) {
			memset(&out[n], 0, sizeof out[n]);
			out[n].stamp = stamp;
#ifdef TRACED
			int64_t ago = now(CLOCK_REALTIME) - (int64_t)stamp * 1000;
			out[n++].value.u = mean(now(CLOCK_MONOTONIC) - ago, SPACING * 1000);
#else
			out[n++].value.u = SAMPLES_MW;
#endif
		}
	}
	*count = n;
	return n ? OK : NOT_FOUND;
}

int nvmlDeviceGetCurrentClocksEventReasons(gpu *g, unsigned long long *bits) {
	*bits = THROTTLED;
	return OK;
}

int nvmlDeviceGetMigMode(gpu *g, unsigned *current, unsigned *pending) {
#ifdef MIG
	*current = *pending = 1;
	return OK;
#endif
	return NOT_SUPPORTED;
}
#endif // MISSING_MOST

int nvmlDeviceGetPowerUsage(gpu *g, unsigned *mw) {
	*mw = average();
	return OK;
}

int nvmlDeviceGetEnforcedPowerLimit(gpu *g, unsigned *mw) {
	*mw = 700000;
	return OK;
}

int nvmlDeviceGetPersistenceMode(gpu *g, unsigned *mode) {
	*mode = PERSISTENCE;
	return OK;
}

int nvmlDeviceGetClockInfo(gpu *g, int type, unsigned *mhz) {
	*mhz = type == 1 ? 1980 : 2619;
	return OK;
}

int nvmlDeviceGetTemperature(gpu *g, int sensor, unsigned *celsius) {
	*celsius = 61;
	return OK;
}

int nvmlDeviceGetPerformanceState(gpu *g, unsigned *state) {
	*state = 0;
	return OK;
}

typedef struct { unsigned pid; unsigned long long memory; unsigned gi, ci; } process;
int nvmlDeviceGetComputeRunningProcesses_v3(gpu *g, unsigned *count, process *out) {
#ifdef FOREIGN_PID
	if (*count < 1) {
		*count = 1;
		return INSUFFICIENT;
	}
	memset(out, 0, sizeof *out);
	out->pid = FOREIGN_PID;
	*count = 1;
#else
	*count = 0;
#endif
	return OK;
}

int nvmlDeviceGetName(gpu *g, char *name, unsigned length) {
	(void)g;
	snprintf(name, length, "Simulated H100");
	return OK;
}

int nvmlSystemGetDriverVersion(char *version, unsigned length) {
	snprintf(version, length, "580.00");
	return OK;
}

typedef struct { unsigned gpu, memory; } utilization;
int nvmlDeviceGetUtilizationRates(gpu *g, utilization *out) {
	(void)g;
	*out = (utilization){90, 40};
	return OK;
}

typedef struct { unsigned long long total, free, used; } memory;
int nvmlDeviceGetMemoryInfo(gpu *g, memory *out) {
	(void)g;
	*out = (memory){80ULL << 30, 10ULL << 30, 70ULL << 30};
	return OK;
}

#ifndef MISSING_FIELDS
typedef struct {
	unsigned field, scope;
	long long stamp, latency;
	unsigned kind;
	int ret;
	union { double d; unsigned u; unsigned long ul; unsigned long long ull; } value;
} field_value;

static void set(field_value *v, unsigned kind, unsigned long long value) {
	v->kind = kind;
	v->ret = OK;
	if (kind == UINT)
		v->value.u = value;
	else
		v->value.ull = value;
}

static void answer(field_value *v) {
	v->stamp = now(CLOCK_REALTIME) / 1000;
	v->ret = NOT_SUPPORTED;
	switch (v->field) {
	case 83:
#if !defined NO_ENERGY && !defined NO_ENERGY_FIELD
		set(v, ULONGLONG, energy());
#endif
		break;
	case 186: // instantaneous power
#ifndef NO_INSTANT
#ifdef SUPERCHIP
		if (v->scope == 1)
			set(v, UINT, POWER_MW);
#else
		if (v->scope == 0)
			set(v, UINT, instant());
#endif
#endif
		break;
	case 185: // power averaged over 1 s
#ifdef TRACED
		if (v->scope == 0)
			set(v, UINT, average());
#else
		if (v->scope == 0)
			set(v, UINT, POWER_MW / 2);
#endif
#ifndef TRACED
		if (v->scope == 2)
			set(v, UINT, POWER_MW / 8);
#endif
		break;
	}
}

int nvmlDeviceGetFieldValues(gpu *g, int count, field_value *values) {
	long call = ++g->calls;
	(void)call;
#ifdef LOST_AFTER
	if (call > LOST_AFTER)
		return LOST;
#endif
#ifdef BLOCK_AFTER
	if (call == BLOCK_AFTER + 1)
		usleep(BLOCK_MS * 1000);
#endif
#ifdef BLOCK_FILE
	__atomic_add_fetch(&blocked, 1, __ATOMIC_SEQ_CST);
	while (g->index == 0 && call >= BLOCK_FROM && access(BLOCK_FILE, F_OK) == 0)
		usleep(1000);
	__atomic_sub_fetch(&blocked, 1, __ATOMIC_SEQ_CST);
#endif
#ifdef FLAKY
	if (call > 8 && call % 3 == 0)
		return UNKNOWN;
#endif
	for (int i = 0; i < count; i++)
		answer(&values[i]);
	return OK;
}
#endif // MISSING_FIELDS

#ifdef TRACED // what other tools ask for
int nvmlInitWithFlags(unsigned flags) {
	(void)flags;
	return nvmlInit_v2();
}

int nvmlDeviceGetHandleByUUID(const char *uuid, gpu **device) {
	unsigned long n = strlen(uuid);
	return n < 12 ? INVALID : nvmlDeviceGetHandleByIndex_v2((unsigned)atoi(uuid + n - 12), device);
}

int nvmlDeviceGetPowerManagementLimit(gpu *g, unsigned *mw) { return nvmlDeviceGetEnforcedPowerLimit(g, mw); }

int nvmlDeviceGetPowerManagementDefaultLimit(gpu *g, unsigned *mw) { return nvmlDeviceGetEnforcedPowerLimit(g, mw); }

int nvmlDeviceGetPowerManagementLimitConstraints(gpu *g, unsigned *low, unsigned *high) {
	*low = 200000;
	return nvmlDeviceGetEnforcedPowerLimit(g, high);
}

int nvmlDeviceGetArchitecture(gpu *g, unsigned *architecture) {
	(void)g;
	*architecture = 9; // Hopper
	return OK;
}

int nvmlDeviceGetComputeMode(gpu *g, unsigned *mode) {
	(void)g;
	*mode = 0;
	return OK;
}

int nvmlDeviceGetDisplayMode(gpu *g, unsigned *mode) { return nvmlDeviceGetComputeMode(g, mode); }

int nvmlDeviceGetGraphicsRunningProcesses_v3(gpu *g, unsigned *count, process *out) {
	(void)g, (void)out;
	*count = 0;
	return OK;
}

int nvmlDeviceGetMemoryInfo_v2(gpu *g, void *out) {
	(void)g, (void)out;
	return NOT_SUPPORTED;
}
#endif // TRACED
