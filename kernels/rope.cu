// rope: the first rotary_dim channels of each head rotate in pairs by the angle of their row's position,
// (a, b) -> (a cos - b sin, b cos + a sin); the others are copied. The backward rotates by the negative angle.
// x, y (rows, heads, head_dim) at strides, float32 or bfloat16, y may be x; table (table_positions, rotary_dim)
// cosines | sines, float32; positions (rows) int32. Pairs (i, i + rotary_dim/2), or (2i, 2i + 1) if interleaved.
//
// A block to a row: the row's cosines and sines stay in the first cache for all heads; a thread takes two or four pairs
// in packs. Bound: one read and one write of x. Each pair is computed by itself: no order to keep. A row whose position
// is outside the table is reported and left as it is.
#include "rope.h"

#include "common/vec.h"

using namespace gimbal;
using namespace gimbal::device;

namespace {

template <bool kInverse> GB_DEVICE void rotate(float& a, float& b, float c, float s) {
    if (kInverse) s = -s;
    const float turned = fma(a, c, -(b * s));
    b = fma(b, c, a * s);
    a = turned;
}

// Calls body(h, i, Width) for the threads' share of the channels i < width of every head.
template <class Body> GB_DEVICE void for_heads(int heads, int width, bool aligned, Body body) {
    const auto cover = [&](auto pack) {
        const int packs = width / pack.value;
        for (int i = static_cast<int>(threadIdx.x); i < heads * packs; i += static_cast<int>(blockDim.x))
            body(i / packs, i % packs * pack.value, pack);
    };
    if (width == 0) return;
    if (aligned && width % 4 == 0)
        cover(Width<4>{});
    else
        cover(Width<1>{});
}

template <class T, bool kInverse, bool kInterleaved> GB_DEVICE void rope(const RopeArguments& a) {
    const int64_t r = blockIdx.x;
    const int64_t position = a.positions[r];
    if (position < 0 || position >= a.table_positions) {
        if (threadIdx.x == 0) raise(a.fault, r, position, a.table_positions);
        return;
    }
    const int heads = static_cast<int>(a.heads), dim = static_cast<int>(a.head_dim);
    const int rotary = static_cast<int>(a.rotary_dim), half = rotary / 2;
    const T* x = static_cast<const T*>(a.x) + r * a.x_stride;
    T* y = static_cast<T*>(a.y) + r * a.y_stride;
    const float *cosines = a.table + position * rotary, *sines = cosines + half;
    const bool aligned = aligned4(x) && aligned4(y) && dim % 4 == 0;
    if constexpr (kInterleaved)
        for_heads(heads, rotary, aligned, [&](int h, int i, auto n) {
            if constexpr (n.value == 4) {
                auto v = load(x + h * dim + i, n);
                rotate<kInverse>(v[0], v[1], cosines[i / 2], sines[i / 2]);
                rotate<kInverse>(v[2], v[3], cosines[i / 2 + 1], sines[i / 2 + 1]);
                store(y + h * dim + i, v, n);
            } else if (i % 2 == 0) {
                float even = load(x + h * dim + i), odd = load(x + h * dim + i + 1);
                rotate<kInverse>(even, odd, cosines[i / 2], sines[i / 2]);
                store(y + h * dim + i, even);
                store(y + h * dim + i + 1, odd);
            }
        });
    else
        for_heads(heads, half, aligned && aligned4(cosines) && aligned4(sines), [&](int h, int i, auto n) {
            auto first = load(x + h * dim + i, n), second = load(x + h * dim + half + i, n);
            const auto c = load(cosines + i, n), s = load(sines + i, n);
#pragma unroll
            for (int k = 0; k < n.value; ++k)
                rotate<kInverse>(first.v[k], second.v[k], c[k], s[k]);
            store(y + h * dim + i, first, n);
            store(y + h * dim + half + i, second, n);
        });
    if (x != y)
        for_heads(heads, dim - rotary, aligned && rotary % 4 == 0,
                  [&](int h, int i, auto n) { store(y + h * dim + rotary + i, load(x + h * dim + rotary + i, n), n); });
}

} // namespace

extern "C" __global__ void __launch_bounds__(kRopeThreads) rope_kernel(RopeArguments a) {
    rope<float, false, false>(a);
}
extern "C" __global__ void __launch_bounds__(kRopeThreads) rope_kernel_bf16(RopeArguments a) {
    rope<bf16, false, false>(a);
}
extern "C" __global__ void __launch_bounds__(kRopeThreads) rope_kernel_interleaved(RopeArguments a) {
    rope<float, false, true>(a);
}
extern "C" __global__ void __launch_bounds__(kRopeThreads) rope_kernel_interleaved_bf16(RopeArguments a) {
    rope<bf16, false, true>(a);
}

extern "C" __global__ void __launch_bounds__(kRopeThreads) rope_backward_kernel(RopeArguments a) {
    rope<float, true, false>(a);
}
extern "C" __global__ void __launch_bounds__(kRopeThreads) rope_backward_kernel_bf16(RopeArguments a) {
    rope<bf16, true, false>(a);
}
extern "C" __global__ void __launch_bounds__(kRopeThreads) rope_backward_kernel_interleaved(RopeArguments a) {
    rope<float, true, true>(a);
}
extern "C" __global__ void __launch_bounds__(kRopeThreads) rope_backward_kernel_interleaved_bf16(RopeArguments a) {
    rope<bf16, true, true>(a);
}
