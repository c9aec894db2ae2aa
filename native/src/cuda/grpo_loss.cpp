#include "grpo_loss.h"

#include "cuda/statistics.h"

namespace gimbal {

void cuda_grpo_loss(Cuda& cuda, const float* logprobs, const float* old_logprobs, const float* ref_logprobs,
                    const float* advantages, const float* weights, float* losses, float* dlogprobs, double* statistics,
                    int64_t count, float clip_low, float clip_high, float delta, float beta) {
    const StatisticsSite site = statistics_site(cuda, statistics, count);
    cuda.launch({"grpo_loss", "grpo_loss_kernel"}, statistics_grid(site), kStatisticsThreads,
                GrpoLossArguments{logprobs, old_logprobs, ref_logprobs, advantages, weights, losses, dlogprobs, site,
                                  count, clip_low, clip_high, delta, beta});
}

} // namespace gimbal
