#include "sde_logprob.h"

#include "cuda/cuda.h"

namespace gimbal {

void cuda_sde_logprob(Cuda& cuda, const float* mean, const float* features, const float* log_std, const float* actions,
                      float* logprob, float* entropy, float* variance, int64_t rows, int64_t dims, int64_t width,
                      float epsilon) {
    cuda.launch(
        {"sde_logprob", "sde_logprob_kernel"}, {(rows + kSdeLogprobRows - 1) / kSdeLogprobRows}, kSdeLogprobThreads,
        SdeLogprobArguments{mean, features, log_std, actions, logprob, entropy, variance, rows, dims, width, epsilon});
}

void cuda_sde_logprob_backward(Cuda& cuda, const float* mean, const float* features, const float* log_std,
                               const float* actions, const float* variance, const float* dlogprob,
                               const float* dentropy, float* dmean, float* dlog_std, int64_t rows, int64_t dims,
                               int64_t width) {
    if (rows == 0) return;
    const SdeLogprobBackwardArguments arguments{mean,           features,
                                                log_std,        actions,
                                                variance,       dlogprob,
                                                dentropy,       dmean,
                                                dlog_std,       static_cast<float*>(cuda.workspace),
                                                cuda.tickets(), ColumnSumPlan(rows, dims * width),
                                                rows,           dims,
                                                width};
    cuda.launch({"sde_logprob", "sde_logprob_backward_kernel"},
                {(rows * dims + kSdeLogprobThreads - 1) / kSdeLogprobThreads}, kSdeLogprobThreads, arguments);
    cuda.launch({"sde_logprob", "sde_logprob_backward_kernel_log_std"}, {arguments.plan.tiles, arguments.plan.pieces},
                kColumnThreads, arguments);
}

} // namespace gimbal
