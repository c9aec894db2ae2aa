#include "kl_penalty.h"

#include "cuda/cuda.h"

namespace gimbal {

void cuda_kl_penalty(Cuda& cuda, const float* logprobs, const float* ref_logprobs, float* kl, float* dlogprobs,
                     int64_t count, float clamp, int32_t estimator) {
    cuda.launch({"kl_penalty", "kl_penalty_kernel"}, cuda.grid_for(count, kKlPenaltyThreads, 4), kKlPenaltyThreads,
                KlPenaltyArguments{logprobs, ref_logprobs, kl, dlogprobs, count, clamp, estimator});
}

} // namespace gimbal
