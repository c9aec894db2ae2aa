#include "op.h"

using namespace gimbal;

gb_status gb_repetition_penalty(gb_context* context, const void* x, const int32_t* ids, const int32_t* starts, void* y,
                                int64_t count, int64_t rows, int64_t vocabulary, int64_t x_stride, float penalty,
                                gb_dtype dtype) {
    return run(
        "repetition_penalty", context,
        [&](const Arguments& check) {
            check.size("count", count);
            check.size("rows", rows);
            check.size("vocabulary", vocabulary, 1);
            check.stride("x_stride", x_stride, vocabulary);
            check.product("rows x x_stride", {rows, x_stride});
            check.require(count <= INT32_MAX, "count", "at most 2147483647, the reach of starts",
                          static_cast<double>(count));
            check.require(penalty > 0, "penalty", "above 0", penalty);
            check.dtype("dtype", dtype, {GB_FLOAT32});
            check.pointer("x", x, rows > 0);
            check.pointer("ids", ids, count > 0);
            check.pointer("starts", starts);
            check.pointer("y", y, rows > 0);
        },
        [](const auto& ops) { return ops.repetition_penalty; }, x, ids, starts, y, count, rows, vocabulary, x_stride,
        penalty, dtype);
}
