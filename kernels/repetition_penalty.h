// What the launcher of repetition_penalty (native/src/cuda/repetition_penalty.cpp) hands its kernel.
#pragma once

#include "common/fault.h"

#include <cstdint>

namespace gimbal {

constexpr int kRepetitionPenaltyThreads = 256;

struct RepetitionPenaltyArguments {
    const float* x;
    const int32_t *ids, *starts;
    float* y;
    int64_t count, vocabulary, x_stride;
    float penalty;
    FaultSite ids_fault, starts_fault;
};

} // namespace gimbal
