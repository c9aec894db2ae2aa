#include "logprob_gather.h"
#include "cuda/cuda.h"

namespace gimbal {

void cuda_logprob_gather(Cuda& cuda, const void* logits, const int32_t* targets, float* logprob, float* entropy,
                         float* lse, int64_t rows, int64_t vocabulary, int64_t logits_stride, float temperature,
                         gb_dtype dtype) {
    cuda.launch({"logprob_gather", dtype == GB_BFLOAT16 ? "logprob_gather_kernel_bf16" : "logprob_gather_kernel"},
                {rows}, log_sum_exp_threads(vocabulary),
                LogprobGatherArguments{logits, targets, logprob, entropy, lse, vocabulary, logits_stride,
                                       1.0f / temperature, cuda.fault("targets")});
}

void cuda_logprob_gather_backward(Cuda& cuda, const void* logits, const int32_t* targets, const float* lse,
                                  const float* entropy, const float* dlogprob, const float* dentropy, void* dlogits,
                                  int64_t rows, int64_t vocabulary, int64_t logits_stride, float temperature,
                                  gb_dtype dtype) {
    const int64_t chunks = (vocabulary + kLogprobBackwardChunk - 1) / kLogprobBackwardChunk;
    cuda.launch({"logprob_gather",
                 dtype == GB_BFLOAT16 ? "logprob_gather_backward_kernel_bf16" : "logprob_gather_backward_kernel"},
                {rows * chunks}, kLogprobBackwardThreads,
                LogprobGatherBackwardArguments{logits, targets, lse, entropy, dlogprob, dentropy, dlogits, vocabulary,
                                               logits_stride, chunks, 1.0f / temperature, cuda.fault("targets")});
}

} // namespace gimbal
