// What the host hands a kernel with a planted fault.
#pragma once

#include <cstdint>

constexpr int kFaultFloats = 1000; // in x, and in y
constexpr int kFaultThreads = 64;

struct FaultArguments {
    float* x;
    float* y;
    float* other;    // an address that no kernel may use: of the host, freed, or null
    unsigned* flags; // zeros
    int* line;       // pinned: the kernel writes the line of the fault here before it gets there
};
