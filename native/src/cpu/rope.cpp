// Rotary position embedding. Both pairings take the same products and roundings: a cos - b sin, b cos + a sin, each the
// fused sum of one rounded product; the backward negates the sine, which is exact.
#include "cpu/checks.h"
#include "cpu/cpu.h"
#include "cpu/rows.h"
#include "cpu/storage.h"

namespace gimbal::GB_ISA {

namespace {

template <class T> struct Rotation {
    const T* x;
    const int32_t* positions;
    const float* table;
    T* y;
    int64_t rows, heads, head_dim, rotary_dim, table_positions, x_stride, y_stride;
};

// Channels i and i + half, both contiguous.
template <bool kInverse, class T>
GB_INLINE void rotate_halves(const T* x, const float* cosines, const float* sines, T* y, int64_t half) {
    for_lanes(0, half, [&](int64_t i, auto n) {
        const F16 a = load(x + i, n), b = load(x + half + i, n), c = load(cosines + i, n);
        const F16 s = kInverse ? -load(sines + i, n) : load(sines + i, n);
        store(y + i, fma(a, c, -(b * s)), n);
        store(y + half + i, fma(b, c, a * s), n);
    });
}

// Channels 2i and 2i + 1, parted and joined again through the stack.
template <bool kInverse, class T>
GB_INLINE void rotate_pairs(const T* x, const float* cosines, const float* sines, T* y, int64_t half) {
    for (int64_t i = 0; i < half; i += kLanes) {
        const int n = static_cast<int>(half - i < kLanes ? half - i : kLanes);
        alignas(64) float even[kLanes] = {}, odd[kLanes] = {};
        for (int k = 0; k < n; ++k) {
            even[k] = load1(x + 2 * (i + k));
            odd[k] = load1(x + 2 * (i + k) + 1);
        }
        const F16 a = load(even), b = load(odd), c = load(cosines + i, n);
        const F16 s = kInverse ? -load(sines + i, n) : load(sines + i, n);
        store(even, fma(a, c, -(b * s)));
        store(odd, fma(b, c, a * s));
        for (int k = 0; k < n; ++k) {
            store1(y + 2 * (i + k), even[k]);
            store1(y + 2 * (i + k) + 1, odd[k]);
        }
    }
}

template <bool kInverse, bool kInterleaved, class T> void rotate(Cpu& cpu, const Rotation<T>& o) {
    const int64_t half = o.rotary_dim / 2;
    for_rows(cpu.threads, o.rows, o.heads * o.head_dim, [&](int64_t r) {
        const float* cosines = o.table + o.positions[r] * o.rotary_dim;
        for (int64_t h = 0; h < o.heads; ++h) {
            const T* from = o.x + r * o.x_stride + h * o.head_dim;
            T* to = o.y + r * o.y_stride + h * o.head_dim;
            if constexpr (kInterleaved)
                rotate_pairs<kInverse>(from, cosines, cosines + half, to, half);
            else
                rotate_halves<kInverse>(from, cosines, cosines + half, to, half);
            if (to != from) copy_elements(from + o.rotary_dim, to + o.rotary_dim, o.head_dim - o.rotary_dim);
        }
    });
}

template <bool kInverse, class T> void rotate(Cpu& cpu, const Rotation<T>& o, int32_t interleaved) {
    require_indices("positions", o.positions, o.rows, 0, o.table_positions);
    if (interleaved != 0)
        rotate<kInverse, true>(cpu, o);
    else
        rotate<kInverse, false>(cpu, o);
}

} // namespace

void cpu_rope(Cpu& cpu, const void* x, const int32_t* positions, const float* table, void* y, int64_t rows,
              int64_t heads, int64_t head_dim, int64_t rotary_dim, int64_t table_positions, int64_t x_stride,
              int64_t y_stride, int32_t interleaved, gb_dtype dtype) {
    as_stored(dtype, [&](auto stored) {
        const Rotation o{stored(x), positions,  table,           stored(y), rows,    heads,
                         head_dim,  rotary_dim, table_positions, x_stride,  y_stride};
        rotate<false>(cpu, o, interleaved);
    });
}

void cpu_rope_backward(Cpu& cpu, const void* dy, const int32_t* positions, const float* table, void* dx, int64_t rows,
                       int64_t heads, int64_t head_dim, int64_t rotary_dim, int64_t table_positions, int64_t dy_stride,
                       int64_t dx_stride, int32_t interleaved, gb_dtype dtype) {
    as_stored(dtype, [&](auto stored) {
        const Rotation o{stored(dy), positions,  table,           stored(dx), rows,     heads,
                         head_dim,   rotary_dim, table_positions, dy_stride,  dx_stride};
        rotate<true>(cpu, o, interleaved);
    });
}

} // namespace gimbal::GB_ISA
