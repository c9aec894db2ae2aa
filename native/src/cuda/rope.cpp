#include "rope.h"
#include "cuda/cuda.h"

namespace gimbal {

void cuda_rope(Cuda& cuda, const void* x, const int32_t* positions, const float* table, void* y, int64_t rows,
               int64_t heads, int64_t head_dim, int64_t rotary_dim, int64_t table_positions, int64_t x_stride,
               int64_t y_stride, int32_t interleaved, gb_dtype dtype) {
    const bool half = dtype == GB_BFLOAT16;
    const char* name = interleaved != 0 ? (half ? "rope_kernel_interleaved_bf16" : "rope_kernel_interleaved")
                                        : (half ? "rope_kernel_bf16" : "rope_kernel");
    cuda.launch({"rope", name}, {rows}, kRopeThreads,
                RopeArguments{x, positions, table, y, rows, heads, head_dim, rotary_dim, table_positions, x_stride,
                              y_stride, cuda.fault("positions")});
}

void cuda_rope_backward(Cuda& cuda, const void* dy, const int32_t* positions, const float* table, void* dx,
                        int64_t rows, int64_t heads, int64_t head_dim, int64_t rotary_dim, int64_t table_positions,
                        int64_t dy_stride, int64_t dx_stride, int32_t interleaved, gb_dtype dtype) {
    const bool half = dtype == GB_BFLOAT16;
    const char* name = interleaved != 0
                           ? (half ? "rope_backward_kernel_interleaved_bf16" : "rope_backward_kernel_interleaved")
                           : (half ? "rope_backward_kernel_bf16" : "rope_backward_kernel");
    cuda.launch({"rope", name}, {rows}, kRopeThreads,
                RopeArguments{dy, positions, table, dx, rows, heads, head_dim, rotary_dim, table_positions, dy_stride,
                              dx_stride, cuda.fault("positions")});
}

} // namespace gimbal
