#include "segment_sum.h"
#include "cuda/cuda.h"

#include <algorithm>

namespace gimbal {

void cuda_segment_sum(Cuda& cuda, const float* x, const int32_t* starts, float* y, int64_t count, int64_t segments) {
    cuda.launch({"segment_sum", "segment_sum_kernel"}, {(segments + kSegmentsOfBlock - 1) / kSegmentsOfBlock},
                kSegmentThreads, SegmentSumArguments{x, starts, y, count, segments, cuda.fault("starts")});
}

void cuda_segment_sum_backward(Cuda& cuda, const float* dy, const int32_t* starts, float* dx, int64_t count,
                               int64_t segments) {
    cuda.launch({"segment_sum", "segment_sum_backward_kernel"},
                cuda.grid_for(std::max(count, segments + 1), kSegmentThreads, 1), kSegmentThreads,
                SegmentSumBackwardArguments{dy, starts, dx, count, segments, cuda.fault("starts")});
}

} // namespace gimbal
