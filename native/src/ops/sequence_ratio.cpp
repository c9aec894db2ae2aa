#include "op.h"

using namespace gimbal;

static void check_sizes(const Arguments& check, int64_t count, int64_t segments, int32_t mean) {
    check.size("count", count);
    check.size("segments", segments);
    check.require(count <= INT32_MAX, "count", "at most 2147483647, the reach of starts", static_cast<double>(count));
    check.flag("mean", mean);
}

gb_status gb_sequence_ratio(gb_context* context, const float* logprobs, const float* old_logprobs, const float* weights,
                            const int32_t* starts, float* log_ratios, int64_t count, int64_t segments, float clamp,
                            int32_t mean) {
    return run(
        "sequence_ratio", context,
        [&](const Arguments& check) {
            check_sizes(check, count, segments, mean);
            check.require(clamp == clamp, "clamp", "a number, or 0 for none", clamp);
            check.pointer("logprobs", logprobs, count > 0);
            check.pointer("old_logprobs", old_logprobs, count > 0);
            check.pointer("starts", starts);
            check.pointer("log_ratios", log_ratios, count > 0);
        },
        [](const auto& ops) { return ops.sequence_ratio; }, logprobs, old_logprobs, weights, starts, log_ratios, count,
        segments, clamp, mean);
}

gb_status gb_sequence_ratio_backward(gb_context* context, const float* dlog_ratios, const float* weights,
                                     const int32_t* starts, float* dlogprobs, int64_t count, int64_t segments,
                                     int32_t mean, int32_t accumulate) {
    return run(
        "sequence_ratio_backward", context,
        [&](const Arguments& check) {
            check_sizes(check, count, segments, mean);
            check.flag("accumulate", accumulate);
            check.pointer("dlog_ratios", dlog_ratios, count > 0);
            check.pointer("starts", starts);
            check.pointer("dlogprobs", dlogprobs, count > 0);
        },
        [](const auto& ops) { return ops.sequence_ratio_backward; }, dlog_ratios, weights, starts, dlogprobs, count,
        segments, mean, accumulate);
}
