// What the launcher of matmul (native/src/cuda/matmul.cpp) hands its kernels.
#pragma once

#include <cstdint>

namespace gimbal {

constexpr int64_t kMatmulDepth = 512; // K block: fixed for all shapes, part of the result

constexpr int kMatmulLargeTile = 128, kMatmulLargeThreads = 256;
constexpr int kMatmulSmallTile = 64, kMatmulSmallThreads = 128;

constexpr int kMatmulFewRows = 16;   // at most so many rows for the kernels of few rows
constexpr int kMatmulFewColumns = 8; // of a block
constexpr int kMatmulFewWarps = 8;   // at most; each takes a K block

// A matrix along k: element (i, d) is row i of op(A), or column i of op(B), at depth d.
struct MatmulOperand {
    const float* data;
    int64_t stride;
    bool depth_contiguous; // (i, d) lies at i * stride + d, else at d * stride + i
};

struct MatmulArguments {
    MatmulOperand a, b;
    const float* bias;     // nullable; element i * bias_row_step + j * bias_column_step goes to c(i, j)
    float* c;              // (i, j) at i * c_row_step + j * c_column_step
    const int32_t* needed; // nullable; 0 there, in device memory: the product is not needed, and C stays as it is
    int64_t m, n, k;
    int64_t bias_row_step, bias_column_step;
    int64_t c_row_step, c_column_step;
    bool accumulate;
};

} // namespace gimbal
