// The kernels' environment on the CPU: what CUDA's headers and simt/ptx.h give on a GPU, for a C++ compiler that knows
// neither. What needs a machine is handed to the emulator (simt/emulator.h).
//
// Warp primitives take the caller's file and line as hidden arguments, so that divergence can be told from agreement.
// No header of the C library beyond <cstdint>: kernels have functions named max, abs and sqrt of their own.
#pragma once

#include "simt/emulator.h"

#if defined(GB_SIMT_LIST) // Preprocessed only, to find the kernels' names: native/emu/register.cmake.
#define __global__ gb_global
#define __launch_bounds__(...) gb_bounds(__VA_ARGS__)
#else
#define __global__
#define __launch_bounds__(...)
#endif
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __align__(n) __attribute__((aligned(n)))

#define GB_DEVICE inline __attribute__((always_inline))
#define GB_SHARED(T, name, count) T(&name)[count] = simt::shared_variable<T[count]>(#name, [] {})
#define GB_DYNAMIC_SHARED(T, name) T* const name = static_cast<T*>(simt::dynamic_shared())

#define threadIdx (simt::unpack<uint3>(simt::packed_thread_index()))
#define blockIdx (simt::unpack<uint3>(simt::packed_block_index()))
#define blockDim (simt::unpack<dim3>(simt::packed_block_size()))
#define gridDim (simt::unpack<dim3>(simt::packed_grid_size()))

GB_DEVICE float2 make_float2(float x, float y) {
    return {x, y};
}
GB_DEVICE float4 make_float4(float x, float y, float z, float w) {
    return {x, y, z, w};
}
GB_DEVICE uint2 make_uint2(unsigned x, unsigned y) {
    return {x, y};
}
GB_DEVICE uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) {
    return {x, y, z, w};
}

#define GB_SITE const char *file = __builtin_FILE(), int line = __builtin_LINE()

// ---- barriers, shuffles and votes

GB_DEVICE void __syncthreads(GB_SITE) {
    simt::sync_threads({file, line});
}
GB_DEVICE void __syncwarp(unsigned mask = ~0u, GB_SITE) {
    simt::sync_warp(mask, {file, line});
}
GB_DEVICE void __threadfence() {}

template <class T> GB_DEVICE T __shfl_sync(unsigned mask, T value, int lane, int width = 32, GB_SITE) {
    return simt::shuffle_value(simt::Shuffle::index, mask, value, lane, width, {file, line});
}
template <class T> GB_DEVICE T __shfl_up_sync(unsigned mask, T value, int delta, int width = 32, GB_SITE) {
    return simt::shuffle_value(simt::Shuffle::up, mask, value, delta, width, {file, line});
}
template <class T> GB_DEVICE T __shfl_down_sync(unsigned mask, T value, int delta, int width = 32, GB_SITE) {
    return simt::shuffle_value(simt::Shuffle::down, mask, value, delta, width, {file, line});
}
template <class T> GB_DEVICE T __shfl_xor_sync(unsigned mask, T value, int lanes, int width = 32, GB_SITE) {
    return simt::shuffle_value(simt::Shuffle::exclusive_or, mask, value, lanes, width, {file, line});
}

GB_DEVICE unsigned __ballot_sync(unsigned mask, int predicate, GB_SITE) {
    return simt::vote(simt::Vote::ballot, mask, predicate != 0, {file, line});
}
GB_DEVICE int __any_sync(unsigned mask, int predicate, GB_SITE) {
    return static_cast<int>(simt::vote(simt::Vote::any, mask, predicate != 0, {file, line}));
}
GB_DEVICE int __all_sync(unsigned mask, int predicate, GB_SITE) {
    return static_cast<int>(simt::vote(simt::Vote::all, mask, predicate != 0, {file, line}));
}

// ---- numbers

GB_DEVICE float fmaf(float a, float b, float c) {
    return __builtin_fmaf(a, b, c);
}
GB_DEVICE double fma(double a, double b, double c) {
    return __builtin_fma(a, b, c);
}
GB_DEVICE float fmaxf(float a, float b) {
    return __builtin_fmaxf(a, b);
}
GB_DEVICE float fminf(float a, float b) {
    return __builtin_fminf(a, b);
}
GB_DEVICE float fabsf(float a) {
    return __builtin_fabsf(a);
}
GB_DEVICE float rintf(float a) {
    return __builtin_rintf(a);
}
GB_DEVICE float sqrtf(float a) {
    return __builtin_sqrtf(a);
}
GB_DEVICE double sqrt(double a) {
    return __builtin_sqrt(a);
}
GB_DEVICE int __float_as_int(float a) {
    return __builtin_bit_cast(int, a);
}
GB_DEVICE float __int_as_float(int a) {
    return __builtin_bit_cast(float, a);
}
GB_DEVICE unsigned __float_as_uint(float a) {
    return __builtin_bit_cast(unsigned, a);
}
GB_DEVICE float __uint_as_float(unsigned a) {
    return __builtin_bit_cast(float, a);
}
template <class T> GB_DEVICE T __ldg(const T* p) {
    return *p;
}
GB_DEVICE int __popc(unsigned a) {
    return __builtin_popcount(a);
}
GB_DEVICE int __ffs(int a) {
    return __builtin_ffs(a);
}
GB_DEVICE int __clz(int a) {
    return a == 0 ? 32 : __builtin_clz(static_cast<unsigned>(a));
}

