#include "softcap.h"
#include "cuda/cuda.h"

namespace gimbal {

void cuda_softcap(Cuda& cuda, const void* x, void* y, int64_t count, float scale, float cap, gb_dtype dtype) {
    cuda.launch({"softcap", dtype == GB_BFLOAT16 ? "softcap_kernel_bf16" : "softcap_kernel"},
                cuda.grid_for(count, kSoftcapThreads, 4), kSoftcapThreads, SoftcapArguments{x, y, count, scale, cap});
}

void cuda_softcap_backward(Cuda& cuda, const void* dy, const void* y, void* dx, int64_t count, float scale, float cap,
                           gb_dtype dtype) {
    cuda.launch({"softcap", dtype == GB_BFLOAT16 ? "softcap_backward_kernel_bf16" : "softcap_backward_kernel"},
                cuda.grid_for(count, kSoftcapThreads, 4), kSoftcapThreads,
                SoftcapBackwardArguments{dy, y, dx, count, scale, cap});
}

} // namespace gimbal
