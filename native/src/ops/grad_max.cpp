#include "op.h"

#include "grad_max.h"

using namespace gimbal;

gb_status gb_grad_max(gb_context* context, const float* gradients, gb_step_state* state, int64_t count,
                      float max_norm) {
    return run(
        "grad_max", context,
        [&](const Arguments& check) {
            check.size("count", count);
            check.pointer("gradients", gradients, count > 0);
            check.pointer("state", state);
            check.require(max_norm == max_norm, "max_norm", "a number", max_norm);
            context->require_workspace(kGradMaxBlocks * static_cast<int64_t>(sizeof(unsigned)));
        },
        [](const auto& ops) { return ops.grad_max; }, gradients, state, count, max_norm);
}
