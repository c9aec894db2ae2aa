#include "op.h"

using namespace gimbal;

gb_status gb_logprob_gather(gb_context* context, const void* logits, const int32_t* targets, float* logprob,
                            float* entropy, float* lse, int64_t rows, int64_t vocabulary, int64_t logits_stride,
                            float temperature, gb_dtype dtype) {
    return run(
        "logprob_gather", context,
        [&](const Arguments& check) {
            check.size("rows", rows);
            check.size("vocabulary", vocabulary, 1);
            check.stride("logits_stride", logits_stride, vocabulary);
            check.product("rows x logits_stride", {rows, logits_stride});
            check.require(temperature >= 1e-38f && temperature <= 1e38f, "temperature", "1e-38 to 1e38", temperature);
            check.storage("dtype", dtype);
            check.pointer("logits", logits, rows > 0);
            check.pointer("targets", targets, rows > 0);
            check.pointer("logprob", logprob, rows > 0);
        },
        [](const auto& ops) { return ops.logprob_gather; }, logits, targets, logprob, entropy, lse, rows, vocabulary,
        logits_stride, temperature, dtype);
}

gb_status gb_logprob_gather_backward(gb_context* context, const void* logits, const int32_t* targets, const float* lse,
                                     const float* entropy, const float* dlogprob, const float* dentropy, void* dlogits,
                                     int64_t rows, int64_t vocabulary, int64_t logits_stride, float temperature,
                                     gb_dtype dtype) {
    return run(
        "logprob_gather_backward", context,
        [&](const Arguments& check) {
            check.size("rows", rows);
            check.size("vocabulary", vocabulary, 1);
            check.stride("logits_stride", logits_stride, vocabulary);
            check.product("rows x logits_stride", {rows, logits_stride});
            check.require(temperature >= 1e-38f && temperature <= 1e38f, "temperature", "1e-38 to 1e38", temperature);
            check.storage("dtype", dtype);
            check.pointer("logits", logits, rows > 0);
            check.pointer("targets", targets, rows > 0);
            check.pointer("lse", lse, rows > 0);
            check.pointer("entropy", entropy, rows > 0 && dentropy != nullptr);
            check.pointer("dlogprob", dlogprob, rows > 0);
            check.pointer("dlogits", dlogits, rows > 0);
        },
        [](const auto& ops) { return ops.logprob_gather_backward; }, logits, targets, lse, entropy, dlogprob, dentropy,
        dlogits, rows, vocabulary, logits_stride, temperature, dtype);
}
