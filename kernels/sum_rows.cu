// sum_rows: y_j = sum_r x_rj, added to y if accumulate.
// x (rows, width) at x_stride, float32 or bfloat16; y (width) float32. A block takes 16 columns and walks the rows 128
// at a time, the next ones under way while these are added. Bound: one read of x, as long as width / 16 blocks fill the
// device; below that the chain of additions, 4 cycles a row. Rows ascending, one sum for each column: the CPU's order.
#include "sum_rows.h"

#include "common/vec.h"

using namespace gimbal;
using namespace gimbal::device;

namespace {

constexpr int kDown = kSumRowsThreads / kSumRowsColumns; // threads above one another
constexpr int kHeld = 8;                                 // rows of a thread
constexpr int kStep = kDown * kHeld;
constexpr int kStride = kSumRowsColumns + 1;

template <class T> GB_DEVICE void sum_rows(const SumRowsArguments& a, float* tile) {
    const int thread = static_cast<int>(threadIdx.x), row = thread / kSumRowsColumns;
    const int64_t column = static_cast<int64_t>(blockIdx.x) * kSumRowsColumns + thread % kSumRowsColumns;
    const T* x = static_cast<const T*>(a.x) + column;
    float held[kHeld], sum = 0.0f;
    for (int64_t first = -kStep; first < a.rows; first += kStep) {
        const int64_t next = first + kStep + row;
#pragma unroll
        for (int i = 0; i < kHeld; ++i) {
            const int64_t r = next + i * kDown;
            held[i] = column < a.width && r < a.rows ? load(x + r * a.x_stride) : 0.0f;
        }
        if (first >= 0 && row == 0) {
            const int64_t left = a.rows - first;
            const int count = static_cast<int>(left < kStep ? left : kStep);
#pragma unroll 8
            for (int r = 0; r < count; ++r)
                sum = sum + tile[r * kStride + thread];
        }
        __syncthreads();
#pragma unroll
        for (int i = 0; i < kHeld; ++i)
            tile[(row + i * kDown) * kStride + thread % kSumRowsColumns] = held[i];
        __syncthreads();
    }
    if (row == 0 && column < a.width) a.y[column] = a.accumulate ? a.y[column] + sum : sum;
}

} // namespace

extern "C" __global__ void __launch_bounds__(kSumRowsThreads) sum_rows_kernel(SumRowsArguments a) {
    GB_SHARED(float, tile, kStep* kStride);
    sum_rows<float>(a, tile);
}

extern "C" __global__ void __launch_bounds__(kSumRowsThreads) sum_rows_kernel_bf16(SumRowsArguments a) {
    GB_SHARED(float, tile, kStep* kStride);
    sum_rows<bf16>(a, tile);
}
