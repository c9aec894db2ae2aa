// What the launchers of attention (native/src/cuda/attention.cpp) hand their kernels.
#pragma once

#include "common/fault.h"

#include <cstdint>

namespace gimbal {

constexpr int kAttentionThreads = 128;
constexpr int kAttentionKeys = 32;       // of a block of keys: part of the result
constexpr int64_t kAttentionSplit = 256; // keys of a split: part of the result
constexpr int kAttentionRows = 64;       // rows of a tile of queries, a row being a token and a query head
constexpr int kAttentionFewRows = 16;    // the same, for decoding
constexpr int kAttentionBackwardRows = 32;
constexpr int kAttentionNarrow = 64; // channels of a block; heads wider than the wider take several blocks
constexpr int kAttentionWide = 128;

// Blocks that cover `rows` rows of several sequences in tiles of `tile` rows, none of which crosses a sequence; a few
// may find nothing to do. Needs no knowledge of the lengths: see Tiling in attention/sequences.h.
constexpr int64_t attention_tiles(int64_t rows, int64_t sequences, int64_t tile) {
    return rows / tile + sequences;
}

struct AttentionSequences {
    const int32_t *q_starts, *k_starts, *k_lengths, *pages;
    int64_t sequences, tokens, kv_rows, page_size, max_pages;
    int64_t max_length; // of the keys of a sequence, if the workspace depends on it
    FaultSite q_starts_fault, k_starts_fault, k_lengths_fault, pages_fault;
};

struct AttentionSizes {
    int64_t q_heads, kv_heads, head_dim;
    int64_t q_stride, kv_stride, y_stride;
    float scale;
};

// In decoding each split of a row is gathered by a block of its own, and a second launch merges them: what it finds in
// the workspace, for split s of row r (a token and a query head) at s * rows + r. Null where a block walks all splits.
struct AttentionPartials {
    float* sums; // (splits, rows, head_dim), not yet divided
    float* maxima;
    float* weights; // sums of weights
};

struct AttentionArguments {
    const void *q, *k, *v;
    void* y;
    float* lse;
    AttentionSequences sequences;
    AttentionSizes sizes;
    AttentionPartials partials;
};

struct AttentionBackwardArguments {
    const void *q, *k, *v, *y;
    const float* lse;
    const void* dy;
    void *dq, *dk, *dv;
    float* dots; // (tokens, q_heads), of the workspace
    AttentionSequences sequences;
    AttentionSizes sizes;
};

// Floats of shared memory, for tiles `width` channels wide; a row is padded by four, so that the rows that a warp reads
// together lie in different banks.
constexpr int64_t attention_floats(int64_t rows, int64_t width) {
    return (rows + 2 * kAttentionKeys) * (width + 4) + rows * (kAttentionKeys + 4) + rows * width;
}
// Bytes of shared memory for `warps` warps on the tensor cores that work together: their queries, two blocks of keys
// and values, and, where they walk several splits, the sums of the splits before.
constexpr int64_t attention_tensor_bytes(int warps, int64_t width, bool all_splits) {
    return 2 * (16 * warps + 4 * kAttentionKeys) * (width + 8) + (all_splits ? 64 * warps * width : 0);
}
// The same in the backward: 16 rows of a warp and two blocks of 32, of two matrices each, and lse and D of the queries.
constexpr int64_t attention_tensor_backward_bytes(int warps, int64_t width) {
    return 2 * 2 * (16 * warps + 2 * 32) * (width + 8) + 4 * 2 * 2 * 32;
}
constexpr int64_t attention_backward_floats(int64_t width) {
    return (2 * kAttentionBackwardRows + 2 * kAttentionKeys) * (width + 4) +
           2 * kAttentionKeys * (kAttentionBackwardRows + 4);
}

} // namespace gimbal
