// What the launchers of rmsnorm (native/src/cuda/rmsnorm.cpp) hand their kernels.
#pragma once

#include "common/column_sum_plan.h"
#include "common/rows_shape.h"

namespace gimbal {

struct RmsnormArguments {
    const void* x;
    const void* weight;
    void* y;
    float* rstd; // nullable
    int64_t rows, width;
    float epsilon;
    bool x_bf16, weight_bf16, y_bf16;
};

struct RmsnormBackwardArguments {
    const void* dy;
    const void* x;
    const void* weight;
    const float* rstd;
    void* dx;
    int64_t rows, width;
    bool accumulate;
    bool x_bf16, weight_bf16, y_bf16; // dx as x, dy as y
};

struct RmsnormWeightArguments {
    const void* dy;
    const void* x;
    const float* rstd;
    float* dweight;
    float* partials; // (pieces, width), with more than one piece
    unsigned* tickets;
    ColumnSumPlan plan;
    bool x_bf16, y_bf16;
};

} // namespace gimbal
