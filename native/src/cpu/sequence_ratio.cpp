// The log-ratio of whole sequences, written to each of their tokens, and its gradient. The lane of a token is its index
// within its sequence mod 16, so a sequence's bits do not depend on where it lies.
#include "cpu/checks.h"
#include "cpu/cpu.h"
#include "cpu/rows.h"
#include "cpu/statistics.h"

namespace gimbal::GB_ISA {

namespace {

// Tokens of weight other than 0, at least 1.
float counted(const float* weights, int64_t begin, int64_t end) {
    int64_t count = 0;
    for_lanes(begin, end, [&](int64_t i, auto n) { count += load_weights(weights, i, n).count(); });
    // Lanes past the end of a null array weigh 0, and a real one is loaded with 0 there.
    return count > 0 ? static_cast<float>(count) : 1.0f;
}

void fill(float* y, int64_t begin, int64_t end, float value) {
    for_lanes(begin, end, [&](int64_t i, auto n) { store(y + i, broadcast(value), n); });
}

} // namespace

void cpu_sequence_ratio(Cpu& cpu, const float* logprobs, const float* old_logprobs, const float* weights,
                        const int32_t* starts, float* log_ratios, int64_t count, int64_t segments, float clamp,
                        int32_t mean) {
    require_segments("starts", starts, segments, count);
    const F16 limit = broadcast(clamp > 0 ? clamp : kInfinity);
    fill(log_ratios, 0, starts[0], 0.0f);
    for_rows(cpu.threads, segments, segments > 0 ? count / segments : 0, [&](int64_t s) {
        F16 sum = zero();
        for_lanes(starts[s], starts[s + 1], [&](int64_t i, auto n) {
            const F16 d = load(logprobs + i, n) - load(old_logprobs + i, n);
            sum = sum + load_weights(weights, i, n).only(max(-limit, min(limit, d)));
        });
        const float total = reduce_add(sum);
        fill(log_ratios, starts[s], starts[s + 1],
             mean != 0 ? total / counted(weights, starts[s], starts[s + 1]) : total);
    });
    fill(log_ratios, starts[segments], count, 0.0f);
}

void cpu_sequence_ratio_backward(Cpu& cpu, const float* dlog_ratios, const float* weights, const int32_t* starts,
                                 float* dlogprobs, int64_t count, int64_t segments, int32_t mean, int32_t accumulate) {
    require_segments("starts", starts, segments, count);
    if (accumulate == 0) {
        fill(dlogprobs, 0, starts[0], 0.0f);
        fill(dlogprobs, starts[segments], count, 0.0f);
    }
    for_rows(cpu.threads, segments, segments > 0 ? count / segments : 0, [&](int64_t s) {
        F16 sum = zero();
        for_lanes(starts[s], starts[s + 1], [&](int64_t i, auto n) { sum = sum + load(dlog_ratios + i, n); });
        const float total = reduce_add(sum);
        const F16 share = broadcast(mean != 0 ? total / counted(weights, starts[s], starts[s + 1]) : total);
        for_lanes(starts[s], starts[s + 1], [&](int64_t i, auto n) {
            const F16 gradient = load_weights(weights, i, n).only(share);
            store(dlogprobs + i, accumulate != 0 ? load(dlogprobs + i, n) + gradient : gradient, n);
        });
    });
}

} // namespace gimbal::GB_ISA
