// scatter_rows: y[indices_r] = x_r; a negative index leaves its row out, one from y_rows on is a fault and written
// nowhere.
// x (rows, width) at x_stride, y (y_rows, width) dense, each float32 or bfloat16; indices distinct. A warp copies a
// row, at the speed of memory.
#include "scatter_rows.h"

#include "common/vec.h"

using namespace gimbal;
using namespace gimbal::device;

namespace {

template <class From, class To> GB_DEVICE void scatter(const ScatterRowsArguments& a) {
    const int lane = static_cast<int>(threadIdx.x) & 31;
    const int64_t r = static_cast<int64_t>(blockIdx.x) * kScatterRowsRows + (threadIdx.x >> 5);
    if (r >= a.rows) return;
    const int64_t index = a.indices[r];
    if (index < 0) return;
    if (index >= a.y_rows) {
        if (lane == 0) raise(a.fault, r, index, a.y_rows);
        return;
    }
    const From* x = static_cast<const From*>(a.x) + r * a.x_stride;
    To* y = static_cast<To*>(a.y) + index * a.width;
    const int64_t packs = aligned4(x) && aligned4(y) ? a.width / 4 : 0;
    for (int64_t j = lane; j < packs; j += 32)
        store(y + 4 * j, load(x + 4 * j, Width<4>{}), Width<4>{});
    for (int64_t j = 4 * packs + lane; j < a.width; j += 32)
        store(y + j, load(x + j));
}

} // namespace

extern "C" __global__ void __launch_bounds__(kScatterRowsThreads) scatter_rows_kernel(ScatterRowsArguments a) {
    scatter<float, float>(a);
}
extern "C" __global__ void __launch_bounds__(kScatterRowsThreads) scatter_rows_kernel_f32_bf16(ScatterRowsArguments a) {
    scatter<float, bf16>(a);
}
extern "C" __global__ void __launch_bounds__(kScatterRowsThreads) scatter_rows_kernel_bf16_f32(ScatterRowsArguments a) {
    scatter<bf16, float>(a);
}
extern "C" __global__ void __launch_bounds__(kScatterRowsThreads)
    scatter_rows_kernel_bf16_bf16(ScatterRowsArguments a) {
    scatter<bf16, bf16>(a);
}
