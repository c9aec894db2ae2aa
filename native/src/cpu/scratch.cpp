#include "cpu/scratch.h"

#include <cstdlib>

#if defined(_WIN32)
#include <malloc.h>
#elif defined(__linux__)
#include <sys/mman.h>
#endif

namespace gimbal {
namespace {

constexpr int64_t kHugePage = int64_t{2} << 20;
constexpr int64_t kPage = 4096;
constexpr int kSlots = 4;

void release(void* memory) {
#if defined(_WIN32)
    _aligned_free(memory);
#else
    std::free(memory);
#endif
}

struct Block {
    void* memory = nullptr;
    int64_t bytes = 0;

    Block() = default;
    Block(const Block&) = delete;
    Block& operator=(const Block&) = delete;
    ~Block() { release(memory); }

    void* at_least(int64_t wanted) {
        if (wanted <= bytes) return memory;
        const int64_t alignment = wanted >= kHugePage ? kHugePage : kPage;
        const int64_t size = (wanted + alignment - 1) / alignment * alignment;
        release(memory);
        bytes = 0;
#if defined(_WIN32)
        memory = _aligned_malloc(static_cast<std::size_t>(size), static_cast<std::size_t>(alignment));
#else
        memory = std::aligned_alloc(static_cast<std::size_t>(alignment), static_cast<std::size_t>(size));
#endif
        if (memory == nullptr) return nullptr;
#if defined(__linux__)
        if (alignment == kHugePage) madvise(memory, static_cast<std::size_t>(size), MADV_HUGEPAGE);
#endif
        bytes = size;
        return memory;
    }
};

} // namespace

float* scratch(Scratch slot, int64_t count) {
    thread_local Block blocks[kSlots];
    return static_cast<float*>(blocks[static_cast<int>(slot)].at_least(count * static_cast<int64_t>(sizeof(float))));
}

} // namespace gimbal
