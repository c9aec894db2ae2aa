// How norms over (rows, width) are cut into blocks: shared by launchers and kernels. See rows.h.
#pragma once

#include <cstdint>

namespace gimbal {

constexpr int kRowThreads = 128;
constexpr int kTeamThreads = 16;
constexpr int64_t kNarrowRow = 512;

// Rows of a block, and floats from one staged row to the next.
constexpr int64_t rows_per_block(int64_t width) {
    return width <= kNarrowRow ? kRowThreads / kTeamThreads : 1;
}
constexpr int64_t staged_stride(int64_t width) {
    return (width + 3) / 4 * 4;
}
// Shared memory for `arrays` staged rows to a row.
constexpr int64_t staged_bytes(int64_t width, int64_t arrays) {
    return rows_per_block(width) * arrays * staged_stride(width) * static_cast<int64_t>(sizeof(float));
}

} // namespace gimbal
