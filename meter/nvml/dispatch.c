//go:build linux && cgo && (amd64 || arm64)

// go-nvml leaves the functions of the NVIDIA management library undefined and
// relies on lazy binding: a program linked with -z now, the default of hardened
// distributions, dies before main where the library lacks any of them, and any
// program dies at the first call of one that an old driver lacks. Both ends are
// the dynamic linker's and no Go code can recover from them.
//
// So the functions are defined here. Each looks the real one up in the library
// that go-nvml has loaded (RTLD_GLOBAL) and, where there is none, returns
// NVML_ERROR_FUNCTION_NOT_FOUND. They are hidden: dlsym never finds them, only
// the library's. A look-up costs some 100 ns, an NVML call some 10 µs or more.
//
// All of the functions take at most six integers or pointers, which the calling
// conventions of amd64 and arm64 pass in registers: handing on six forwards any
// of them. symbols_test.go checks this against the declarations.

#define _GNU_SOURCE
#include <dlfcn.h>

#define HIDDEN __attribute__((visibility("hidden")))

enum { function_not_found = 13 }; // NVML_ERROR_FUNCTION_NOT_FOUND

typedef long function(long, long, long, long, long, long);

#define FORWARD(name)                                                  \
	HIDDEN long name(long a, long b, long c, long d, long e, long f) { \
		function *real = (function *)dlsym(RTLD_DEFAULT, #name);       \
		return real ? real(a, b, c, d, e, f) : function_not_found;     \
	}

#include "symbols.h"

// nvmlErrorString is the only one that returns text.
HIDDEN const char *nvmlErrorString(int code) {
	const char *(*real)(int) = (const char *(*)(int))dlsym(RTLD_DEFAULT, "nvmlErrorString");
	return real ? real(code) : "error without a description (the library has no nvmlErrorString)";
}
