// Forward attention of one tile of queries on the tensor cores.
#pragma once

#include "attention/tensor.h"

namespace gimbal::device {

// A tile has 16 rows for each of its Warps warps, of one sequence and one key head: tokens ascending, for each its
// query heads. The warps share the blocks of keys and values, of which the next is under way while one is worked on.
// With Warps = 1 the warps of a thread block know nothing of each other.
template <int Width, int Warps> class TensorForward {
public:
    static constexpr int kRows = kWarpRows * Warps, kThreads = 32 * Warps;

    GB_DEVICE TensorForward(const AttentionArguments& a, const SequenceTile& tile, int64_t kv_head, bf16* memory)
        : a_(a), tile_(tile), kv_head_(kv_head), group_(a.sizes.q_heads / a.sizes.kv_heads), queries_(memory),
          blocks_(memory + kRows * kPitch), totals_(reinterpret_cast<float*>(blocks_ + 4 * kAttentionKeys * kPitch)) {}

    // The splits from the one that begins at key `first` on, or that one only, whose state then goes to the workspace.
    GB_DEVICE void run(int64_t first, bool one_split) {
        const int64_t before = tile_.keys - tile_.queries; // position of the first query
        const int64_t last = before + (tile_.first + tile_.count - 1) / group_ + 1;
        const int64_t end = one_split && first + kAttentionSplit < last ? first + kAttentionSplit : last;
        if (first >= end) return;
#pragma unroll
        for (int i = 0; i < 2; ++i)
            position_[i] = row(i) < tile_.count ? before + (tile_.first + row(i)) / group_ : -1;
        load_queries();
        bool fetched = fetch(first, end, 0);
        int stage = 0;
        for (int64_t block = first; block < end; block += kAttentionKeys, stage ^= 1) {
            cp_async_wait<0>();
            synchronize();
            const bool sound = fetched;
            if (block + kAttentionKeys < end) fetched = fetch(block + kAttentionKeys, end, stage ^ 1);
            if (block % kAttentionSplit == 0) begin_split();
            add_block(block, stage, sound);
            if (one_split || (block + kAttentionKeys < end && (block + kAttentionKeys) % kAttentionSplit != 0))
                continue;
            end_split(block - block % kAttentionSplit, block + kAttentionKeys >= end);
        }
        if (one_split)
            write_partial(first / kAttentionSplit);
        else
            write();
    }

private:
    static constexpr int kPitch = kHalfPitch<Width>, kParts = Width / 8;

    GB_DEVICE static void synchronize() {
        if (Warps == 1)
            __syncwarp();
        else
            __syncthreads();
    }
    GB_DEVICE static int thread() {
        return static_cast<int>(threadIdx.x) % kThreads;
    }
    // The thread's row i of the tile.
    GB_DEVICE static int64_t row(int i) {
        return thread() / 32 * kWarpRows + lane_of_warp() / 4 + 8 * i;
    }

    GB_DEVICE int64_t token(int64_t r) const {
        return tile_.token + (tile_.first + r) / group_;
    }
    GB_DEVICE int64_t head(int64_t r) const {
        return kv_head_ * group_ + (tile_.first + r) % group_;
    }

    GB_DEVICE void load_queries() {
        const bf16* q = static_cast<const bf16*>(a_.q);
        load_rows_async<kRows, Width, kThreads>(
            queries_, tile_.count, a_.sizes.head_dim, aligned8(q, a_.sizes.q_stride, a_.sizes.head_dim), thread(),
            [&](int64_t r) { return q + token(r) * a_.sizes.q_stride + head(r) * a_.sizes.head_dim; });
    }

    GB_DEVICE bf16* keys(int stage) const {
        return blocks_ + stage * 2 * kAttentionKeys * kPitch;
    }
    GB_DEVICE bf16* values(int stage) const {
        return keys(stage) + kAttentionKeys * kPitch;
    }

    // False if the block has no page.
    GB_DEVICE bool fetch(int64_t block, int64_t end, int stage) {
        const int64_t first = tile_.key_row(a_.sequences, block);
        const int64_t count = first < 0 ? 0 : end - block;
        const int64_t at = (first < 0 ? 0 : first) * a_.sizes.kv_stride + kv_head_ * a_.sizes.head_dim;
        const auto load = [&](bf16* to, const void* from) {
            const bf16* rows = static_cast<const bf16*>(from);
            load_rows_async<kAttentionKeys, Width, kThreads>(
                to, count, a_.sizes.head_dim, aligned8(rows, a_.sizes.kv_stride, a_.sizes.head_dim), thread(),
                [&](int64_t r) { return rows + at + r * a_.sizes.kv_stride; });
        };
        load(keys(stage), a_.k);
        load(values(stage), a_.v);
        cp_async_commit();
        return first >= 0;
    }

    // The state of no key at all.
    GB_DEVICE void begin_split() {
        clear<1, kParts>(sums_);
#pragma unroll
        for (int i = 0; i < 2; ++i) {
            maximum_[i] = -kInfinity;
            weight_[i] = 0.0f;
        }
    }

    GB_DEVICE void add_block(int64_t block, int stage, bool sound) {
        BlockTile scores;
        clear<1, kBlockParts>(scores);
        add_dots<Width>(scores, queries_ + thread() / 32 * kWarpRows * kPitch, keys(stage), a_.sizes.head_dim);
        const float scale = sound ? a_.sizes.scale : kInfinity - kInfinity; // no page: NaN
#pragma unroll
        for (int i = 0; i < 2; ++i)
            weigh(i, position_[i] - block, scale, scores);
        add_weighted<Width>(sums_, scores, values(stage), a_.sizes.head_dim);
    }

    // Scores of row i become weights exp(s - maximum), 0 for keys beyond `last`; what was gathered before is rescaled
    // to the new maximum.
    GB_DEVICE void weigh(int i, int64_t last, float scale, BlockTile& scores) {
        float here = -kInfinity;
#pragma unroll
        for (int j = 0; j < kBlockParts; ++j)
#pragma unroll
            for (int v = 2 * i; v < 2 * i + 2; ++v) {
                scores[0][j][v] = column_of(j, v) <= last ? scores[0][j][v] * scale : -kInfinity;
                here = max(here, scores[0][j][v]);
            }
        here = max(here, __shfl_xor_sync(~0u, here, 1));
        here = max(here, __shfl_xor_sync(~0u, here, 2));
        const float before = maximum_[i];
        maximum_[i] = here > before ? here : before;
        // What is subtracted before exp: nothing while every score was -infinity, so that no NaN arises.
        const float base = maximum_[i] == -kInfinity ? 0.0f : maximum_[i];
        const float factor = exp(before - base);
        float sum = 0.0f;
#pragma unroll
        for (int j = 0; j < kBlockParts; ++j)
#pragma unroll
            for (int v = 2 * i; v < 2 * i + 2; ++v) {
                scores[0][j][v] = exp(scores[0][j][v] - base);
                sum = sum + scores[0][j][v];
            }
        weight_[i] = fma(weight_[i], factor, sum);
#pragma unroll
        for (int j = 0; j < kParts; ++j)
#pragma unroll
            for (int v = 2 * i; v < 2 * i + 2; ++v)
                sums_[0][j][v] = factor * sums_[0][j][v];
    }

    // The sum of a row's weights, of which its four threads hold parts.
    GB_DEVICE float weight(int i) const {
        const float pair = weight_[i] + __shfl_xor_sync(~0u, weight_[i], 1);
        return pair + __shfl_xor_sync(~0u, pair, 2);
    }

    // Adds the split to the splits before it, which wait in shared memory, each thread's in slots of its own.
    GB_DEVICE void end_split(int64_t split, bool last) {
        float* totals = totals_ + thread();
#pragma unroll
        for (int i = 0; i < 2; ++i) {
            const float sum = weight(i);
            const bool seen = split == 0 || position_[i] >= split;
            float scale = 0.0f, scale_part = 1.0f;
            if (split > 0) {
                const float highest = total_maximum_[i] > maximum_[i] ? total_maximum_[i] : maximum_[i];
                scale = seen ? exp(total_maximum_[i] - highest) : 1.0f;
                scale_part = seen ? exp(maximum_[i] - highest) : 0.0f;
                total_weight_[i] = fma(total_weight_[i], scale, sum * scale_part);
                total_maximum_[i] = seen ? highest : total_maximum_[i];
            } else {
                total_weight_[i] = sum;
                total_maximum_[i] = maximum_[i];
            }
#pragma unroll
            for (int j = 0; j < kParts; ++j)
#pragma unroll
                for (int v = 2 * i; v < 2 * i + 2; ++v) {
                    float& total = totals[(4 * j + v) * kThreads];
                    if (split > 0) sums_[0][j][v] = fma(total, scale, sums_[0][j][v] * scale_part);
                    if (!last) total = sums_[0][j][v];
                }
        }
    }

    // The split's state, for attention/merge.h.
    GB_DEVICE void write_partial(int64_t split) {
        const int64_t rows = a_.sequences.tokens * a_.sizes.q_heads;
        const auto at = [&](int64_t r) { return split * rows + token(r) * a_.sizes.q_heads + head(r); };
#pragma unroll
        for (int i = 0; i < 2; ++i) {
            const float sum = weight(i);
            if (lane_of_warp() % 4 > 0 || row(i) >= tile_.count) continue;
            a_.partials.maxima[at(row(i))] = maximum_[i];
            a_.partials.weights[at(row(i))] = sum;
        }
        write_rows<Width, float>(sums_, a_.sizes.head_dim, {1.0f, 1.0f}, [&](int i) -> float* {
            return row(i) < tile_.count ? a_.partials.sums + at(row(i)) * a_.sizes.head_dim : nullptr;
        });
    }

    GB_DEVICE void write() {
        float inverse[2];
#pragma unroll
        for (int i = 0; i < 2; ++i) {
            inverse[i] = 1.0f / total_weight_[i];
            if (a_.lse != nullptr && lane_of_warp() % 4 == 0 && row(i) < tile_.count)
                a_.lse[token(row(i)) * a_.sizes.q_heads + head(row(i))] = total_maximum_[i] + log(total_weight_[i]);
        }
        write_rows<Width, bf16>(sums_, a_.sizes.head_dim, inverse, [&](int i) -> bf16* {
            if (row(i) >= tile_.count) return nullptr;
            return static_cast<bf16*>(a_.y) + token(row(i)) * a_.sizes.y_stride + head(row(i)) * a_.sizes.head_dim;
        });
    }

    const AttentionArguments& a_;
    const SequenceTile& tile_;
    const int64_t kv_head_, group_;
    bf16 *const queries_, *const blocks_;
    float* const totals_;
    int64_t position_[2]; // of the thread's rows; -1: none
    float maximum_[2], weight_[2], total_maximum_[2], total_weight_[2];
    RowSums<Width> sums_;
};

template <int Width> GB_DEVICE void attend_tensor(const AttentionArguments& a, bf16* shared) {
    constexpr int kWarps = kAttentionThreads / 32;
    // Late tiles see the most keys: first, so that no multiprocessor is left with one at the end.
    const int64_t b = static_cast<int64_t>(gridDim.x) - 1 - blockIdx.x;
    const SequenceTile tile(a.sequences, Tiling{a.sizes.q_heads / a.sizes.kv_heads, kWarpRows * kWarps}, b);
    if (tile.count > 0) TensorForward<Width, kWarps>(a, tile, blockIdx.y, shared).run(0, false);
}

// A warp to a split of a tile of 16 rows, or one warp to all of its splits.
template <int Width> GB_DEVICE void attend_tensor_few(const AttentionArguments& a, bf16* shared) {
    const SequenceTile tile(a.sequences, Tiling{a.sizes.q_heads / a.sizes.kv_heads, kWarpRows}, blockIdx.x);
    if (tile.count == 0) return;
    const bool split = a.partials.sums != nullptr;
    const int64_t warp = threadIdx.x / 32, warps = blockDim.x / 32;
    bf16* memory = shared + warp * attention_tensor_bytes(1, Width, !split) / 2;
    TensorForward<Width, 1>(a, tile, blockIdx.y, memory).run((blockIdx.z * warps + warp) * kAttentionSplit, split);
}

} // namespace gimbal::device
