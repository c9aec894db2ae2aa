#include "cpu/scratch.h"

#include "memory.h"
#include "status.h"

namespace gimbal {
namespace {

constexpr int kSlots = 5;

struct Block {
    void* memory = nullptr;
    int64_t bytes = 0;

    Block() = default;
    Block(const Block&) = delete;
    Block& operator=(const Block&) = delete;
    ~Block() { free_memory(memory); }

    void grow(int64_t wanted) {
        free_memory(memory);
        memory = nullptr;
        bytes = 0;
        memory = allocate_memory(wanted);
        bytes = wanted;
    }
};

} // namespace

float* scratch(Scratch slot, int64_t count) {
    thread_local Block blocks[kSlots];
    Block& block = blocks[static_cast<int>(slot)];
    const int64_t bytes = count * static_cast<int64_t>(sizeof(float));
    try {
        if (bytes > block.bytes) block.grow(bytes);
    } catch (const Error&) {
        return nullptr;
    }
    return static_cast<float*>(block.memory);
}

} // namespace gimbal
