// What the launcher of multiply (native/src/cuda/multiply.cpp) hands its kernel.
#pragma once

#include <cstdint>

namespace gimbal {

constexpr int kMultiplyThreads = 256;

struct MultiplyArguments {
    const float *a, *b;
    float* y;
    int64_t count;
};

} // namespace gimbal
