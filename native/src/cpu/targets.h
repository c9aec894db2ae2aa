// Token ids as the losses over a vocabulary read them.
#pragma once

#include "cpu/team.h"
#include "status.h"

#include <cstdint>
#include <string>

namespace gimbal::GB_ISA {

// Every target is `left_out` or in 0..vocabulary-1, else GB_OUT_OF_RANGE.
inline void check_targets(const int32_t* targets, int64_t rows, int64_t vocabulary, int32_t left_out) {
    for (int64_t r = 0; r < rows; ++r)
        if (targets[r] != left_out && (targets[r] < 0 || targets[r] >= vocabulary))
            throw Error(GB_OUT_OF_RANGE, "targets[" + std::to_string(r) + "]: wanted " + std::to_string(left_out) +
                                             " or 0 to " + std::to_string(vocabulary - 1) + ", got " +
                                             std::to_string(targets[r]));
}

// Rows per task: enough that handing out a task costs little beside it.
inline int64_t row_grain(int64_t width) { return width >= 8192 ? 1 : 8192 / (width > 0 ? width : 1); }

} // namespace gimbal::GB_ISA
