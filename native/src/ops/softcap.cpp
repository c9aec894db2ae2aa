#include "op.h"

using namespace gimbal;

static void check_scalars(const Arguments& check, int64_t count, float scale, float cap, gb_dtype dtype) {
    check.size("count", count);
    check.finite("scale", scale);
    check.require(cap == cap, "cap", "a number, or 0 for none", cap);
    check.storage("dtype", dtype);
}

gb_status gb_softcap(gb_context* context, const void* x, void* y, int64_t count, float scale, float cap,
                     gb_dtype dtype) {
    return run(
        "softcap", context,
        [&](const Arguments& check) {
            check_scalars(check, count, scale, cap, dtype);
            check.pointer("x", x, count > 0);
            check.pointer("y", y, count > 0);
        },
        [](const auto& ops) { return ops.softcap; }, x, y, count, scale, cap, dtype);
}

gb_status gb_softcap_backward(gb_context* context, const void* dy, const void* y, void* dx, int64_t count, float scale,
                              float cap, gb_dtype dtype) {
    return run(
        "softcap_backward", context,
        [&](const Arguments& check) {
            check_scalars(check, count, scale, cap, dtype);
            check.pointer("dy", dy, count > 0);
            check.pointer("y", y, count > 0 && cap > 0);
            check.pointer("dx", dx, count > 0);
        },
        [](const auto& ops) { return ops.softcap_backward; }, dy, y, dx, count, scale, cap, dtype);
}
