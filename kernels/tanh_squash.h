// What the launcher of tanh_squash (native/src/cuda/tanh_squash.cpp) hands its kernel.
#pragma once

#include <cstdint>

namespace gimbal {

constexpr int kTanhSquashThreads = 256;
constexpr int kTanhSquashRows = kTanhSquashThreads / 16; // of a block: sixteen lanes to a row

struct TanhSquashArguments {
    const float* x;
    float *y, *logprob;
    int64_t rows, dims;
    float epsilon;
};

} // namespace gimbal
