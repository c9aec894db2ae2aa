// y_j = sum over rows of x_rj, rows ascending. Parallel over slices of columns; memory bound: one read.
#include "cpu/cpu.h"
#include "cpu/matmul/tile.h"
#include "cpu/storage.h"
#include "cpu/team.h"

namespace gimbal::GB_ISA {
namespace {

constexpr int kVectors = 4; // columns summed side by side, to hide the latency of an addition
constexpr int64_t kSlice = kVectors * kLanes;
constexpr int64_t kSmallWork = 1 << 16;

template <int Vectors, class T, class Lanes>
GB_INLINE void sum_columns(const T* x, float* y, int64_t rows, int64_t stride, bool accumulate, Lanes n) {
    F16 sum[Vectors];
    unroll<Vectors>([&](auto v) { sum[v] = zero(); });
    for (int64_t r = 0; r < rows; ++r, x += stride)
        unroll<Vectors>([&](auto v) { sum[v] = sum[v] + load(x + v * kLanes, n); });
    unroll<Vectors>([&](auto v) {
        const F16 total = accumulate ? load(y + v * kLanes, n) + sum[v] : sum[v];
        store(y + v * kLanes, total, n);
    });
}

} // namespace

void cpu_sum_rows(Cpu& cpu, const void* x, float* y, int64_t rows, int64_t width, int64_t x_stride, int32_t accumulate,
                  gb_dtype dtype) {
    as_stored(dtype, [&](auto stored) {
        const auto* values = stored(x);
        const bool add = accumulate != 0;
        const int threads = rows * width < kSmallWork ? 1 : cpu.threads;
        Team::ranges(threads, width, kSlice, [&](int64_t begin, int64_t end) {
            if (end - begin == kSlice) {
                sum_columns<kVectors>(values + begin, y + begin, rows, x_stride, add, Full{});
            } else {
                for_lanes(begin, end,
                          [&](int64_t j, auto n) { sum_columns<1>(values + j, y + j, rows, x_stride, add, n); });
            }
        });
    });
}

} // namespace gimbal::GB_ISA
