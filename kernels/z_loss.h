// What the launchers of z_loss (native/src/cuda/z_loss.cpp) hand their kernels.
#pragma once

#include <cstdint>

namespace gimbal {

constexpr int kZLossThreads = 256;
constexpr int64_t kZLossColumns = 4096; // of a row, for one block of the backward

struct ZLossArguments {
    const float* lse;
    float* losses;
    int64_t rows;
    float coefficient;
};

struct ZLossBackwardArguments {
    const void* logits;
    const float *lse, *dlosses;
    void* dlogits;
    int64_t vocabulary, logits_stride;
    float coefficient;
};

} // namespace gimbal