GB_DEVICE float to_float(bf16 v) {
    return __uint_as_float(static_cast<unsigned>(v.bits) << 16);
}

// Round to nearest even; NaN becomes 0x7fff.
GB_DEVICE bf16 to_bf16(float v) {
    const unsigned bits = __float_as_uint(v);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return {0x7fff};
    return {static_cast<uint16_t>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16)};
}

// Two in one register, `low` in the lower half.
GB_DEVICE unsigned pack_bf16x2(float low, float high) {
    return to_bf16(low).bits | static_cast<unsigned>(to_bf16(high).bits) << 16;
}

// ---- atomics, and flags that one block raises for another

GB_DEVICE unsigned atomicAdd(unsigned* p, unsigned v) {
    return simt::atomic(simt::Atomic::add, p, v);
}
GB_DEVICE int atomicAdd(int* p, int v) {
    return static_cast<int>(simt::atomic(simt::Atomic::add, reinterpret_cast<uint32_t*>(p), static_cast<uint32_t>(v)));
}
GB_DEVICE unsigned long long atomicAdd(unsigned long long* p, unsigned long long v) {
    return simt::atomic_add(reinterpret_cast<uint64_t*>(p), v);
}
GB_DEVICE unsigned atomicExch(unsigned* p, unsigned v) {
    return simt::atomic(simt::Atomic::exchange, p, v);
}
GB_DEVICE unsigned atomicMax(unsigned* p, unsigned v) {
    return simt::atomic(simt::Atomic::maximum, p, v);
}
GB_DEVICE unsigned atomicCAS(unsigned* p, unsigned compare, unsigned v) {
    return simt::atomic_compare_exchange(p, compare, v);
}
GB_DEVICE unsigned load_acquire(const unsigned* p) {
    return simt::load_acquire(p);
}
GB_DEVICE void store_release(unsigned* p, unsigned v) {
    simt::store_release(p, v);
}

// ---- the primitives of simt/ptx.h

GB_DEVICE void cp_async16(void* shared, const void* global, bool valid = true, GB_SITE) {
    simt::copy_async16(shared, global, valid, {file, line});
}
GB_DEVICE void cp_async_commit() {
    simt::copy_async_commit();
}
template <int Pending> GB_DEVICE void cp_async_wait() {
    simt::copy_async_wait(Pending);
}

GB_DEVICE void ldmatrix_x4(unsigned (&r)[4], const void* shared, GB_SITE) {
    const uint4 m = simt::load_matrices(shared, 4, false, {file, line});
    r[0] = m.x, r[1] = m.y, r[2] = m.z, r[3] = m.w;
}
GB_DEVICE void ldmatrix_x4_trans(unsigned (&r)[4], const void* shared, GB_SITE) {
    const uint4 m = simt::load_matrices(shared, 4, true, {file, line});
    r[0] = m.x, r[1] = m.y, r[2] = m.z, r[3] = m.w;
}
GB_DEVICE void ldmatrix_x2(unsigned (&r)[2], const void* shared, GB_SITE) {
    const uint4 m = simt::load_matrices(shared, 2, false, {file, line});
    r[0] = m.x, r[1] = m.y;
}
GB_DEVICE void ldmatrix_x2_trans(unsigned (&r)[2], const void* shared, GB_SITE) {
    const uint4 m = simt::load_matrices(shared, 2, true, {file, line});
    r[0] = m.x, r[1] = m.y;
}

GB_DEVICE void mma_bf16_16x8x16(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2], GB_SITE) {
    const float4 r =
        simt::multiply_matrices({d[0], d[1], d[2], d[3]}, {a[0], a[1], a[2], a[3]}, {b[0], b[1]}, {file, line});
    d[0] = r.x, d[1] = r.y, d[2] = r.z, d[3] = r.w;
}

#undef GB_SITE
