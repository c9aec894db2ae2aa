// segment_sum: y_s = sum of x_t for t in starts[s] .. starts[s + 1] - 1; backward: dx_t = dy_s, 0 outside all segments.
// x, dx (count), y, dy (segments) float32, starts (segments + 1) int32, ascending within 0..count: otherwise a fault,
// and NaN for the segments concerned.
//
// Forward: a team of sixteen threads to a segment, lane = index within the segment mod 16: the bits of the CPU.
// Backward: a thread to an element, which finds its segment by bisection. Bounds: one read; one write.
#include "segment_sum.h"

#include "common/reduce.h"
#include "common/segments.h"
#include "common/vec.h"

using namespace gimbal;
using namespace gimbal::device;

extern "C" __global__ void __launch_bounds__(kSegmentThreads) segment_sum_kernel(SegmentSumArguments a) {
    const int64_t s = static_cast<int64_t>(blockIdx.x) * kSegmentsOfBlock + threadIdx.x / kLanes;
    bool valid = s < a.segments;
    if (valid) valid = check_segment(a.fault, a.starts, s, a.count);
    const float* x = valid ? a.x + a.starts[s] : a.x;
    const int64_t length = valid ? a.starts[s + 1] - a.starts[s] : 0;
    float sum = 0.0f;
#pragma unroll 8
    for (int64_t i = team_lane(); i < length; i += kLanes)
        sum = sum + x[i];
    sum = sum_team(sum);
    if (s < a.segments && team_lane() == 0) a.y[s] = valid ? sum : kInfinity - kInfinity;
}

extern "C" __global__ void __launch_bounds__(kSegmentThreads)
    segment_sum_backward_kernel(SegmentSumBackwardArguments a) {
    for (int64_t s = grid_thread(); s <= a.segments; s += grid_threads())
        check_start(a.fault, a.starts, s, a.count);
    for (int64_t t = grid_thread(); t < a.count; t += grid_threads()) {
        // The number of starts up to t; the last of them is the start of t's segment.
        int64_t begun = 0, end = a.segments + 1;
        while (begun < end) {
            const int64_t middle = (begun + end) / 2;
            if (a.starts[middle] <= t)
                begun = middle + 1;
            else
                end = middle;
        }
        a.dx[t] = begun > 0 && begun <= a.segments ? a.dy[begun - 1] : 0.0f;
    }
}
