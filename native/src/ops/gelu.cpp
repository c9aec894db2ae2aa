#include "op.h"

using namespace gimbal;

gb_status gb_gelu(gb_context* context, const void* x, void* y, int64_t count, int32_t form, gb_dtype dtype) {
    return run(
        "gelu", context,
        [&](const Arguments& check) {
            check.size("count", count);
            check.require(form == GB_GELU_TANH || form == GB_GELU_ERF, "form", "0 (tanh) or 1 (erf)", form);
            check.storage("dtype", dtype);
            check.pointer("x", x, count > 0);
            check.pointer("y", y, count > 0);
        },
        [](const auto& ops) { return ops.gelu; }, x, y, count, form, dtype);
}

gb_status gb_gelu_backward(gb_context* context, const void* dy, const void* x, void* dx, int64_t count, int32_t form,
                           gb_dtype dtype) {
    return run(
        "gelu_backward", context,
        [&](const Arguments& check) {
            check.size("count", count);
            check.require(form == GB_GELU_TANH || form == GB_GELU_ERF, "form", "0 (tanh) or 1 (erf)", form);
            check.storage("dtype", dtype);
            check.pointer("dy", dy, count > 0);
            check.pointer("x", x, count > 0);
            check.pointer("dx", dx, count > 0);
        },
        [](const auto& ops) { return ops.gelu_backward; }, dy, x, dx, count, form, dtype);
}
