#include "nll_loss.h"

#include "cuda/statistics.h"

namespace gimbal {

void cuda_nll_loss(Cuda& cuda, const float* logprobs, const float* weights, float* losses, float* dlogprobs,
                   double* statistics, int64_t count, float power) {
    const StatisticsSite site = statistics_site(cuda, statistics, count);
    cuda.launch({"nll_loss", "nll_loss_kernel"}, statistics_grid(site), kStatisticsThreads,
                NllLossArguments{logprobs, weights, losses, dlogprobs, site, count, power});
}

} // namespace gimbal
