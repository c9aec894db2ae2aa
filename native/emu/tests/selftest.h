// The arguments of the self-test's kernels.
#pragma once

#include <cstdint>

struct MatrixArguments {
    const uint16_t* a; // (16, 16) bf16
    const uint16_t* b; // (16, 8) bf16
    float* d;          // (16, 8)
    unsigned* loaded;  // (4 kinds of ldmatrix, 4, 32 lanes)
};

struct WarpArguments {
    const int* lanes; // second operand of the shuffle, per lane
    int width;
    unsigned* words;           // (4 kinds, 32)
    unsigned long long* longs; // (4 kinds, 32)
    unsigned* votes;           // ballot, any, all of the odd lanes
};

struct ScanArguments {
    const unsigned* x;
    unsigned* y;        // inclusive prefix sums
    unsigned* flags;    // per block: 0, 1 (its sum is there) or 2 (all sums up to it)
    unsigned* sums;     // per block
    unsigned* prefixes; // per block
    unsigned* ticket;   // counts blocks in the order in which they start
    int64_t count;
};
constexpr int kScanThreads = 64;

struct StepArguments {
    float* x;
    float add;
    int64_t count;
};
