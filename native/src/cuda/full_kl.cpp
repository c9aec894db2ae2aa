#include "full_kl.h"
#include "cuda/cuda.h"

namespace gimbal {

void cuda_full_kl(Cuda& cuda, const float* logits, const float* reference, const float* lse, const float* reference_lse,
                  float* kl, int64_t rows, int64_t vocabulary, int64_t logits_stride, int64_t reference_stride,
                  float temperature) {
    cuda.launch({"full_kl", "full_kl_kernel"}, {rows}, log_sum_exp_threads(vocabulary),
                FullKlArguments{logits, reference, lse, reference_lse, kl, vocabulary, logits_stride, reference_stride,
                                1.0f / temperature});
}

void cuda_full_kl_backward(Cuda& cuda, const float* logits, const float* reference, const float* lse,
                           const float* reference_lse, const float* kl, const float* dkl, float* dlogits, int64_t rows,
                           int64_t vocabulary, int64_t logits_stride, int64_t reference_stride, float temperature) {
    cuda.launch({"full_kl", "full_kl_backward_kernel"},
                {rows, (vocabulary + kFullKlBackwardChunk - 1) / kFullKlBackwardChunk}, kFullKlBackwardThreads,
                FullKlBackwardArguments{logits, reference, lse, reference_lse, kl, dkl, dlogits, vocabulary,
                                        logits_stride, reference_stride, 1.0f / temperature});
}

} // namespace gimbal
