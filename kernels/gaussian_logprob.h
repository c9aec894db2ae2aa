// What the launcher of gaussian_logprob (native/src/cuda/gaussian_logprob.cpp) hands its kernels.
#pragma once

#include "common/cut.h"

namespace gimbal {

constexpr int kGaussianLogprobThreads = 256;
constexpr int kGaussianLogprobRows = kGaussianLogprobThreads / 16; // of a block: sixteen lanes to a row
constexpr int64_t kGaussianRowUnit = 32;                           // rows of a block of the sums over rows
constexpr int kGaussianColumns = 16;                               // dimensions of a block of threads of the backward

struct GaussianLogprobArguments {
    const float *mean, *log_std, *actions;
    float *logprob, *entropy;
    int64_t rows, dims;
};

struct GaussianLogprobBackwardArguments {
    const float *mean, *log_std, *actions, *dlogprob, *dentropy;
    float *dmean, *dlog_std;
    double* partials; // (blocks, dims)
    unsigned* ticket;
    Cut cut;
    int64_t rows, dims;
};

} // namespace gimbal
