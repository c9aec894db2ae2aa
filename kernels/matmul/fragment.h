// Operands of the tensor cores: pieces of a matrix in shared memory, several under way at a time, and the bfloat16
// fragments that a warp takes out of them.
#pragma once

#include "common/vec.h"

namespace gimbal::device {

// Pieces of Extent rows and Depth columns, one after the other along the depth, brought by Threads threads. The matrix
// and the pieces have the depth contiguous (Along: element (i, d) at i * kPitch + d of a piece) or not (at d * kPitch +
// i). What lies beyond the matrix is 0.
template <class T, int Extent, int Depth, int Threads, bool Along> class AsyncStage {
public:
    static constexpr int kPitch = (Along ? Depth : Extent) + 8;

    // Rows from `first` on of `rows`, columns begin .. end-1.
    GB_DEVICE AsyncStage(const void* matrix, int64_t stride, int64_t first, int64_t rows, int64_t begin, int64_t end,
                         int thread)
        : stride_(stride), rows_(static_cast<int>(rows - first < Extent ? rows - first : Extent)), left_(end - begin),
          from_(static_cast<const T*>(matrix) + (Along ? first * stride + begin : begin * stride + first)),
          aligned_((reinterpret_cast<uintptr_t>(matrix) & 15) == 0 && stride % kPack == 0), thread_(thread) {}

    // Starts the next piece, if there is one. The caller commits.
    GB_DEVICE void fetch(T* piece) {
        if (left_ <= 0) return;
        const int depth = static_cast<int>(left_ < Depth ? left_ : Depth);
#pragma unroll
        for (int i = thread_; i < Extent * Depth / kPack; i += Threads) {
            constexpr int kRow = (Along ? Depth : Extent) / kPack;
            const int outer = i / kRow, inner = i % kRow * kPack;
            const int count = outer < (Along ? rows_ : depth) ? (Along ? depth : rows_) - inner : 0;
            copy_async(piece + outer * kPitch + inner, from_ + outer * stride_ + inner, count, aligned_);
        }
        from_ += Along ? Depth : Depth * stride_;
        left_ -= Depth;
    }

private:
    static constexpr int kPack = 16 / sizeof(T);

    const int64_t stride_;
    const int rows_;
    int64_t left_;
    const T* from_;
    const bool aligned_;
    const int thread_;
};

// The 16 x 16 part of op(A) at (row, depth) of a piece.
template <bool Along> GB_DEVICE void load_left(unsigned (&a)[4], const bf16* piece, int pitch, int row, int depth) {
    const int lane = static_cast<int>(threadIdx.x) & 31;
    if (Along)
        ldmatrix_x4(a, piece + (row + lane % 16) * pitch + depth + lane / 16 * 8);
    else
        ldmatrix_x4_trans(a, piece + (depth + lane / 16 * 8 + lane % 8) * pitch + row + lane / 8 % 2 * 8);
}

// The same of float32, which is rounded.
template <bool Along> GB_DEVICE void load_left(unsigned (&a)[4], const float* piece, int pitch, int row, int depth) {
    const int lane = static_cast<int>(threadIdx.x) & 31;
    row += lane / 4;
    depth += lane % 4 * 2;
#pragma unroll
    for (int v = 0; v < 4; ++v) {
        const int i = row + v % 2 * 8, d = depth + v / 2 * 8;
        const float* p = Along ? piece + i * pitch + d : piece + d * pitch + i;
        a[v] = pack_bf16x2(p[0], p[Along ? 1 : pitch]);
    }
}

// Two parts of op(B), 16 deep and 8 columns wide, at columns `column` and column + 8.
template <bool Along>
GB_DEVICE void load_right(unsigned (&b)[2][2], const bf16* piece, int pitch, int column, int depth) {
    const int lane = static_cast<int>(threadIdx.x) & 31;
    unsigned r[4];
    if (Along)
        ldmatrix_x4(r, piece + (column + lane / 16 * 8 + lane % 8) * pitch + depth + lane / 8 % 2 * 8);
    else
        ldmatrix_x4_trans(r, piece + (depth + lane % 16) * pitch + column + lane / 16 * 8);
    b[0][0] = r[0];
    b[0][1] = r[1];
    b[1][0] = r[2];
    b[1][1] = r[3];
}

// A warp's part of C: 16 Down rows x 8 Across columns; Across is even. Element v of part (i, j) is at row 16 i + lane /
// 4
// + 8 (v / 2), column 8 j + 2 (lane % 4) + v % 2.
template <int Down, int Across> using WarpTile = float[Down][Across][4];

template <int Down, int Across> GB_DEVICE void clear(WarpTile<Down, Across>& tile) {
#pragma unroll
    for (int i = 0; i < Down; ++i)
#pragma unroll
        for (int j = 0; j < Across; ++j)
#pragma unroll
            for (int v = 0; v < 4; ++v)
                tile[i][j][v] = 0.0f;
}

// tile += left right over 16 columns of the depth.
template <int Down, int Across, bool LeftAlong, bool RightAlong, class Left>
GB_DEVICE void add_product(WarpTile<Down, Across>& tile, const Left* left, int left_pitch, int row, const bf16* right,
                           int right_pitch, int column, int depth) {
    unsigned a[Down][4], b[Across / 2][2][2];
#pragma unroll
    for (int i = 0; i < Down; ++i)
        load_left<LeftAlong>(a[i], left, left_pitch, row + 16 * i, depth);
#pragma unroll
    for (int j = 0; j < Across / 2; ++j)
        load_right<RightAlong>(b[j], right, right_pitch, column + 16 * j, depth);
#pragma unroll
    for (int i = 0; i < Down; ++i)
#pragma unroll
        for (int j = 0; j < Across; ++j)
            mma_bf16_16x8x16(tile[i][j], a[i], b[j / 2][j % 2]);
}

} // namespace gimbal::device
