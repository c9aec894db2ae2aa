// Sums over the rows of (rows, width) for each column: the gradients of weights and biases.
//
// The CPU adds all rows in one chain per column, which leaves a GPU with too few chains to fill it. Here rows go in at
// most 64 pieces of at least 128: a piece is one chain, rows ascending; the first continues what the output holds, the
// others start from 0; pieces are added ascending. A function of the shape alone, and the CPU's bits up to 128 rows.
#pragma once

#include <cstdint>

namespace gimbal {

constexpr int kColumnThreads = 128;

struct ColumnSumPlan {
    static constexpr int64_t kPieces = 64, kPieceRows = 128, kTiles = 64; // a ticket counter for each tile

    int64_t rows, width;
    int64_t piece_rows, pieces; // rows of a piece
    int64_t tile_width, tiles;  // columns of a tile

    constexpr ColumnSumPlan(int64_t r, int64_t w)
        : rows(r), width(w), piece_rows((r + kPieces - 1) / kPieces), pieces(1),
          tile_width((w + kTiles * kColumnThreads - 1) / (kTiles * kColumnThreads) * kColumnThreads), tiles(0) {
        if (piece_rows < kPieceRows) piece_rows = kPieceRows;
        if (rows > piece_rows) pieces = (rows + piece_rows - 1) / piece_rows;
        if (tile_width > 0) tiles = (width + tile_width - 1) / tile_width;
    }
    // Workspace of `sums` sums at once: (pieces, sums, width).
    constexpr int64_t bytes(int64_t sums) const {
        return pieces > 1 ? pieces * sums * width * static_cast<int64_t>(sizeof(float)) : 0;
    }
};

} // namespace gimbal
