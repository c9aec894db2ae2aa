// What the launchers of linear_logprob (native/src/cuda/linear_logprob.cpp) hand their kernels.
#pragma once

#include "common/fault.h"

#include <cstdint>

namespace gimbal {

constexpr int kLinearLogprobPlanThreads = 1024;
constexpr int kLinearLogprobThreads = 256; // a warp to a row
constexpr int kLinearLogprobWarps = kLinearLogprobThreads / 32;

// The workspace: native/src/linear_logprob.h has the layout.
struct LinearLogprobWorkspace {
    float *logits, *hidden, *dhidden; // hidden of the call's type, in room for float32
    int32_t *list, *counts;           // rows that count, ascending; how many of them each chunk has
    int32_t* targets;
    float *logprob, *entropy, *lse, *dlogprob, *dentropy;
    int64_t rows; // of a chunk, at most
};

struct LinearLogprobArguments {
    const void* hidden; // float32 or bfloat16
    const int32_t* targets;
    float *logprob, *entropy, *lse; // entropy, lse nullable
    int64_t rows, width, vocabulary, hidden_stride;
    int64_t chunk;
    LinearLogprobWorkspace workspace;
    FaultSite fault;
};

struct LinearLogprobBackwardArguments {
    const void* hidden; // float32 or bfloat16
    const int32_t* targets;
    const float *lse, *entropy, *dlogprob, *dentropy; // dentropy nullable, entropy then too
    void* dhidden;                                    // as hidden
    int64_t rows, width, vocabulary, hidden_stride;
    int64_t chunk;
    LinearLogprobWorkspace workspace;
    FaultSite fault;
};

} // namespace gimbal
