// The kernels' environment under nvcc: CUDA's own, and our few names.
#pragma once

#define GB_DEVICE __device__ __forceinline__
#define GB_SHARED(T, name, count) __shared__ T name[count]
#define GB_DYNAMIC_SHARED(T, name)                                                                                     \
    extern __shared__ __align__(16) unsigned char gb_dynamic_shared[];                                                 \
    T* const name = reinterpret_cast<T*>(gb_dynamic_shared)

struct bf16 {
    uint16_t bits;
};
