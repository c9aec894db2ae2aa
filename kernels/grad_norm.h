// What the launcher of grad_norm (native/src/cuda/grad_norm.cpp) hands its kernel, and how the array is cut, on the CPU
// as well.
#pragma once

#include <cstdint>

namespace gimbal {

constexpr int kGradNormThreads = 288; // a warp that adds, eight that fetch
constexpr int kGradNormFetching = kGradNormThreads - 32;
constexpr int64_t kGradNormTile = 4096; // floats between two barriers

// At most 256 pieces, of at least 16384 elements and of multiples of 16, by the count alone.
struct GradNormPlan {
    static constexpr int64_t kPieces = 256, kShortest = 16384;

    int64_t length, pieces;

    explicit constexpr GradNormPlan(int64_t count) : length((count + kPieces - 1) / kPieces), pieces(0) {
        length = length > kShortest ? (length + 15) / 16 * 16 : kShortest;
        pieces = (count + length - 1) / length;
    }
    // Workspace: the sum of each piece.
    static constexpr int64_t bytes() { return kPieces * static_cast<int64_t>(sizeof(double)); }
};

struct GradNormArguments {
    const float* gradients;
    // Of the step state, on the device.
    float* gradient_norm;
    float* clip_coefficient;
    double* squares; // of the pieces
    unsigned* ticket;
    int64_t count;
    GradNormPlan plan;
    float max_norm;
};

} // namespace gimbal
