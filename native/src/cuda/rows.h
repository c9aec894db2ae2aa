// Launches of the kernels over rows (kernels/common/rows.h).
#pragma once

#include "cuda/cuda.h"

#include "common/rows_shape.h"

namespace gimbal {

// Starts `team` where rows are narrow, `block` elsewhere, with shared memory for that many staged arrays.
template <class Arguments>
void launch_rows(Cuda& cuda, const Kernel& block, const Kernel& team, int64_t staged_arrays, const Arguments& a) {
    const int64_t rows = rows_per_block(a.width);
    cuda.launch(rows == 1 ? block : team, {(a.rows + rows - 1) / rows}, kRowThreads, a,
                staged_bytes(a.width, staged_arrays));
}

} // namespace gimbal
