#include "scatter_rows.h"
#include "cuda/cuda.h"

namespace gimbal {

void cuda_scatter_rows(Cuda& cuda, const void* x, const int32_t* indices, void* y, int64_t rows, int64_t width,
                       int64_t y_rows, int64_t x_stride, gb_dtype, gb_dtype) {
    cuda.launch({"scatter_rows", "scatter_rows_kernel"}, {(rows + kScatterRowsRows - 1) / kScatterRowsRows},
                kScatterRowsThreads,
                ScatterRowsArguments{x, indices, y, rows, width, y_rows, x_stride, cuda.fault("indices")});
}

} // namespace gimbal
