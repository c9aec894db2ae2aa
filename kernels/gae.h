// What the launcher of gae (native/src/cuda/gae.cpp) hands its kernels.
#pragma once

#include <cstdint>

namespace gimbal {

// Steps up to which a thread follows a row, and the rows of its block.
constexpr int64_t kGaeShortSteps = 256;
constexpr int kGaeShortRows = 16, kGaeShortThreads = 128;
// A warp scans a chunk of 128 steps, four neighbours to a lane. A block of at most eight warps scans a tile, a warp
// having one or four chunks of it.
constexpr int kGaeChunk = 128, kGaeThreads = 256;
constexpr int64_t kGaeMediumSteps = 8 * kGaeChunk, kGaeTile = 4 * kGaeMediumSteps;

// Of rows of several tiles: what a tile tells those before it.
struct GaeTile {
    unsigned state; // 0: nothing, 1: its map, 2: what it hands on as well
    float scale, scale_rest, shift;
    float handed;
};

struct GaeArguments {
    const float *rewards, *values, *last_values;
    const uint8_t *terminated, *truncated;
    const float* truncated_values;
    const uint8_t* mask;
    float *advantages, *returns;
    int64_t rows, steps;
    float gamma, gamma_lambda;
    GaeTile* tiles;    // (rows, tiles of a row, the last one first)
    unsigned* tickets; // three
};

// Of a row of the short kernel in shared memory, in elements: packs of four, an odd number of them, so that threads on
// neighbouring rows meet different banks.
static inline int64_t gae_row_stride(int64_t steps) {
    return ((steps + 3) / 4 | 1) * 4;
}
static inline int64_t gae_shared_bytes(int64_t steps) {
    return kGaeShortRows * gae_row_stride(steps) * (2 * static_cast<int64_t>(sizeof(float)) + 1);
}

// Tiles of all rows whose scan goes over several; 0 for shorter rows.
static inline int64_t gae_tiles(int64_t rows, int64_t steps) {
    return steps <= kGaeTile ? 0 : rows * ((steps + kGaeTile - 1) / kGaeTile);
}

} // namespace gimbal
