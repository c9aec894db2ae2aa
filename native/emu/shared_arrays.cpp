// Shared memory of a block: the dynamic array at its beginning, then the declared ones.
//
//   | dynamic | red zone | first declared | red zone | second declared | ...
#include "machine.h"

#include <cstring>

namespace simt {

using namespace emu;

void* dynamic_shared() {
    return machine.thread->block->shared;
}

// Offsets are given in order of first use in a launch, the same in every block of a slot; red zones lie between.
void* shared_array(const void* declaration, const char* name, unsigned bytes, const void* caller) {
    constexpr std::size_t kStaticLimit = 48 << 10, kAlignment = 16, kRedZone = 32;
    Block& block = *machine.thread->block;
    std::size_t declared = bytes;
    for (const SharedArray& array : block.arrays) {
        if (array.declaration == declaration) return block.shared + array.offset;
        if (array.declaration != nullptr) declared += array.bytes;
    }
    const auto require = [&](std::size_t wanted, std::size_t got, const char* what) {
        if (got <= wanted) return;
        raise_fault(std::string(what) + " shared memory: wanted at most " + std::to_string(wanted) + " bytes, got " +
                        std::to_string(got) + " with " + name,
                    {nullptr, 0, reinterpret_cast<uintptr_t>(caller)});
    };
    require(kStaticLimit, declared, "static");
    require(machine.launch.shared_limit, declared + machine.launch.shared_bytes, "static and dynamic");
    const std::size_t offset = (block.shared_top + kRedZone + kAlignment - 1) / kAlignment * kAlignment;
    block.arrays.push_back({declaration, name, offset, bytes});
    block.shadow.allocate(offset, bytes);
    block.shared_top = offset + bytes;
    std::memset(block.shared + offset, 0xff, bytes);
    return block.shared + offset;
}

} // namespace simt
