#include "cpu/checks.h"

#include "status.h"

#include <string>

namespace gimbal {
namespace {

[[noreturn]] void refuse(const char* name, int64_t row, int64_t got, int64_t lowest, int64_t highest) {
    throw Error(GB_OUT_OF_RANGE, std::string(name) + "[" + std::to_string(row) + "]: wanted " + std::to_string(lowest) +
                                     " to " + std::to_string(highest) + ", got " + std::to_string(got));
}

} // namespace

void require_indices(const char* name, const int32_t* indices, int64_t rows, int64_t lowest, int64_t limit) {
    for (int64_t r = 0; r < rows; ++r)
        if (indices[r] < lowest || indices[r] >= limit) refuse(name, r, indices[r], lowest, limit - 1);
}

void require_targets(const int32_t* targets, int64_t rows, int64_t vocabulary, int32_t left_out) {
    for (int64_t r = 0; r < rows; ++r)
        if (targets[r] != left_out && (targets[r] < 0 || targets[r] >= vocabulary))
            throw Error(GB_OUT_OF_RANGE, "targets[" + std::to_string(r) + "]: wanted " + std::to_string(left_out) +
                                             " (left out) or 0 to " + std::to_string(vocabulary - 1) + ", got " +
                                             std::to_string(targets[r]));
}

void require_segments(const char* name, const int32_t* starts, int64_t segments, int64_t count) {
    int64_t lowest = 0;
    for (int64_t s = 0; s <= segments; ++s) {
        if (starts[s] < lowest || starts[s] > count) refuse(name, s, starts[s], lowest, count);
        lowest = starts[s];
    }
}

} // namespace gimbal
