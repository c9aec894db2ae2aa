#include "op.h"

using namespace gimbal;

gb_status gb_add(gb_context* context, const void* a, const void* b, void* y, int64_t count, gb_dtype a_dtype,
                 gb_dtype b_dtype, gb_dtype y_dtype) {
    return run(
        "add", context,
        [&](const Arguments& check) {
            check.size("count", count);
            check.storage("a_dtype", a_dtype);
            check.storage("b_dtype", b_dtype);
            check.storage("y_dtype", y_dtype);
            check.pointer("a", a, count > 0);
            check.pointer("b", b, count > 0);
            check.pointer("y", y, count > 0);
        },
        [](const auto& ops) { return ops.add; }, a, b, y, count, a_dtype, b_dtype, y_dtype);
}
