// What the launcher of matmul (native/src/cuda/matmul.cpp) hands its kernels for bfloat16.
#pragma once

#include <cstdint>

namespace gimbal {

constexpr int64_t kMatmulBf16Depth = 768; // K block: fixed for all shapes, part of the result

constexpr int kMatmulBf16LargeTile = 128, kMatmulBf16LargeThreads = 256;
constexpr int kMatmulBf16SmallTile = 64, kMatmulBf16SmallThreads = 128;
constexpr int kMatmulBf16Stages = 4; // pieces in shared memory

constexpr int kMatmulBf16FewRows = 16; // at most so many rows for the kernels of few rows
constexpr int kMatmulBf16FewColumns = 32;
constexpr int kMatmulBf16FewWarps = 4; // at most; each takes a K block

struct MatmulBf16Arguments {
    const void *a, *b;     // bfloat16; a float32 for the kernels of matmul_mixed.cu
    const float* bias;     // nullable
    void* c;               // bfloat16 or float32, row-major
    const int32_t* needed; // as in matmul.h
    int64_t m, n, k, lda, ldb, ldc;
    bool accumulate;
    bool c_is_float;
};

// Elements that an operand's pieces take in shared memory: `extent` rows, `depth` columns, in whichever
// direction, padded by eight so that the rows that a warp reads together lie in different banks.
constexpr int matmul_piece(int extent, int depth) {
    const int along = extent * (depth + 8), across = depth * (extent + 8);
    return along > across ? along : across;
}

constexpr int kMatmulBf16Step = 32; // columns of a piece
constexpr int kMatmulBf16FewStep = 64;
constexpr int kMatmulBf16Pad = 8; // floats behind each row of the sums in shared memory
constexpr int64_t matmul_bf16_bytes(int tile, bool a_is_float) {
    return int64_t{a_is_float ? 6 : 4} * kMatmulBf16Stages * matmul_piece(tile, kMatmulBf16Step) +
           int64_t{4} * tile * (tile + kMatmulBf16Pad);
}
// The pieces of each warp, and the sums of each and of all.
constexpr int64_t matmul_bf16_few_bytes(int warps) {
    return int64_t{2} * warps * kMatmulBf16Stages *
               (matmul_piece(kMatmulBf16FewRows, kMatmulBf16FewStep) +
                matmul_piece(kMatmulBf16FewColumns, kMatmulBf16FewStep)) +
           int64_t{4} * (warps + 1) * kMatmulBf16FewRows * kMatmulBf16FewColumns;
}

} // namespace gimbal
