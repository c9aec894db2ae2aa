#include "cuda/statistics.h"
#include "op.h"

#include "gaussian_logprob.h"

using namespace gimbal;

gb_status gb_gaussian_logprob(gb_context* context, const float* mean, const float* log_std, const float* actions,
                              float* logprob, float* entropy, int64_t rows, int64_t dims) {
    return run(
        "gaussian_logprob", context,
        [&](const Arguments& check) {
            check.size("rows", rows);
            check.size("dims", dims, 1);
            check.product("rows x dims", {rows, dims});
            check.pointer("mean", mean, rows > 0);
            check.pointer("log_std", log_std, rows > 0);
            check.pointer("actions", actions, rows > 0);
            check.pointer("logprob", logprob, rows > 0);
        },
        [](const auto& ops) { return ops.gaussian_logprob; }, mean, log_std, actions, logprob, entropy, rows, dims);
}

gb_status gb_gaussian_logprob_backward(gb_context* context, const float* mean, const float* log_std,
                                       const float* actions, const float* dlogprob, const float* dentropy, float* dmean,
                                       float* dlog_std, int64_t rows, int64_t dims) {
    return run(
        "gaussian_logprob_backward", context,
        [&](const Arguments& check) {
            check.size("rows", rows);
            check.size("dims", dims, 1);
            check.product("rows x dims", {rows, dims});
            check.pointer("mean", mean, rows > 0);
            check.pointer("log_std", log_std, rows > 0);
            check.pointer("actions", actions, rows > 0);
            check.pointer("dlogprob", dlogprob, rows > 0);
            check.pointer("dmean", dmean, rows > 0);
            check.pointer("dlog_std", dlog_std, rows > 0);
            context->require_workspace(partials_bytes(rows, kGaussianRowUnit, dims));
        },
        [](const auto& ops) { return ops.gaussian_logprob_backward; }, mean, log_std, actions, dlogprob, dentropy,
        dmean, dlog_std, rows, dims);
}
