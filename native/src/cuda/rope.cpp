#include "rope.h"
#include "cuda/cuda.h"

namespace gimbal {

void cuda_rope(Cuda& cuda, const void* x, const int32_t* positions, const float* table, void* y, int64_t rows,
               int64_t heads, int64_t head_dim, int64_t rotary_dim, int64_t table_positions, int64_t x_stride,
               int64_t y_stride, int32_t interleaved, gb_dtype) {
    cuda.launch({"rope", interleaved != 0 ? "rope_kernel_interleaved" : "rope_kernel"}, {rows}, kRopeThreads,
                RopeArguments{static_cast<const float*>(x), positions, table, static_cast<float*>(y), rows, heads,
                              head_dim, rotary_dim, table_positions, x_stride, y_stride, cuda.fault("positions")});
}

void cuda_rope_backward(Cuda& cuda, const void* dy, const int32_t* positions, const float* table, void* dx,
                        int64_t rows, int64_t heads, int64_t head_dim, int64_t rotary_dim, int64_t table_positions,
                        int64_t dy_stride, int64_t dx_stride, int32_t interleaved, gb_dtype) {
    cuda.launch({"rope", interleaved != 0 ? "rope_backward_kernel_interleaved" : "rope_backward_kernel"}, {rows},
                kRopeThreads,
                RopeArguments{static_cast<const float*>(dy), positions, table, static_cast<float*>(dx), rows, heads,
                              head_dim, rotary_dim, table_positions, dy_stride, dx_stride, cuda.fault("positions")});
}

} // namespace gimbal
