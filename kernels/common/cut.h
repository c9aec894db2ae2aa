// Sums in double over an array, statistics above all, in one order on every backend. The array is cut into at most 2048
// blocks, and sixteen blocks make a piece. In a block, element i goes to double lane i mod 16, ascending, then the tree
// of lanes; the blocks of a piece are added ascending from 0, the pieces ascending onto what the statistics hold. So
// the bits depend on the number of elements alone, and no chain of additions is long: a GPU gives each block a block of
// threads.
#pragma once

#include <cstdint>

namespace gimbal {

constexpr int64_t kMostBlocks = 2048, kPieceBlocks = 16, kMostPieces = kMostBlocks / kPieceBlocks;
// Elements of a block of an element-wise op, or a multiple of it where there are more than 2048.
constexpr int64_t kBlockUnit = 1024;

struct Cut {
    int64_t block;  // elements of a block; the last may have fewer
    int64_t blocks; // how many
};

// `count` elements in blocks of `unit`, or of the least multiple of it that makes at most kMostBlocks. Static: the CPU
// backend is compiled for several instruction sets.
static inline Cut cut_blocks(int64_t count, int64_t unit) {
    const int64_t units = (count + unit - 1) / unit;
    const int64_t block = unit * (units > kMostBlocks ? (units + kMostBlocks - 1) / kMostBlocks : 1);
    return {block, (count + block - 1) / block};
}

// What a launch hands its kernel. Which statistics there are is the op's affair.
struct StatisticsSite {
    double* totals;   // the op's statistics, added to; null: none are wanted
    double* partials; // (blocks, statistics) of the workspace
    unsigned* ticket; // 0 between launches
    Cut cut;
};

// Threads of a block that takes statistics: a pack of four elements each makes a unit.
constexpr int kStatisticsThreads = 256;

} // namespace gimbal
