// Memory of all devices. Of the CPU: 64-byte aligned and zeroed; large blocks on huge pages, since page faults cost
// more than the kernels that touch them. On the meta device an address range that nothing backs.
#include "memory.h"

#include "context.h"
#include "status.h"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <string>

#if defined(_WIN32)
#include <malloc.h>
#elif defined(__linux__)
#include <sys/mman.h>
#endif

using namespace gimbal;

namespace {

constexpr int64_t kAlignment = 64;
constexpr int64_t kHugePage = int64_t{2} << 20;

int64_t round_up(int64_t value, int64_t to) {
    return (value + to - 1) / to * to;
}

void* meta_address(int64_t bytes) {
    static std::atomic<int64_t> next{kHugePage};
    return reinterpret_cast<void*>(next.fetch_add(round_up(bytes + 1, kAlignment)));
}

void check(gb_context* context, const void* memory, int64_t bytes) {
    if (context == nullptr) throw Error(GB_INVALID_ARGUMENT, "context is null");
    if (bytes < 0) throw Error(GB_INVALID_ARGUMENT, "bytes: wanted at least 0, got " + std::to_string(bytes));
    if (memory == nullptr && bytes > 0) throw Error(GB_INVALID_ARGUMENT, "memory is null");
}

} // namespace

void* gimbal::allocate_memory(int64_t bytes) {
    const int64_t alignment = bytes >= 2 * kHugePage ? kHugePage : kAlignment;
    const int64_t size = round_up(bytes == 0 ? 1 : bytes, alignment);
#if defined(_WIN32)
    void* memory = _aligned_malloc(static_cast<std::size_t>(size), static_cast<std::size_t>(alignment));
#else
    void* memory = std::aligned_alloc(static_cast<std::size_t>(alignment), static_cast<std::size_t>(size));
#endif
    if (memory == nullptr) throw Error(GB_OUT_OF_MEMORY, "no room for " + std::to_string(bytes) + " bytes");
#if defined(__linux__)
    if (alignment == kHugePage) madvise(memory, static_cast<std::size_t>(size), MADV_HUGEPAGE);
#endif
    std::memset(memory, 0, static_cast<std::size_t>(size));
    return memory;
}

void gimbal::free_memory(void* memory) {
#if defined(_WIN32)
    _aligned_free(memory);
#else
    std::free(memory);
#endif
}

gb_status gb_memory_allocate(gb_context* context, int64_t bytes, void** memory) {
    return guard("gb_memory_allocate", [&] {
        check(context, memory, bytes);
        if (memory == nullptr) throw Error(GB_INVALID_ARGUMENT, "memory is null");
        if (context->is_meta()) {
            *memory = meta_address(bytes);
        } else if (Cuda* cuda = context->cuda()) {
            Cuda::Call call(*cuda, "gb_memory_allocate");
            *memory = cuda->allocate(bytes);
        } else {
            *memory = allocate_memory(bytes);
        }
    });
}

gb_status gb_memory_free(gb_context* context, void* memory) {
    return guard("gb_memory_free", [&] {
        check(context, nullptr, 0);
        if (context->is_meta()) return;
        Cuda* cuda = context->cuda();
        if (cuda == nullptr) return free_memory(memory);
        Cuda::Call call(*cuda, "gb_memory_free");
        cuda->free(memory);
    });
}

gb_status gb_memory_copy(gb_context* context, const void* source, void* destination, int64_t bytes, gb_copy_kind kind) {
    return guard("gb_memory_copy", [&] {
        check(context, source, bytes);
        check(context, destination, bytes);
        if (kind < GB_HOST_TO_DEVICE || kind > GB_DEVICE_TO_DEVICE)
            throw Error(GB_INVALID_ARGUMENT, "kind: wanted 0, 1 or 2, got " + std::to_string(kind));
        if (context->is_meta() || bytes == 0) return;
        Cuda* cuda = context->cuda();
        if (cuda == nullptr) {
            std::memmove(destination, source, static_cast<std::size_t>(bytes));
            return;
        }
        Cuda::Call call(*cuda, "gb_memory_copy");
        cuda->copy(source, destination, bytes, kind);
    });
}

gb_status gb_memory_fill(gb_context* context, void* destination, int32_t byte, int64_t bytes) {
    return guard("gb_memory_fill", [&] {
        check(context, destination, bytes);
        if (context->is_meta() || bytes == 0) return;
        Cuda* cuda = context->cuda();
        if (cuda == nullptr) {
            std::memset(destination, byte, static_cast<std::size_t>(bytes));
            return;
        }
        Cuda::Call call(*cuda, "gb_memory_fill");
        cuda->fill(destination, byte, bytes);
    });
}
