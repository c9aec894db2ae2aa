#include "reward_loss.h"

#include "cuda/statistics.h"

namespace gimbal {

void cuda_reward_loss(Cuda& cuda, const float* chosen, const float* rejected, const float* margins,
                      const float* weights, float* losses, float* dchosen, float* drejected, double* statistics,
                      int64_t pairs, float center) {
    const StatisticsSite site = statistics_site(cuda, statistics, pairs);
    cuda.launch(
        {"reward_loss", "reward_loss_kernel"}, statistics_grid(site), kStatisticsThreads,
        RewardLossArguments{chosen, rejected, margins, weights, losses, dchosen, drejected, site, pairs, center});
}

} // namespace gimbal
