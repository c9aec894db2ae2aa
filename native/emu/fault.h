// What goes wrong in a kernel, and the sentence that reports it.
#pragma once

#include <cstdint>
#include <string>

extern "C" {
// Set by the linker: the library's first byte and the one after its last.
extern __attribute__((visibility("hidden"))) const char __ehdr_start;
extern __attribute__((visibility("hidden"))) const char _end;
}

namespace emu {

// A place in a kernel: file and line where the source handed them over, and an address to look them up by.
struct Place {
    const char* file = nullptr;
    int line = 0;
    uintptr_t pc = 0; // return address of the call that reported, or 0
};

// "kernels/gae.cu:57 (gae_kernel), inlined at ...": from the debug information of this library, by addr2line; from
// place.file if that fails.
std::string describe(const Place& place);

// Addresses of code relative to this library's beginning, so that 32 bits hold them.
inline uint32_t relative(uintptr_t pc) {
    return static_cast<uint32_t>(pc - reinterpret_cast<uintptr_t>(&__ehdr_start));
}
inline uintptr_t absolute(uint32_t pc) {
    return reinterpret_cast<uintptr_t>(&__ehdr_start) + pc;
}

// True if `address` lies in this library: constants of kernels, among other things.
inline bool in_library(uintptr_t address) {
    return address - reinterpret_cast<uintptr_t>(&__ehdr_start) < static_cast<uintptr_t>(&_end - &__ehdr_start);
}

} // namespace emu
