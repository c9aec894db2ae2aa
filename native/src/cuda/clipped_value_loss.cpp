#include "clipped_value_loss.h"

#include "cuda/statistics.h"

namespace gimbal {

void cuda_clipped_value_loss(Cuda& cuda, const float* values, const float* old_values, const float* returns,
                             const float* weights, float* losses, float* dvalues, double* statistics, int64_t count,
                             float clip_range) {
    const StatisticsSite site = statistics_site(cuda, statistics, count);
    cuda.launch(
        {"clipped_value_loss", "clipped_value_loss_kernel"}, statistics_grid(site), kStatisticsThreads,
        ClippedValueLossArguments{values, old_values, returns, weights, losses, dvalues, site, count, clip_range});
}

} // namespace gimbal
