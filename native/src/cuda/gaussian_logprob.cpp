#include "gaussian_logprob.h"

#include "cuda/cuda.h"

namespace gimbal {

void cuda_gaussian_logprob(Cuda& cuda, const float* mean, const float* log_std, const float* actions, float* logprob,
                           float* entropy, int64_t rows, int64_t dims) {
    cuda.launch({"gaussian_logprob", "gaussian_logprob_kernel"},
                {(rows + kGaussianLogprobRows - 1) / kGaussianLogprobRows}, kGaussianLogprobThreads,
                GaussianLogprobArguments{mean, log_std, actions, logprob, entropy, rows, dims});
}

void cuda_gaussian_logprob_backward(Cuda& cuda, const float* mean, const float* log_std, const float* actions,
                                    const float* dlogprob, const float* dentropy, float* dmean, float* dlog_std,
                                    int64_t rows, int64_t dims) {
    constexpr int64_t kDown = kGaussianLogprobThreads / kGaussianColumns;
    const Cut cut = cut_blocks(rows, kGaussianRowUnit);
    const int64_t slices = (dims + kGaussianColumns - 1) / kGaussianColumns;
    cuda.launch({"gaussian_logprob", "gaussian_logprob_backward_kernel"}, {slices * ((cut.blocks + kDown - 1) / kDown)},
                kGaussianLogprobThreads,
                GaussianLogprobBackwardArguments{mean, log_std, actions, dlogprob, dentropy, dmean, dlog_std,
                                                 static_cast<double*>(cuda.workspace), cuda.tickets(), cut, rows,
                                                 dims});
}

} // namespace gimbal
