#include "op.h"

using namespace gimbal;

namespace {

void check_rows(const Arguments& check, const float* logits, const float* reference, const float* lse,
                const float* reference_lse, const float* kl, int64_t rows, int64_t vocabulary, int64_t logits_stride,
                int64_t reference_stride, float temperature) {
    check.size("rows", rows);
    check.size("vocabulary", vocabulary, 1);
    check.stride("logits_stride", logits_stride, vocabulary);
    check.stride("reference_stride", reference_stride, vocabulary);
    check.product("rows x logits_stride", {rows, logits_stride});
    check.product("rows x reference_stride", {rows, reference_stride});
    check.require(temperature >= 1e-38f && temperature <= 1e38f, "temperature", "1e-38 to 1e38", temperature);
    check.pointer("logits", logits, rows > 0);
    check.pointer("reference", reference, rows > 0);
    check.pointer("lse", lse, rows > 0);
    check.pointer("reference_lse", reference_lse, rows > 0);
    check.pointer("kl", kl, rows > 0);
}

} // namespace

gb_status gb_full_kl(gb_context* context, const float* logits, const float* reference, const float* lse,
                     const float* reference_lse, float* kl, int64_t rows, int64_t vocabulary, int64_t logits_stride,
                     int64_t reference_stride, float temperature) {
    return run(
        "full_kl", context,
        [&](const Arguments& check) {
            check_rows(check, logits, reference, lse, reference_lse, kl, rows, vocabulary, logits_stride,
                       reference_stride, temperature);
        },
        [](const auto& ops) { return ops.full_kl; }, logits, reference, lse, reference_lse, kl, rows, vocabulary,
        logits_stride, reference_stride, temperature);
}

gb_status gb_full_kl_backward(gb_context* context, const float* logits, const float* reference, const float* lse,
                              const float* reference_lse, const float* kl, const float* dkl, float* dlogits,
                              int64_t rows, int64_t vocabulary, int64_t logits_stride, int64_t reference_stride,
                              float temperature) {
    return run(
        "full_kl_backward", context,
        [&](const Arguments& check) {
            check_rows(check, logits, reference, lse, reference_lse, kl, rows, vocabulary, logits_stride,
                       reference_stride, temperature);
            check.pointer("dkl", dkl, rows > 0);
            check.pointer("dlogits", dlogits, rows > 0);
        },
        [](const auto& ops) { return ops.full_kl_backward; }, logits, reference, lse, reference_lse, kl, dkl, dlogits,
        rows, vocabulary, logits_stride, reference_stride, temperature);
}
