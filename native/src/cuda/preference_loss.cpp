#include "preference_loss.h"

#include "cuda/statistics.h"

namespace gimbal {

static_assert(static_cast<int>(PairForm::odds_ratio) == GB_PREFERENCE_ODDS_RATIO);

void cuda_preference_loss(Cuda& cuda, const float* chosen, const float* rejected, const float* ref_chosen,
                          const float* ref_rejected, const float* weights, float* losses, float* dchosen,
                          float* drejected, double* statistics, int64_t pairs, const gb_preference* preference) {
    const StatisticsSite site = statistics_site(cuda, statistics, pairs);
    const gb_preference& p = *preference;
    cuda.launch({"preference_loss", "preference_loss_kernel"}, statistics_grid(site), kStatisticsThreads,
                PreferenceLossArguments{chosen, rejected, ref_chosen, ref_rejected, weights, losses, dchosen, drejected,
                                        site, pairs, static_cast<PairForm>(p.form), p.divergence, p.beta,
                                        p.label_smoothing, p.margin, p.temperature, p.alpha, p.coefficient});
}

} // namespace gimbal
