// The interface between kernels on the CPU (simt/host.h) and the emulated device (native/emu), where a CUDA thread is a
// fiber.
//
// Values cross in registers, never by address: a local array whose address escapes would be reported to the checker at
// every access.
#pragma once

#include <cstdint>

// clang-format off
struct uint3 { unsigned x, y, z; };
struct dim3 { unsigned x = 1, y = 1, z = 1; };
struct alignas(8) float2 { float x, y; };
struct alignas(16) float4 { float x, y, z, w; };
struct alignas(8) uint2 { unsigned x, y; };
struct alignas(16) uint4 { unsigned x, y, z, w; };
struct bf16 { uint16_t bits; };
// clang-format on

#pragma GCC visibility push(hidden)
namespace simt {

// A place in a kernel's source.
struct Site {
    const char* file;
    int line;
};

enum class Shuffle { index, up, down, exclusive_or };
enum class Vote { ballot, any, all };
enum class Atomic { add, exchange, maximum };

// Three dimensions in 64 bits: x takes 31, y and z, at most 65535 in a grid and 1024 in a block, 16 each.
// "const": they do not change during the life of a fiber, so the compiler may ask once per function.
__attribute__((const)) uint64_t packed_thread_index();
__attribute__((const)) uint64_t packed_block_index();
__attribute__((const)) uint64_t packed_block_size();
__attribute__((const)) uint64_t packed_grid_size();
__attribute__((const)) void* dynamic_shared();
void* shared_array(const void* declaration, const char* name, unsigned bytes, const void* caller);

void sync_threads(Site site);
void sync_warp(unsigned mask, Site site);
uint64_t shuffle(Shuffle kind, unsigned mask, uint64_t value, int lane, int width, Site site);
unsigned vote(Vote kind, unsigned mask, bool predicate, Site site);

uint32_t atomic(Atomic kind, uint32_t* p, uint32_t v);
uint64_t atomic_add(uint64_t* p, uint64_t v);
uint32_t atomic_compare_exchange(uint32_t* p, uint32_t compare, uint32_t v);
uint32_t load_acquire(const uint32_t* p);
void store_release(uint32_t* p, uint32_t v);

void copy_async16(void* shared, const void* global, bool valid, Site site);
void copy_async_commit();
void copy_async_wait(unsigned pending);
// The first `matrices` words of the result are the caller's fragments.
uint4 load_matrices(const void* row, int matrices, bool transposed, Site site);
float4 multiply_matrices(float4 d, uint4 a, uint2 b, Site site);

template <class T> inline __attribute__((always_inline)) T unpack(uint64_t v) {
    return {static_cast<unsigned>(v & 0x7fffffff), static_cast<unsigned>(v >> 31 & 0xffff),
            static_cast<unsigned>(v >> 47)};
}

// One array per declaration: the type of its tag is its identity.
template <class T, class Tag>
__attribute__((noinline, no_sanitize("thread"))) T& shared_variable(const char* name, Tag) {
    static const char declaration = 0;
    return *static_cast<T*>(shared_array(&declaration, name, sizeof(T), __builtin_return_address(0)));
}

template <class T>
inline __attribute__((always_inline)) T shuffle_value(Shuffle kind, unsigned mask, T value, int lane, int width,
                                                      Site site) {
    static_assert(sizeof(T) == 4 || sizeof(T) == 8, "shuffles move 32 or 64 bits");
    if constexpr (sizeof(T) == 4) {
        const uint32_t bits = __builtin_bit_cast(uint32_t, value);
        return __builtin_bit_cast(T, static_cast<uint32_t>(shuffle(kind, mask, bits, lane, width, site)));
    } else {
        const uint64_t bits = __builtin_bit_cast(uint64_t, value);
        return __builtin_bit_cast(T, shuffle(kind, mask, bits, lane, width, site));
    }
}

} // namespace simt
#pragma GCC visibility pop
