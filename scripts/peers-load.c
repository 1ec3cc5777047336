// The load of scripts/test-peers: appends the power of SECONDS of serving (bursts of
// prefill and decode, drawn from SEED) to a trace of the fake NVML library, from now
// on, prints when it begins and ends (CLOCK_MONOTONIC, ns), and waits until it is over.
//
//   peers-load TRACE SEED SECONDS [BEGIN]     from BEGIN ns on instead of now, without waiting
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { RECORDS = 65536, IDLE_MW = 100000 };
typedef struct { int64_t from, mw; } record;

static uint64_t state;

static double uniform(double low, double high) { // xorshift64*
	state ^= state >> 12, state ^= state << 25, state ^= state >> 27;
	return low + (high - low) * (double)((state * 2685821657736338717ULL) >> 11) / 9007199254740992.0;
}

int main(int argc, char **argv) {
	if (argc < 4)
		return 2;
	int fd = open(argv[1], O_RDWR | O_CREAT, 0644);
	if (fd < 0 || ftruncate(fd, RECORDS * sizeof(record)))
		return perror(argv[1]), 1;
	record *trace = mmap(0, RECORDS * sizeof(record), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (trace == MAP_FAILED)
		return perror(argv[1]), 1;
	state = strtoull(argv[2], 0, 10) * 0x9e3779b97f4a7c15ULL | 1;
	for (int i = 0; i < 20; i++)
		uniform(0, 1);
	int n = 0;
	while (n < RECORDS && trace[n].from)
		n++;
	if (n == 0)
		trace[n++] = (record){1, IDLE_MW};
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	int64_t begin = argc > 4 ? strtoll(argv[4], 0, 10) : (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
	int64_t end = begin + (int64_t)(strtod(argv[3], 0) * 1e9), first = n;
	record head = {0, 0};
	for (int64_t at = begin; at < end && n < RECORDS - 2;) {
		double mw = uniform(360e3, 480e3), ms = uniform(50, 650);
		if (uniform(0, 1) < 0.3)
			mw = uniform(620e3, 690e3), ms = uniform(20, 200);
		record r = {at, (int64_t)mw};
		if (n == first)
			head = r;
		else
			trace[n] = r;
		n++;
		at += (int64_t)(ms * 1e6);
	}
	trace[n] = (record){end, IDLE_MW};
	trace[first].mw = head.mw;
	__atomic_store_n(&trace[first].from, head.from, __ATOMIC_SEQ_CST); // the whole load at once
	printf("%lld %lld\n", (long long)begin, (long long)end);
	fflush(stdout);
	t = (struct timespec){end / 1000000000, end % 1000000000};
	if (argc <= 4)
		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, 0))
			;
	return 0;
}
