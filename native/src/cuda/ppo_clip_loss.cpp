#include "ppo_clip_loss.h"

#include "cuda/statistics.h"

namespace gimbal {

void cuda_ppo_clip_loss(Cuda& cuda, const float* logprobs, const float* old_logprobs, const float* advantages,
                        const float* weights, float* losses, float* dlogprobs, double* statistics, int64_t count,
                        float clip_low, float clip_high, float dual_clip) {
    const StatisticsSite site = statistics_site(cuda, statistics, count);
    cuda.launch({"ppo_clip_loss", "ppo_clip_loss_kernel"}, statistics_grid(site), kStatisticsThreads,
                PpoClipLossArguments{logprobs, old_logprobs, advantages, weights, losses, dlogprobs, site, count,
                                     clip_low, clip_high, dual_clip});
}

} // namespace gimbal
