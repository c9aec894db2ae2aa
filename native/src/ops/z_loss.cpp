#include "op.h"

using namespace gimbal;

gb_status gb_z_loss(gb_context* context, const float* lse, float* losses, int64_t rows, float coefficient) {
    return run(
        "z_loss", context,
        [&](const Arguments& check) {
            check.size("rows", rows);
            check.finite("coefficient", coefficient);
            check.pointer("lse", lse, rows > 0);
            check.pointer("losses", losses, rows > 0);
        },
        [](const auto& ops) { return ops.z_loss; }, lse, losses, rows, coefficient);
}

gb_status gb_z_loss_backward(gb_context* context, const void* logits, const float* lse, const float* dlosses,
                             void* dlogits, int64_t rows, int64_t vocabulary, int64_t logits_stride, float coefficient,
                             gb_dtype dtype) {
    return run(
        "z_loss_backward", context,
        [&](const Arguments& check) {
            check.size("rows", rows);
            check.size("vocabulary", vocabulary, 1);
            check.stride("logits_stride", logits_stride, vocabulary);
            check.product("rows x logits_stride", {rows, logits_stride});
            check.finite("coefficient", coefficient);
            check.storage("dtype", dtype);
            check.pointer("logits", logits, rows > 0);
            check.pointer("lse", lse, rows > 0);
            check.pointer("dlosses", dlosses, rows > 0);
            check.pointer("dlogits", dlogits, rows > 0);
        },
        [](const auto& ops) { return ops.z_loss_backward; }, logits, lse, dlosses, dlogits, rows, vocabulary,
        logits_stride, coefficient, dtype);
}
