// The judgement of one access of a kernel: own stack, shared memory, device memory, or a fault.
#pragma once

#include "global_races.h"
#include "machine.h"
#include "memory.h"

namespace emu {

[[noreturn]] void raise_finding(const Finding& finding, std::size_t bytes, Access kind, uintptr_t pc);

// What is neither shared nor device memory: constants, or a fault.
void check_elsewhere(uintptr_t address, std::size_t bytes, Access kind, uintptr_t pc);

inline bool is_shared(uintptr_t address) {
    return address - machine.shared < kSharedBytes;
}

// An access to an address for which is_shared() holds. Acquire and release mean nothing between threads of a block.
inline void check_shared(uintptr_t address, std::size_t bytes, Access kind, uintptr_t pc) {
    if (kind == Access::acquire) kind = Access::read;
    if (kind == Access::release) kind = Access::write;
    const Finding finding = machine.shadow->access(address - machine.shared, bytes, kind, machine.moment, relative(pc));
    if (finding.hazard != Hazard::none) [[unlikely]]
        raise_finding(finding, bytes, kind, pc);
}

// False if it is not device memory, or pinned memory of the host.
inline bool check_global(uintptr_t address, std::size_t bytes, Access kind, uintptr_t pc) {
    if (!device_memory.holds_quickly(address, bytes)) return false;
    if (machine.checking_races && device_memory.contains(address)) global_races.access(address, bytes, kind, pc);
    return true;
}

// What is found wrong is raised. Does nothing outside a launch.
inline void check_access(uintptr_t address, std::size_t bytes, Access kind, uintptr_t pc) {
    if (on_own_stack(address) || !machine.checking || machine.thread == nullptr) return;
    if (is_shared(address)) return check_shared(address, bytes, kind, pc);
    if (!check_global(address, bytes, kind, pc)) check_elsewhere(address, bytes, kind, pc);
}

// An access that must be to shared memory, or to global memory.
void require_shared(const void* address, std::size_t bytes, Access kind, uintptr_t pc);
void require_global(const void* address, std::size_t bytes, Access kind, uintptr_t pc);

} // namespace emu
