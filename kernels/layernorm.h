// What the launchers of layernorm (native/src/cuda/layernorm.cpp) hand their kernels.
#pragma once

#include "common/column_sum_plan.h"
#include "common/rows_shape.h"

namespace gimbal {

struct LayernormArguments {
    const void* x;
    const void* weight;
    const void* bias; // nullable
    void* y;
    float* mean; // nullable, with rstd
    float* rstd;
    int64_t rows, width;
    float epsilon;
    bool x_bf16, weight_bf16, y_bf16; // bias as weight
};

struct LayernormBackwardArguments {
    const void* dy;
    const void* x;
    const void* weight;
    const float* mean;
    const float* rstd;
    void* dx;
    int64_t rows, width;
    bool accumulate;
    bool x_bf16, weight_bf16, y_bf16; // dx as x, dy as y
};

struct LayernormWeightArguments {
    const void* dy;
    const void* x;
    const float* mean;
    const float* rstd;
    float* dweight;  // nullable
    float* dbias;    // nullable
    float* partials; // (pieces, 2, width), with more than one piece
    unsigned* tickets;
    ColumnSumPlan plan;
    bool x_bf16, y_bf16;
};

} // namespace gimbal
