// Element-wise kernels over (rows, width) whose inputs or outputs have strides of their own: for_packs of vec.h, with
// the element named by row and column.
#pragma once

#include "common/vec.h"

namespace gimbal::device {

// Calls body(r, j, Width<4>) or body(r, j, Width<1>) so that all of (rows, width) is covered once by the grid.
// `aligned`: four elements from every multiple of four columns on may be moved at once, in every row and array. A
// thread divides once and then steps.
template <class Body> GB_DEVICE void for_row_packs(int64_t rows, int64_t width, bool aligned, Body body) {
    const auto cover = [&](auto pack) {
        const int64_t packs = width / pack.value;
        int64_t r = grid_thread() / packs, i = grid_thread() % packs;
        const int64_t row_step = grid_threads() / packs, step = grid_threads() % packs;
        while (r < rows) {
            body(r, pack.value * i, pack);
            r += row_step;
            i += step;
            if (i >= packs) {
                i -= packs;
                ++r;
            }
        }
    };
    if (width == 0) return;
    if (aligned && width % 4 == 0)
        cover(Width<4>{});
    else
        cover(Width<1>{});
}

} // namespace gimbal::device
