#include "unpaired_loss.h"

#include "cuda/statistics.h"

namespace gimbal {

void cuda_unpaired_loss(Cuda& cuda, const float* logprobs, const float* ref_logprobs, const uint8_t* desirable,
                        const float* weights, float* losses, float* dlogprobs, double* statistics, int64_t count,
                        float beta, float shift, int32_t form) {
    const StatisticsSite site = statistics_site(cuda, statistics, count);
    cuda.launch({"unpaired_loss", "unpaired_loss_kernel"}, statistics_grid(site), kStatisticsThreads,
                UnpairedLossArguments{logprobs, ref_logprobs, desirable, weights, losses, dlogprobs, site, count, beta,
                                      shift, form == GB_UNPAIRED_KTO});
}

} // namespace gimbal
