#include "op.h"

using namespace gimbal;

gb_status gb_multiply(gb_context* context, const float* a, const float* b, float* y, int64_t count) {
    return run(
        "multiply", context,
        [&](const Arguments& check) {
            check.size("count", count);
            check.pointer("a", a, count > 0);
            check.pointer("b", b, count > 0);
            check.pointer("y", y, count > 0);
        },
        [](const auto& ops) { return ops.multiply; }, a, b, y, count);
}
