// What goes wrong in a kernel, and the sentence that reports it.
#pragma once

#include <cstdint>
#include <string>

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
uint32_t relative(uintptr_t pc);
uintptr_t absolute(uint32_t pc);

// True if `address` lies in this library: constants of kernels, among other things.
bool in_library(uintptr_t address);

} // namespace emu
