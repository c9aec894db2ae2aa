#include "value_clip_loss.h"

#include "cuda/statistics.h"

namespace gimbal {

void cuda_value_clip_loss(Cuda& cuda, const float* values, const float* old_values, const float* returns,
                          const float* weights, float* losses, float* dvalues, double* statistics, int64_t count,
                          float clip_range) {
    const StatisticsSite site = statistics_site(cuda, statistics, count);
    cuda.launch({"value_clip_loss", "value_clip_loss_kernel"}, statistics_grid(site), kStatisticsThreads,
                ValueClipLossArguments{values, old_values, returns, weights, losses, dvalues, site, count, clip_range});
}

} // namespace gimbal
