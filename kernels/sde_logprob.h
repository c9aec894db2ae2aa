// What the launchers of sde_logprob (native/src/cuda/sde_logprob.cpp) hand their kernels.
#pragma once

#include "common/column_sum_plan.h"

namespace gimbal {

constexpr int kSdeLogprobThreads = 256;
constexpr int kSdeLogprobRows = kSdeLogprobThreads / 16; // of a block: sixteen lanes to a row

struct SdeLogprobArguments {
    const float *mean, *features, *log_std, *actions;
    float *logprob, *entropy, *variance; // entropy nullable
    int64_t rows, dims, width;
    float epsilon;
};

struct SdeLogprobBackwardArguments {
    const float *mean, *features, *log_std, *actions, *variance, *dlogprob, *dentropy; // dentropy nullable
    float *dmean, *dlog_std;
    float* partials; // (pieces, dims x width), with more than one piece
    unsigned* tickets;
    ColumnSumPlan plan; // of the columns of log_std
    int64_t rows, dims, width;
};

} // namespace gimbal
