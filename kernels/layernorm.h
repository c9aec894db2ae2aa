// What the launchers of layernorm (native/src/cuda/layernorm.cpp) hand their kernels.
#pragma once

#include "common/column_sum_plan.h"
#include "common/rows_shape.h"

namespace gimbal {

struct LayernormArguments {
    const float* x;
    const float* weight;
    const float* bias; // nullable
    float* y;
    float* mean; // nullable, with rstd
    float* rstd;
    int64_t rows, width;
    float epsilon;
};

struct LayernormBackwardArguments {
    const float* dy;
    const float* x;
    const float* weight;
    const float* mean;
    const float* rstd;
    float* dx;
    int64_t rows, width;
    int accumulate;
};

struct LayernormWeightArguments {
    const float* dy;
    const float* x;
    const float* mean;
    const float* rstd;
    float* dweight;  // nullable
    float* dbias;    // nullable
    float* partials; // (pieces, 2, width), with more than one piece
    unsigned* tickets;
    ColumnSumPlan plan;
};

} // namespace gimbal
