// What the launcher of add (native/src/cuda/add.cpp) hands its kernel.
#pragma once

#include <cstdint>

namespace gimbal {

constexpr int kAddThreads = 256;

struct AddArguments {
    const void* a;
    const void* b;
    void* y;
    int64_t count;
    bool a_bf16, b_bf16, y_bf16;
};

} // namespace gimbal
