#include "scatter_rows.h"
#include "cuda/cuda.h"

namespace gimbal {

void cuda_scatter_rows(Cuda& cuda, const void* x, const int32_t* indices, void* y, int64_t rows, int64_t width,
                       int64_t y_rows, int64_t x_stride, gb_dtype x_dtype, gb_dtype y_dtype) {
    const bool half = y_dtype == GB_BFLOAT16;
    const char* name = x_dtype == GB_BFLOAT16 ? half ? "scatter_rows_kernel_bf16_bf16" : "scatter_rows_kernel_bf16_f32"
                       : half                 ? "scatter_rows_kernel_f32_bf16"
                                              : "scatter_rows_kernel";
    cuda.launch({"scatter_rows", name}, {(rows + kScatterRowsRows - 1) / kScatterRowsRows}, kScatterRowsThreads,
                ScatterRowsArguments{x, indices, y, rows, width, y_rows, x_stride, cuda.fault("indices")});
}

} // namespace gimbal
