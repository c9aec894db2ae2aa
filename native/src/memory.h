// Memory of the CPU: 64-byte aligned, zeroed, large blocks on huge pages.
#pragma once

#include <cstdint>

namespace gimbal {

// Throws GB_OUT_OF_MEMORY.
void* allocate_memory(int64_t bytes);
void free_memory(void* memory);

struct FreeMemory {
    void operator()(void* memory) const { free_memory(memory); }
};

} // namespace gimbal
