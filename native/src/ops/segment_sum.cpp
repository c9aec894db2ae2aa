#include "op.h"

using namespace gimbal;

gb_status gb_segment_sum(gb_context* context, const float* x, const int32_t* starts, float* y, int64_t count,
                         int64_t segments) {
    return run(
        "segment_sum", context,
        [&](const Arguments& check) {
            check.size("count", count);
            check.size("segments", segments);
            check.require(count <= INT32_MAX, "count", "at most 2147483647, the reach of starts",
                          static_cast<double>(count));
            check.pointer("x", x, count > 0);
            check.pointer("starts", starts);
            check.pointer("y", y, segments > 0);
        },
        [](const auto& ops) { return ops.segment_sum; }, x, starts, y, count, segments);
}

gb_status gb_segment_sum_backward(gb_context* context, const float* dy, const int32_t* starts, float* dx, int64_t count,
                                  int64_t segments) {
    return run(
        "segment_sum_backward", context,
        [&](const Arguments& check) {
            check.size("count", count);
            check.size("segments", segments);
            check.require(count <= INT32_MAX, "count", "at most 2147483647, the reach of starts",
                          static_cast<double>(count));
            check.pointer("dy", dy, segments > 0);
            check.pointer("starts", starts);
            check.pointer("dx", dx, count > 0);
        },
        [](const auto& ops) { return ops.segment_sum_backward; }, dy, starts, dx, count, segments);
}
