// Packed access: four elements a thread in one transaction where every pointer allows it, and the one tail loop of all
// element-wise kernels. Alignment changes speed, never bits: each element's arithmetic is the same either way.
#pragma once

#include "common/scalar.h"

namespace gimbal::device {

// N neighbours in float32, whatever they are stored as.
template <int N> struct Pack {
    float v[N];
    GB_DEVICE float& operator[](int i) { return v[i]; }
    GB_DEVICE float operator[](int i) const { return v[i]; }
};

template <int N> struct Width { static constexpr int value = N; };

GB_DEVICE float load(const float* p) {
    return *p;
}
GB_DEVICE float load(const bf16* p) {
    return to_float(*p);
}
GB_DEVICE void store(float* p, float v) {
    *p = v;
}
GB_DEVICE void store(bf16* p, float v) {
    *p = to_bf16(v);
}

template <class T> GB_DEVICE Pack<1> load(const T* p, Width<1>) {
    return {{load(p)}};
}
template <class T> GB_DEVICE void store(T* p, const Pack<1>& x, Width<1>) {
    store(p, x.v[0]);
}

GB_DEVICE Pack<4> load(const float* p, Width<4>) {
    const float4 x = *reinterpret_cast<const float4*>(p);
    return {{x.x, x.y, x.z, x.w}};
}
GB_DEVICE void store(float* p, const Pack<4>& x, Width<4>) {
    *reinterpret_cast<float4*>(p) = make_float4(x.v[0], x.v[1], x.v[2], x.v[3]);
}
GB_DEVICE Pack<4> load(const bf16* p, Width<4>) {
    const uint2 x = *reinterpret_cast<const uint2*>(p);
    return {{__uint_as_float(x.x << 16), __uint_as_float(x.x & 0xffff0000u), __uint_as_float(x.y << 16),
             __uint_as_float(x.y & 0xffff0000u)}};
}
GB_DEVICE void store(bf16* p, const Pack<4>& x, Width<4>) {
    *reinterpret_cast<uint2*>(p) = make_uint2(pack_bf16x2(x.v[0], x.v[1]), pack_bf16x2(x.v[2], x.v[3]));
}

// True if four elements from p on may be moved at once.
template <class T> GB_DEVICE bool aligned4(const T* p) {
    return (reinterpret_cast<uintptr_t>(p) & (4 * sizeof(T) - 1)) == 0;
}

// The first `count` of four elements, the others 0. A vector, not a Pack: the compiler would merge its loads with those
// of the other branch, one by one.
GB_DEVICE float4 load_four(const float* p) {
    return *reinterpret_cast<const float4*>(p);
}
GB_DEVICE float4 load_four(const bf16* p) {
    const Pack<4> x = load(p, Width<4>{});
    return make_float4(x[0], x[1], x[2], x[3]);
}
template <class T> GB_DEVICE float4 load_some(const T* p, int count, bool aligned) {
    if (aligned && count >= 4) return load_four(p);
    const auto element = [&](int j) { return j < count ? load(p + j) : 0.0f; };
    return make_float4(element(0), element(1), element(2), element(3));
}

// 16 bytes to shared memory, `to` a multiple of 16: the first `count` elements, and zeros. Asynchronously if `aligned`
// and all of them exist.
template <class T> GB_DEVICE void copy_async(T* to, const T* from, int count, bool aligned) {
    constexpr int kPack = 16 / sizeof(T);
    if (count >= kPack && aligned) return cp_async16(to, from);
#pragma unroll 1
    for (int j = 0; j < kPack; ++j)
        to[j] = j < count ? from[j] : T{};
}

GB_DEVICE int64_t grid_thread() {
    return static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}
GB_DEVICE int64_t grid_threads() {
    return static_cast<int64_t>(gridDim.x) * blockDim.x;
}

// Calls body(i, Width<4>) or body(i, Width<1>) so that all of 0..count-1 are covered once by the grid.
template <class Body> GB_DEVICE void for_packs(int64_t count, bool aligned, Body body) {
    const int64_t packs = aligned ? count / 4 : 0;
    for (int64_t i = grid_thread(); i < packs; i += grid_threads())
        body(4 * i, Width<4>{});
    for (int64_t i = 4 * packs + grid_thread(); i < count; i += grid_threads())
        body(i, Width<1>{});
}

// The same by the threads of one block.
template <class Body> GB_DEVICE void for_packs_of_block(int64_t count, bool aligned, Body body) {
    const int64_t packs = aligned ? count / 4 : 0;
    for (int64_t i = threadIdx.x; i < packs; i += blockDim.x)
        body(4 * i, Width<4>{});
    for (int64_t i = 4 * packs + threadIdx.x; i < count; i += blockDim.x)
        body(i, Width<1>{});
}

} // namespace gimbal::device
