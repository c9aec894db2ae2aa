#include "sum_rows.h"
#include "cuda/cuda.h"

namespace gimbal {

void cuda_sum_rows(Cuda& cuda, const void* x, float* y, int64_t rows, int64_t width, int64_t x_stride,
                   int32_t accumulate, gb_dtype dtype) {
    cuda.launch({"sum_rows", dtype == GB_BFLOAT16 ? "sum_rows_kernel_bf16" : "sum_rows_kernel"},
                {(width + kSumRowsColumns - 1) / kSumRowsColumns}, kSumRowsThreads,
                SumRowsArguments{x, y, rows, width, x_stride, accumulate != 0});
}

} // namespace gimbal
