// The kernels' environment under clang without a CUDA toolkit: the keywords, vector types and intrinsics that CUDA's
// headers would give, as far as the kernels use them. Device code only; launches go through the driver.
#pragma once

#define __global__ __attribute__((global))
#define __device__ __attribute__((device))
#define __shared__ __attribute__((shared))
#define __forceinline__ inline __attribute__((always_inline))
#define __align__(n) __attribute__((aligned(n)))
#define __launch_bounds__(...) __attribute__((launch_bounds(__VA_ARGS__)))

#define GB_DEVICE __device__ __forceinline__
#define GB_SHARED(T, name, count) __shared__ T name[count]
#define GB_DYNAMIC_SHARED(T, name)                                                                                     \
    extern __shared__ __align__(16) unsigned char gb_dynamic_shared[];                                                 \
    T* const name = reinterpret_cast<T*>(gb_dynamic_shared)

// clang-format off
struct uint3 { unsigned x, y, z; };
struct dim3 { unsigned x, y, z; };
// Vectors of the compiler, not structs: it would take a struct's load apart and merge the halves with other loads.
typedef float float2 __attribute__((ext_vector_type(2)));
typedef float float4 __attribute__((ext_vector_type(4)));
typedef unsigned uint2 __attribute__((ext_vector_type(2)));
typedef unsigned uint4 __attribute__((ext_vector_type(4)));
struct bf16 { uint16_t bits; };
// clang-format on

#include <__clang_cuda_builtin_vars.h> // threadIdx and its kin; part of the compiler

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

GB_DEVICE void __syncwarp(unsigned mask = ~0u) {
    __nvvm_bar_warp_sync(mask);
}
GB_DEVICE void __threadfence() {
    __nvvm_membar_gl();
}

GB_DEVICE unsigned __ballot_sync(unsigned mask, int predicate) {
    return __nvvm_vote_ballot_sync(mask, predicate != 0);
}
GB_DEVICE int __any_sync(unsigned mask, int predicate) {
    return __nvvm_vote_any_sync(mask, predicate != 0);
}
GB_DEVICE int __all_sync(unsigned mask, int predicate) {
    return __nvvm_vote_all_sync(mask, predicate != 0);
}

// One shuffle in all its types; 64 bits go as two halves. `clamp` is 0x1f, or 0 for up, in the encoding of PTX.
#define GB_SHUFFLE(name, builtin, clamp)                                                                               \
    GB_DEVICE int name(unsigned mask, int value, int lane, int width = 32) {                                           \
        return __nvvm_shfl_sync_##builtin##_i32(mask, value, lane, ((32 - width) << 8) | clamp);                       \
    }                                                                                                                  \
    GB_DEVICE unsigned name(unsigned mask, unsigned value, int lane, int width = 32) {                                 \
        return static_cast<unsigned>(name(mask, static_cast<int>(value), lane, width));                                \
    }                                                                                                                  \
    GB_DEVICE float name(unsigned mask, float value, int lane, int width = 32) {                                       \
        return __nvvm_shfl_sync_##builtin##_f32(mask, value, lane, ((32 - width) << 8) | clamp);                       \
    }                                                                                                                  \
    GB_DEVICE int64_t name(unsigned mask, int64_t value, int lane, int width = 32) {                                   \
        const unsigned low = name(mask, static_cast<unsigned>(value), lane, width);                                    \
        const int high = name(mask, static_cast<int>(value >> 32), lane, width);                                       \
        return static_cast<int64_t>(high) << 32 | low;                                                                 \
    }                                                                                                                  \
    GB_DEVICE double name(unsigned mask, double value, int lane, int width = 32) {                                     \
        return __builtin_bit_cast(double, name(mask, __builtin_bit_cast(int64_t, value), lane, width));                \
    }
GB_SHUFFLE(__shfl_sync, idx, 0x1f)
GB_SHUFFLE(__shfl_up_sync, up, 0)
GB_SHUFFLE(__shfl_down_sync, down, 0x1f)
GB_SHUFFLE(__shfl_xor_sync, bfly, 0x1f)
#undef GB_SHUFFLE

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
    return __nvvm_sqrt_rn_f(a);
}
GB_DEVICE double sqrt(double a) {
    return __nvvm_sqrt_rn_d(a);
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
GB_DEVICE float __ldg(const float* p) {
    return __nvvm_ldg_f(p);
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

GB_DEVICE unsigned atomicAdd(unsigned* p, unsigned v) {
    return static_cast<unsigned>(__nvvm_atom_add_gen_i(reinterpret_cast<int*>(p), static_cast<int>(v)));
}
GB_DEVICE int atomicAdd(int* p, int v) {
    return __nvvm_atom_add_gen_i(p, v);
}
GB_DEVICE unsigned atomicCAS(unsigned* p, unsigned compare, unsigned v) {
    return static_cast<unsigned>(
        __nvvm_atom_cas_gen_i(reinterpret_cast<int*>(p), static_cast<int>(compare), static_cast<int>(v)));
}
GB_DEVICE unsigned atomicExch(unsigned* p, unsigned v) {
    return static_cast<unsigned>(__nvvm_atom_xchg_gen_i(reinterpret_cast<int*>(p), static_cast<int>(v)));
}
GB_DEVICE unsigned atomicMax(unsigned* p, unsigned v) {
    return __nvvm_atom_max_gen_ui(p, v);
}

GB_DEVICE unsigned __cvta_generic_to_shared(const void* p) {
    return static_cast<unsigned>(reinterpret_cast<uintptr_t>((const __attribute__((address_space(3))) void*)p));
}
