#include "cross_entropy.h"
#include "cuda/cuda.h"

namespace gimbal {

void cuda_cross_entropy(Cuda& cuda, const void* logits, const int32_t* targets, float* losses, float* lse, int64_t rows,
                        int64_t vocabulary, int64_t logits_stride, float label_smoothing, int32_t ignore_index,
                        gb_dtype dtype) {
    cuda.launch({"cross_entropy", dtype == GB_BFLOAT16 ? "cross_entropy_kernel_bf16" : "cross_entropy_kernel"}, {rows},
                log_sum_exp_threads(vocabulary),
                CrossEntropyArguments{logits, targets, losses, lse, vocabulary, logits_stride, label_smoothing,
                                      ignore_index, cuda.fault("targets")});
}

void cuda_cross_entropy_backward(Cuda& cuda, const void* logits, const int32_t* targets, const float* lse,
                                 const float* dlosses, void* dlogits, int64_t rows, int64_t vocabulary,
                                 int64_t logits_stride, float label_smoothing, int32_t ignore_index, gb_dtype dtype) {
    const int64_t chunks = (vocabulary + kCrossEntropyBackwardChunk - 1) / kCrossEntropyBackwardChunk;
    cuda.launch({"cross_entropy",
                 dtype == GB_BFLOAT16 ? "cross_entropy_backward_kernel_bf16" : "cross_entropy_backward_kernel"},
                {rows * chunks}, kCrossEntropyBackwardThreads,
                CrossEntropyBackwardArguments{logits, targets, lse, dlosses, dlogits, vocabulary, logits_stride, chunks,
                                              label_smoothing, ignore_index, cuda.fault("targets")});
}

} // namespace gimbal
