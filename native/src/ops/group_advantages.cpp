#include "cuda/statistics.h"
#include "op.h"

#include "group_advantages.h"

using namespace gimbal;

gb_status gb_group_advantages(gb_context* context, const float* rewards, const uint8_t* mask, float* advantages,
                              double* statistics, int64_t groups, int64_t group_size, float epsilon, int32_t scaling) {
    return run(
        "group_advantages", context,
        [&](const Arguments& check) {
            check.size("groups", groups);
            check.size("group_size", group_size);
            check.product("groups x group_size", {groups, group_size});
            check.require(epsilon >= 0, "epsilon", "at least 0", epsilon);
            check.require(scaling == GB_SCALE_NONE || scaling == GB_SCALE_GROUP, "scaling", "0 (none) or 1 (group)",
                          scaling);
            check.pointer("rewards", rewards, groups > 0 && group_size > 0);
            check.pointer("advantages", advantages, groups > 0 && group_size > 0);
            if (statistics != nullptr && group_size > 0)
                context->require_workspace(partials_bytes(groups, group_unit(group_size), kGroupAdvantagesStatistics));
        },
        [](const auto& ops) { return ops.group_advantages; }, rewards, mask, advantages, statistics, groups, group_size,
        epsilon, scaling);
}
