#include "sequence_ratio.h"
#include "cuda/cuda.h"

namespace gimbal {
namespace {

// One block at least: tokens of no sequence are written as well.
Grid grid_of(int64_t segments) {
    return {segments > 0 ? (segments + kSequenceRatioSegments - 1) / kSequenceRatioSegments : 1};
}

} // namespace

void cuda_sequence_ratio(Cuda& cuda, const float* logprobs, const float* old_logprobs, const float* weights,
                         const int32_t* starts, float* log_ratios, int64_t count, int64_t segments, float clamp,
                         int32_t mean) {
    cuda.launch({"sequence_ratio", "sequence_ratio_kernel"}, grid_of(segments), kSequenceRatioThreads,
                SequenceRatioArguments{logprobs, old_logprobs, weights, starts, log_ratios, count, segments, clamp,
                                       mean != 0, cuda.fault("starts")});
}

void cuda_sequence_ratio_backward(Cuda& cuda, const float* dlog_ratios, const float* weights, const int32_t* starts,
                                  float* dlogprobs, int64_t count, int64_t segments, int32_t mean, int32_t accumulate) {
    cuda.launch({"sequence_ratio", "sequence_ratio_backward_kernel"}, grid_of(segments), kSequenceRatioThreads,
                SequenceRatioBackwardArguments{dlog_ratios, weights, starts, dlogprobs, count, segments, mean != 0,
                                               accumulate != 0, cuda.fault("starts")});
}

} // namespace gimbal
