// What the launchers of embedding (native/src/cuda/embedding.cpp) hand their kernels.
#pragma once

#include "common/fault.h"

#include <cstdint>

namespace gimbal {

constexpr int kEmbeddingThreads = 256; // a warp to a row
constexpr int kEmbeddingRows = kEmbeddingThreads / 32;

struct EmbeddingArguments {
    const void* table;
    const int32_t* ids;
    void* y;
    int64_t rows, width, vocabulary;
    FaultSite fault;
};

struct EmbeddingBackwardArguments {
    const void* dy;
    const int32_t* ids;
    float* dtable;
    int64_t rows, width, vocabulary;
    FaultSite fault;
};

} // namespace gimbal
