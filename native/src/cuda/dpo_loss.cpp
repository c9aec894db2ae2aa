#include "dpo_loss.h"

#include "cuda/statistics.h"

namespace gimbal {

void cuda_dpo_loss(Cuda& cuda, const float* chosen, const float* rejected, const float* ref_chosen,
                   const float* ref_rejected, const float* weights, float* losses, float* dchosen, float* drejected,
                   double* statistics, int64_t pairs, float beta, float label_smoothing) {
    const StatisticsSite site = statistics_site(cuda, statistics, pairs);
    cuda.launch({"dpo_loss", "dpo_loss_kernel"}, statistics_grid(site), kStatisticsThreads,
                DpoLossArguments{chosen, rejected, ref_chosen, ref_rejected, weights, losses, dchosen, drejected, site,
                                 pairs, beta, label_smoothing});
}

} // namespace gimbal
