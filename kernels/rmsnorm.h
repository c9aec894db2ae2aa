// What the launchers of rmsnorm (native/src/cuda/rmsnorm.cpp) hand their kernels.
#pragma once

#include "common/column_sum_plan.h"
#include "common/rows_shape.h"

namespace gimbal {

struct RmsnormArguments {
    const float* x;
    const float* weight;
    float* y;
    float* rstd; // nullable
    int64_t rows, width;
    float epsilon;
};

struct RmsnormBackwardArguments {
    const float* dy;
    const float* x;
    const float* weight;
    const float* rstd;
    float* dx;
    int64_t rows, width;
    int accumulate;
};

struct RmsnormWeightArguments {
    const float* dy;
    const float* x;
    const float* rstd;
    float* dweight;
    float* partials; // (pieces, width), with more than one piece
    unsigned* tickets;
    ColumnSumPlan plan;
};

} // namespace gimbal
