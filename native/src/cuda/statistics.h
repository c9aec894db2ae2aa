// The workspace of ops that take statistics along, and what their launchers hand the kernels.
#pragma once

#include "cuda/cuda.h"

#include "common/cut.h"

namespace gimbal {

// A pure function of shapes: `columns` sums in double for each block.
inline int64_t partials_bytes(int64_t count, int64_t unit, int64_t columns) {
    return cut_blocks(count, unit).blocks * columns * static_cast<int64_t>(sizeof(double));
}

inline StatisticsSite statistics_site(const Cuda& cuda, double* totals, int64_t count, int64_t unit = kBlockUnit) {
    return {totals, static_cast<double*>(cuda.workspace), cuda.tickets(), cut_blocks(count, unit)};
}

// A block of threads for every block of the cut: there are at most kMostBlocks.
inline Grid statistics_grid(const StatisticsSite& site) {
    return {site.cut.blocks};
}

} // namespace gimbal
