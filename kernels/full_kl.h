// What the launchers of full_kl (native/src/cuda/full_kl.cpp) hand their kernels.
#pragma once

#include "common/log_sum_exp_shape.h"

#include <cstdint>

namespace gimbal {

constexpr int kFullKlBackwardThreads = 256;
constexpr int64_t kFullKlBackwardChunk = 4096; // logits of a row to a block

struct FullKlArguments {
    const float *logits, *reference;
    const float *lse, *reference_lse;
    float* kl;
    int64_t vocabulary, logits_stride, reference_stride;
    float inverse_temperature;
};

struct FullKlBackwardArguments {
    const float *logits, *reference;
    const float *lse, *reference_lse, *kl, *dkl;
    float* dlogits;
    int64_t vocabulary, logits_stride, reference_stride;
    float inverse_temperature;
};

} // namespace gimbal
