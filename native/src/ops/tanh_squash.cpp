#include "op.h"

using namespace gimbal;

gb_status gb_tanh_squash(gb_context* context, const float* x, float* y, float* logprob, int64_t rows, int64_t dims,
                         float epsilon) {
    return run(
        "tanh_squash", context,
        [&](const Arguments& check) {
            check.size("rows", rows);
            check.size("dims", dims, 1);
            check.product("rows x dims", {rows, dims});
            check.require(epsilon >= 0, "epsilon", "at least 0", epsilon);
            check.pointer("x", x, rows > 0);
            check.pointer("logprob", logprob, rows > 0);
        },
        [](const auto& ops) { return ops.tanh_squash; }, x, y, logprob, rows, dims, epsilon);
}
