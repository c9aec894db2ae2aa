#include "op.h"

using namespace gimbal;

namespace {

void check_shape(const Arguments& check, int64_t rows, int64_t vocabulary, int64_t logits_stride, float label_smoothing,
                 gb_dtype dtype) {
    check.size("rows", rows);
    check.size("vocabulary", vocabulary, 1);
    check.stride("logits_stride", logits_stride, vocabulary);
    check.product("rows x logits_stride", {rows, logits_stride});
    check.require(label_smoothing >= 0 && label_smoothing <= 1, "label_smoothing", "0 to 1", label_smoothing);
    check.storage("dtype", dtype);
}

} // namespace

gb_status gb_cross_entropy(gb_context* context, const void* logits, const int32_t* targets, float* losses, float* lse,
                           int64_t rows, int64_t vocabulary, int64_t logits_stride, float label_smoothing,
                           int32_t ignore_index, gb_dtype dtype) {
    return run(
        "cross_entropy", context,
        [&](const Arguments& check) {
            check_shape(check, rows, vocabulary, logits_stride, label_smoothing, dtype);
            check.pointer("logits", logits, rows > 0);
            check.pointer("targets", targets, rows > 0);
            check.pointer("losses", losses, rows > 0);
            check.pointer("lse", lse, rows > 0);
        },
        [](const auto& ops) { return ops.cross_entropy; }, logits, targets, losses, lse, rows, vocabulary,
        logits_stride, label_smoothing, ignore_index, dtype);
}

gb_status gb_cross_entropy_backward(gb_context* context, const void* logits, const int32_t* targets, const float* lse,
                                    const float* dlosses, void* dlogits, int64_t rows, int64_t vocabulary,
                                    int64_t logits_stride, float label_smoothing, int32_t ignore_index,
                                    gb_dtype dtype) {
    return run(
        "cross_entropy_backward", context,
        [&](const Arguments& check) {
            check_shape(check, rows, vocabulary, logits_stride, label_smoothing, dtype);
            check.pointer("logits", logits, rows > 0);
            check.pointer("targets", targets, rows > 0);
            check.pointer("lse", lse, rows > 0);
            check.pointer("dlosses", dlosses, rows > 0);
            check.pointer("dlogits", dlogits, rows > 0);
        },
        [](const auto& ops) { return ops.cross_entropy_backward; }, logits, targets, lse, dlosses, dlogits, rows,
        vocabulary, logits_stride, label_smoothing, ignore_index, dtype);
}
