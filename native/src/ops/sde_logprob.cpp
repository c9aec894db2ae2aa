#include "op.h"

#include "common/column_sum_plan.h"

using namespace gimbal;

gb_status gb_sde_logprob(gb_context* context, const float* mean, const float* features, const float* log_std,
                         const float* actions, float* logprob, float* entropy, float* variance, int64_t rows,
                         int64_t dims, int64_t width, float epsilon) {
    return run(
        "sde_logprob", context,
        [&](const Arguments& check) {
            check.size("rows", rows);
            check.size("dims", dims, 1);
            check.size("width", width, 1);
            check.product("rows x dims x width", {rows, dims, width});
            check.require(epsilon >= 0 && epsilon <= 1e38f, "epsilon", "0 to 1e38", epsilon);
            check.pointer("mean", mean, rows > 0);
            check.pointer("features", features, rows > 0);
            check.pointer("log_std", log_std, rows > 0);
            check.pointer("actions", actions, rows > 0);
            check.pointer("logprob", logprob, rows > 0);
            check.pointer("variance", variance, rows > 0);
        },
        [](const auto& ops) { return ops.sde_logprob; }, mean, features, log_std, actions, logprob, entropy, variance,
        rows, dims, width, epsilon);
}

gb_status gb_sde_logprob_backward(gb_context* context, const float* mean, const float* features, const float* log_std,
                                  const float* actions, const float* variance, const float* dlogprob,
                                  const float* dentropy, float* dmean, float* dlog_std, int64_t rows, int64_t dims,
                                  int64_t width) {
    return run(
        "sde_logprob_backward", context,
        [&](const Arguments& check) {
            check.size("rows", rows);
            check.size("dims", dims, 1);
            check.size("width", width, 1);
            check.product("rows x dims x width", {rows, dims, width});
            check.pointer("mean", mean, rows > 0);
            check.pointer("features", features, rows > 0);
            check.pointer("log_std", log_std, rows > 0);
            check.pointer("actions", actions, rows > 0);
            check.pointer("variance", variance, rows > 0);
            check.pointer("dlogprob", dlogprob, rows > 0);
            check.pointer("dmean", dmean, rows > 0);
            check.pointer("dlog_std", dlog_std, rows > 0);
            context->require_workspace(ColumnSumPlan(rows, dims * width).bytes(1));
        },
        [](const auto& ops) { return ops.sde_logprob_backward; }, mean, features, log_std, actions, variance, dlogprob,
        dentropy, dmean, dlog_std, rows, dims, width);
}
