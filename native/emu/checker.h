// The judgement of one access of a kernel: own stack, shared memory, device memory, or a fault.
#pragma once

#include "machine.h"
#include "memory.h"

namespace emu {

// What the checker finds wrong is raised. Both may be called without a launch, and do nothing then.
void check_access_slowly(uintptr_t address, std::size_t bytes, Access kind, uintptr_t pc);

// An access that must be to shared memory, or to global memory.
void check_shared(const void* address, std::size_t bytes, Access kind, uintptr_t pc);
void check_global(const void* address, std::size_t bytes, Access kind, uintptr_t pc);

inline void check_access(uintptr_t address, std::size_t bytes, Access kind, uintptr_t pc) {
    if (on_own_stack(address) || !machine.checking) return;
    check_access_slowly(address, bytes, kind, pc);
}

} // namespace emu
