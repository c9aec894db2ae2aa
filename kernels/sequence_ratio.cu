// sequence_ratio: y_t = sum over u of clip(logprob_u - old_u, -clamp, clamp), u the tokens of weight != 0 in the
// sequence of t, divided by their number if mean; 0 outside all sequences. Backward: dlogprob_t = the sum of
// dlog_ratios over the sequence, divided likewise; 0 where the weight is 0. All but starts (count) float32; starts
// (segments + 1) int32, ascending within 0..count: otherwise a fault, and nothing is written for the sequences
// concerned. Sixteen lanes to a sequence, lane = index within it mod 16: the bits of the CPU. Bounds: 16 bytes a
// token; 12.
#include "sequence_ratio.h"

#include "common/reduce.h"
#include "common/segments.h"
#include "common/vec.h"

using namespace gimbal;
using namespace gimbal::device;

namespace {

// The team's sequence; an empty one past the last, or where its ends are bad.
struct Sequence {
    int64_t begin, length;
};

template <class Arguments> GB_DEVICE Sequence own_sequence(const Arguments& a) {
    const int64_t s = static_cast<int64_t>(blockIdx.x) * kSequenceRatioSegments + threadIdx.x / kLanes;
    if (s >= a.segments || !check_segment(a.fault, a.starts, s, a.count)) return {0, 0};
    return {a.starts[s], a.starts[s + 1] - a.starts[s]};
}

// Tokens of weight other than 0, at least 1.
GB_DEVICE float counted(const float* weights, const Sequence& sequence) {
    int count = 0;
    for_team(sequence.length,
             [&](int64_t i) { count += weights == nullptr || weights[sequence.begin + i] != 0.0f ? 1 : 0; });
    count = sum_team(count);
    return count > 0 ? static_cast<float>(count) : 1.0f;
}

// Calls body(t) for the tokens of no sequence.
template <class Arguments, class Body> GB_DEVICE void for_outside(const Arguments& a, Body body) {
    const int64_t before = a.starts[0], after = a.starts[a.segments];
    for (int64_t t = grid_thread(); t < before && t < a.count; t += grid_threads())
        body(t);
    for (int64_t t = (after > 0 ? after : 0) + grid_thread(); t < a.count; t += grid_threads())
        body(t);
}

} // namespace

extern "C" __global__ void __launch_bounds__(kSequenceRatioThreads) sequence_ratio_kernel(SequenceRatioArguments a) {
    const Sequence sequence = own_sequence(a);
    const float limit = a.clamp > 0.0f ? a.clamp : kInfinity;
    float sum = 0.0f;
    for_team(sequence.length, [&](int64_t i) {
        const int64_t t = sequence.begin + i;
        const float d = a.logprobs[t] - a.old_logprobs[t];
        const bool present = a.weights == nullptr || a.weights[t] != 0.0f;
        sum = sum + (present ? max(-limit, min(limit, d)) : 0.0f);
    });
    float total = sum_team(sum);
    if (a.mean) total = total / counted(a.weights, sequence);
    for_team(sequence.length, [&](int64_t i) { a.log_ratios[sequence.begin + i] = total; });
    for_outside(a, [&](int64_t t) { a.log_ratios[t] = 0.0f; });
}

extern "C" __global__ void __launch_bounds__(kSequenceRatioThreads)
    sequence_ratio_backward_kernel(SequenceRatioBackwardArguments a) {
    const Sequence sequence = own_sequence(a);
    float sum = 0.0f;
    for_team(sequence.length, [&](int64_t i) { sum = sum + a.dlog_ratios[sequence.begin + i]; });
    float share = sum_team(sum);
    if (a.mean) share = share / counted(a.weights, sequence);
    for_team(sequence.length, [&](int64_t i) {
        const int64_t t = sequence.begin + i;
        const float gradient = a.weights == nullptr || a.weights[t] != 0.0f ? share : 0.0f;
        a.dlogprobs[t] = a.accumulate ? a.dlogprobs[t] + gradient : gradient;
    });
    if (!a.accumulate) for_outside(a, [&](int64_t t) { a.dlogprobs[t] = 0.0f; });
}
