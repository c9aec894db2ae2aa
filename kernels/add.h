// What the launcher of add (native/src/cuda/add.cpp) hands its kernel.
#pragma once

#include <cstdint>

namespace gimbal {

constexpr int kAddThreads = 256;

struct AddArguments {
    const float* a;
    const float* b;
    float* y;
    int64_t count;
};

} // namespace gimbal
