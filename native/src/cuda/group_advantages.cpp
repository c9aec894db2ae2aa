#include "group_advantages.h"

#include "cuda/statistics.h"

namespace gimbal {

void cuda_group_advantages(Cuda& cuda, const float* rewards, const uint8_t* mask, float* advantages, double* statistics,
                           int64_t groups, int64_t group_size, float epsilon, int32_t scaling) {
    if (group_size == 0) return;
    const StatisticsSite site = statistics_site(cuda, statistics, groups, group_unit(group_size));
    cuda.launch({"group_advantages", "group_advantages_kernel"}, statistics_grid(site), kStatisticsThreads,
                GroupAdvantagesArguments{rewards, mask, advantages, site, groups, group_size, epsilon,
                                         scaling == GB_SCALE_GROUP ? 1 : 0});
}

} // namespace gimbal
