#include "policy_loss.h"

#include "cuda/policy_objective.h"
#include "cuda/statistics.h"

namespace gimbal {

void cuda_policy_loss(Cuda& cuda, const float* logprobs, const float* old_logprobs, const float* log_ratios,
                      const float* ref_logprobs, const float* advantages, const float* corrections, const float* drifts,
                      const float* weights, float* losses, float* dlogprobs, float* dlog_ratios, double* statistics,
                      int64_t count, const gb_policy_objective* objective) {
    // In the order of GB_SURROGATE_*.
    static constexpr const char* kKernels[] = {"policy_loss_kernel_clip", "policy_loss_kernel_cispo",
                                               "policy_loss_kernel_sapo", "policy_loss_kernel_vespo"};
    static_assert(sizeof kKernels / sizeof *kKernels == GB_SURROGATE_VESPO + 1);
    const StatisticsSite site = statistics_site(cuda, statistics, count);
    cuda.launch({"policy_loss", kKernels[objective->surrogate]}, statistics_grid(site), kStatisticsThreads,
                PolicyLossArguments{logprobs, old_logprobs, log_ratios, ref_logprobs, advantages, corrections, drifts,
                                    weights, losses, dlogprobs, dlog_ratios, site, count,
                                    policy_objective(*objective)});
}

} // namespace gimbal
