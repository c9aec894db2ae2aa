#include "z_loss.h"
#include "cuda/cuda.h"

namespace gimbal {

void cuda_z_loss(Cuda& cuda, const float* lse, float* losses, int64_t rows, float coefficient) {
    cuda.launch({"z_loss", "z_loss_kernel"}, cuda.grid_for(rows, kZLossThreads, 4), kZLossThreads,
                ZLossArguments{lse, losses, rows, coefficient});
}

void cuda_z_loss_backward(Cuda& cuda, const void* logits, const float* lse, const float* dlosses, void* dlogits,
                          int64_t rows, int64_t vocabulary, int64_t logits_stride, float coefficient, gb_dtype dtype) {
    cuda.launch({"z_loss", dtype == GB_BFLOAT16 ? "z_loss_backward_kernel_bf16" : "z_loss_backward_kernel"},
                {rows, (vocabulary + kZLossColumns - 1) / kZLossColumns}, kZLossThreads,
                ZLossBackwardArguments{logits, lse, dlosses, dlogits, vocabulary, logits_stride, coefficient});
}

} // namespace gimbal
