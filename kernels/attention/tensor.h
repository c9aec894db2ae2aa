// What attention on the tensor cores is made of: bfloat16 rows in shared memory, and products whose left side is what a
// product before them left in registers. A warp holds 16 rows, a thread two of them: lane / 4 and lane / 4 + 8.
#pragma once

#include "attention/sequences.h"
#include "matmul/fragment.h"

namespace gimbal::device {

constexpr int kWarpRows = 16;
constexpr int kBlockParts = kAttentionKeys / 8; // a block of 32 columns: four parts of a warp's tile

using BlockTile = WarpTile<1, kBlockParts>;
template <int Width> using RowSums = WarpTile<1, Width / 8>;

template <int Width> constexpr int kHalfPitch = Width + 8;

GB_DEVICE int lane_of_warp() {
    return static_cast<int>(threadIdx.x) & 31;
}
// The column of element v of part j of a warp's tile; its row is lane / 4 + row_of(v).
GB_DEVICE int column_of(int j, int v) {
    return 8 * j + lane_of_warp() % 4 * 2 + v % 2;
}
GB_DEVICE constexpr int row_of(int v) {
    return v / 2 * 8;
}

// Starts to bring Rows rows of Width channels to shared memory, of which `count` rows and `depth` channels exist; the
// rest is 0. row(r) is the address of row r.
template <int Rows, int Width, int Threads, class Row>
GB_DEVICE void load_rows_async(bf16* shared, int64_t count, int64_t depth, bool aligned, int thread, Row row) {
    constexpr int kPacks = Width / 8;
    for (int i = thread; i < Rows * kPacks; i += Threads) {
        const int r = i / kPacks, d = i % kPacks * 8;
        const bool some = r < count;
        copy_async(shared + r * kHalfPitch<Width> + d, row(some ? r : 0) + d, some ? static_cast<int>(depth) - d : 0,
                   aligned);
    }
}

// True if rows of this stride from `p` on, and heads of this size within them, begin at multiples of 16 bytes.
GB_DEVICE bool aligned8(const bf16* p, int64_t stride, int64_t head_dim) {
    return (reinterpret_cast<uintptr_t>(p) & 15) == 0 && stride % 8 == 0 && head_dim % 8 == 0;
}

// tile += rows columns^T over the channels: 16 rows of one matrix, 32 of another.
template <int Width> GB_DEVICE void add_dots(BlockTile& tile, const bf16* rows, const bf16* columns, int64_t head_dim) {
#pragma unroll
    for (int d = 0; d < Width; d += 16)
        if (d < head_dim)
            add_product<1, kBlockParts, true, true>(tile, rows, kHalfPitch<Width>, 0, columns, kHalfPitch<Width>, 0, d);
}

// sums += weights rows: 16 x 32 weights, rounded to bfloat16, times 32 rows of Width channels.
template <int Width>
GB_DEVICE void add_weighted(RowSums<Width>& sums, const BlockTile& weights, const bf16* rows, int64_t head_dim) {
#pragma unroll
    for (int k = 0; k < kAttentionKeys; k += 16) {
        const float(&low)[4] = weights[0][k / 8];
        const float(&high)[4] = weights[0][k / 8 + 1];
        const unsigned a[4] = {pack_bf16x2(low[0], low[1]), pack_bf16x2(low[2], low[3]), pack_bf16x2(high[0], high[1]),
                               pack_bf16x2(high[2], high[3])};
#pragma unroll
        for (int c = 0; c < Width; c += 16) {
            if (c >= head_dim) continue;
            unsigned b[2][2];
            load_right<false>(b, rows, kHalfPitch<Width>, c, k);
            mma_bf16_16x8x16(sums[0][c / 8], a, b[0]);
            mma_bf16_16x8x16(sums[0][c / 8 + 1], a, b[1]);
        }
    }
}

// Two neighbouring channels of a row, as far as they exist.
GB_DEVICE void write_pair(bf16* row, int d, int64_t head_dim, float low, float high) {
    if (d + 1 < head_dim && (reinterpret_cast<uintptr_t>(row + d) & 3) == 0)
        *reinterpret_cast<unsigned*>(row + d) = pack_bf16x2(low, high);
    else {
        if (d < head_dim) store(row + d, low);
        if (d + 1 < head_dim) store(row + d + 1, high);
    }
}
GB_DEVICE void write_pair(float* row, int d, int64_t head_dim, float low, float high) {
    if (d < head_dim) row[d] = low;
    if (d + 1 < head_dim) row[d + 1] = high;
}

// Writes the warp's rows; row(i) is the address of channel 0 of the thread's row i, 0 or 1, or null.
template <int Width, class T, class Row>
GB_DEVICE void write_rows(const RowSums<Width>& sums, int64_t head_dim, const float (&factor)[2], Row row) {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
        T* to = row(i);
        if (to == nullptr) continue;
#pragma unroll
        for (int j = 0; j < Width / 8; ++j)
            write_pair(to, column_of(j, 0), head_dim, sums[0][j][2 * i] * factor[i], sums[0][j][2 * i + 1] * factor[i]);
    }
}

} // namespace gimbal::device
