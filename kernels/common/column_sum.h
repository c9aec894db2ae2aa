// Sums over the rows of (rows, width) for each column, in the order of column_sum_plan.h. A block is a piece of a tile
// of columns, a thread a column: neighbouring threads read neighbouring columns. The last block of a tile adds its
// pieces.
#pragma once

#include "common/column_sum_plan.h"
#include "common/ticket.h"
#include "common/vec.h"

namespace gimbal::device {

// y[k]_j += sum of term over the rows, where term(r, j, sums) adds row r of column j to all N sums. A null y is left
// out. Grid (tiles, pieces), kColumnThreads to a block.
template <int N, class Term>
GB_DEVICE void sum_columns(const ColumnSumPlan& plan, float* const (&y)[N], float* partials, unsigned* tickets,
                           Term term) {
    const int64_t piece = blockIdx.y, first_row = piece * plan.piece_rows;
    const int64_t last_row = first_row + plan.piece_rows < plan.rows ? first_row + plan.piece_rows : plan.rows;
    const int64_t first = blockIdx.x * plan.tile_width + threadIdx.x;
    const int64_t end =
        (blockIdx.x + 1) * plan.tile_width < plan.width ? (blockIdx.x + 1) * plan.tile_width : plan.width;
    for (int64_t j = first; j < end; j += kColumnThreads) {
        Pack<N> sums = {};
        if (piece == 0)
            for (int k = 0; k < N; ++k)
                sums[k] = y[k] != nullptr ? y[k][j] : 0.0f;
#pragma unroll 8
        for (int64_t r = first_row; r < last_row; ++r)
            term(r, j, sums);
        for (int k = 0; k < N; ++k)
            if (plan.pieces > 1)
                partials[(piece * N + k) * plan.width + j] = sums[k];
            else if (y[k] != nullptr)
                y[k][j] = sums[k];
    }
    if (plan.pieces == 1 || !is_last_block(tickets + blockIdx.x, static_cast<unsigned>(plan.pieces))) return;
    for (int64_t j = first; j < end; j += kColumnThreads)
        for (int k = 0; k < N; ++k) {
            if (y[k] == nullptr) continue;
            float sum = partials[k * plan.width + j];
#pragma unroll 8
            for (int64_t p = 1; p < plan.pieces; ++p)
                sum = sum + partials[(p * N + k) * plan.width + j];
            y[k][j] = sum;
        }
}

} // namespace gimbal::device
