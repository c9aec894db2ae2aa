#include "op.h"

#include "gae.h"

using namespace gimbal;

gb_status gb_gae(gb_context* context, const float* rewards, const float* values, const float* last_values,
                 const uint8_t* terminated, const uint8_t* truncated, const float* truncated_values,
                 const uint8_t* mask, float* advantages, float* returns, int64_t rows, int64_t steps, float gamma,
                 float lambda) {
    return run(
        "gae", context,
        [&](const Arguments& check) {
            check.size("rows", rows);
            check.size("steps", steps);
            check.product("rows x steps", {rows, steps});
            check.finite("gamma", gamma);
            check.finite("lambda", lambda);
            const bool any = rows > 0 && steps > 0;
            check.pointer("rewards", rewards, any);
            check.pointer("values", values, any);
            check.pointer("truncated_values", truncated_values, any && truncated != nullptr);
            check.pointer("advantages", advantages, any);
            check.pointer("returns", returns, any);
            context->require_workspace(gae_tiles(rows, steps) * static_cast<int64_t>(sizeof(GaeTile)));
        },
        [](const auto& ops) { return ops.gae; }, rewards, values, last_values, terminated, truncated, truncated_values,
        mask, advantages, returns, rows, steps, gamma, lambda);
}
