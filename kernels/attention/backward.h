// Backward attention. The probabilities are computed again from q, k and lse, 32 queries by 32 keys at a time, once for
// dk and dv (a block of threads owns 32 keys) and once for dq (it owns 32 queries), so that no two blocks of threads
// add to one element.
#pragma once

#include "attention/sequences.h"
#include "attention/tile.h"

#include "common/reduce.h"

namespace gimbal::device {

// D of every token and head: sum_d dy y, in sixteen lanes.
template <class T> GB_DEVICE void dot_outputs(const AttentionBackwardArguments& a) {
    const int64_t task = grid_thread() / kLanes, tasks = a.sequences.tokens * a.sizes.q_heads;
    const bool some = task < tasks;
    const int64_t at = some ? task / a.sizes.q_heads * a.sizes.y_stride + task % a.sizes.q_heads * a.sizes.head_dim : 0;
    const T *y = static_cast<const T*>(a.y) + at, *dy = static_cast<const T*>(a.dy) + at;
    float sum = 0.0f;
    if (some) for_team(a.sizes.head_dim, [&](int64_t d) { sum = fma(load(dy + d), load(y + d), sum); });
    sum = sum_team(sum);
    if (some && team_lane() == 0) a.dots[task] = sum;
}

// 32 queries of one head against 32 keys, and what both kernels make of them.
template <int Width, class T, class KV> class BackwardTile {
public:
    static constexpr int kRows = kAttentionBackwardRows / kThreadsDown, kStride = Width + 4;
    using Weights = float[kRows][kThreadKeys];

    GB_DEVICE BackwardTile(const AttentionBackwardArguments& a, const SequenceTile& tile, float* shared)
        : a_(a), tile_(tile), queries_(shared), dy_(queries_ + kAttentionBackwardRows * kStride),
          keys_(dy_ + kAttentionBackwardRows * kStride), values_(keys_ + kAttentionKeys * kStride),
          weights_(values_ + kAttentionKeys * kStride), dscores_(weights_ + kAttentionBackwardRows * kWeightStride) {}

    GB_DEVICE bool chunked() const { return a_.sizes.head_dim > Width; }
    GB_DEVICE int64_t rows_from(int64_t i) const {
        return tile_.queries - i < kAttentionBackwardRows ? tile_.queries - i : kAttentionBackwardRows;
    }

    // Queries i .. i+31 of a head and their dy, Width channels from `channel` on.
    GB_DEVICE void load_queries(int64_t head, int64_t i, int64_t channel) {
        const int64_t d = head * a_.sizes.head_dim + channel, left = a_.sizes.head_dim - channel;
        const T* q = static_cast<const T*>(a_.q) + (tile_.token + i) * a_.sizes.q_stride + d;
        const T* dy = static_cast<const T*>(a_.dy) + (tile_.token + i) * a_.sizes.y_stride + d;
        load_rows<kAttentionBackwardRows, Width>(queries_, rows_from(i), left, aligned(q, a_.sizes.q_stride),
                                                 [&](int64_t r) { return q + r * a_.sizes.q_stride; });
        load_rows<kAttentionBackwardRows, Width>(dy_, rows_from(i), left, aligned(dy, a_.sizes.y_stride),
                                                 [&](int64_t r) { return dy + r * a_.sizes.y_stride; });
    }

    // Keys j .. j+31 and their values.
    GB_DEVICE void load_keys(int64_t kv_head, int64_t j, int64_t channel) {
        const int64_t at = (tile_.token + j) * a_.sizes.kv_stride + kv_head * a_.sizes.head_dim + channel;
        const int64_t left = a_.sizes.head_dim - channel;
        const KV *k = static_cast<const KV*>(a_.k) + at, *v = static_cast<const KV*>(a_.v) + at;
        load_rows<kAttentionKeys, Width>(keys_, rows_from(j), left, aligned(k, a_.sizes.kv_stride),
                                         [&](int64_t r) { return k + r * a_.sizes.kv_stride; });
        load_rows<kAttentionKeys, Width>(values_, rows_from(j), left, aligned(v, a_.sizes.kv_stride),
                                         [&](int64_t r) { return v + r * a_.sizes.kv_stride; });
    }

    // p = exp(scale s - lse) and scale p (dp - D) of queries i .. i+31 and keys j .. j+31 for the thread's pairs; 0 for
    // a key beyond its query, and beyond the last query.
    GB_DEVICE void differentiate(int64_t head, int64_t i, int64_t j, const Weights& scores, const Weights& dp,
                                 Weights& p, Weights& ds) const {
#pragma unroll
        for (int r = 0; r < kRows; ++r) {
            const int64_t query = i + thread_down() + r * kThreadsDown;
            const bool some = query < tile_.queries;
            const int64_t at = (tile_.token + query) * a_.sizes.q_heads + head;
            const float lse = some ? a_.lse[at] : 0.0f, dot = some ? a_.dots[at] : 0.0f;
#pragma unroll
            for (int c = 0; c < kThreadKeys; ++c) {
                const bool seen = some && j + thread_across() + c * kThreadsAcross <= query;
                const float weight = exp(fma(scores[r][c], a_.sizes.scale, -lse));
                p[r][c] = seen ? weight : 0.0f;
                ds[r][c] = seen ? a_.sizes.scale * (weight * (dp[r][c] - dot)) : 0.0f;
            }
        }
    }

    // The scores and dp of the tiles in shared memory; of all channels if the caller calls it for each piece of them.
    GB_DEVICE void add_products(int64_t channel, Weights& scores, Weights& dp) const {
        const int64_t left = a_.sizes.head_dim - channel, depth = left < Width ? left : Width;
        add_dots<kRows, Width>(queries_, keys_, depth, scores);
        add_dots<kRows, Width>(dy_, values_, depth, dp);
    }

    const AttentionBackwardArguments& a_;
    const SequenceTile& tile_;
    float *const queries_, *const dy_, *const keys_, *const values_, *const weights_, *const dscores_;

private:
    template <class E> GB_DEVICE bool aligned(const E* p, int64_t stride) const {
        return aligned4(p) && stride % 4 == 0;
    }
};

// dk and dv of keys j .. j+31: the query heads of the group ascending, and the queries of each ascending.
template <int Width, class T, class KV>
GB_DEVICE void attend_backward_keys(const AttentionBackwardArguments& a, float* shared) {
    using Tile = BackwardTile<Width, T, KV>;
    const SequenceTile sequence(a.sequences, Tiling{1, kAttentionKeys}, blockIdx.x);
    if (sequence.count == 0) return;
    const int64_t kv_head = blockIdx.y % a.sizes.kv_heads, slice = blockIdx.y / a.sizes.kv_heads * Width;
    const int64_t group = a.sizes.q_heads / a.sizes.kv_heads, j = sequence.first;
    Tile tile(a, sequence, shared);
    Sums<Tile::kRows, Width> dk, dv;
    clear<Tile::kRows, Width>(dk);
    clear<Tile::kRows, Width>(dv);
    if (!tile.chunked()) tile.load_keys(kv_head, j, 0);
    for (int64_t head = kv_head * group; head < (kv_head + 1) * group; ++head)
        for (int64_t i = j; i < sequence.queries; i += kAttentionBackwardRows) {
            typename Tile::Weights scores = {}, dp = {}, p, ds;
            for (int64_t channel = 0; channel < a.sizes.head_dim; channel += Width) {
                __syncthreads();
                tile.load_queries(head, i, channel);
                if (tile.chunked()) tile.load_keys(kv_head, j, channel);
                __syncthreads();
                tile.add_products(channel, scores, dp);
            }
            tile.differentiate(head, i, j, scores, dp, p, ds);
            // By key, so that a thread's weights of neighbouring queries are neighbours.
#pragma unroll
            for (int r = 0; r < Tile::kRows; ++r)
#pragma unroll
                for (int c = 0; c < kThreadKeys; ++c) {
                    const int at =
                        (thread_across() + c * kThreadsAcross) * kWeightStride + thread_down() + r * kThreadsDown;
                    tile.weights_[at] = p[r][c];
                    tile.dscores_[at] = ds[r][c];
                }
            __syncthreads();
            if (tile.chunked()) {
                tile.load_queries(head, i, slice);
                __syncthreads();
            }
            add_weighted<Tile::kRows, Width>(dv, tile.weights_, tile.dy_);
            add_weighted<Tile::kRows, Width>(dk, tile.dscores_, tile.queries_);
        }
    const int64_t at = (sequence.token + j) * a.sizes.kv_stride + kv_head * a.sizes.head_dim + slice;
    const auto write = [&](const Sums<Tile::kRows, Width>& sums, void* to) {
        write_sums<Tile::kRows, Width, KV>(
            sums, a.sizes.head_dim - slice,
            [&](int i) -> KV* {
                const int64_t r = thread_down() + i * kThreadsDown;
                return r < sequence.count ? static_cast<KV*>(to) + at + r * a.sizes.kv_stride : nullptr;
            },
            [](int, float x) { return x; });
    };
    write(dk, a.dk);
    write(dv, a.dv);
}

// dq of queries i .. i+31 of one head: for each block of 32 keys a chain from 0, the blocks added ascending.
template <int Width, class T, class KV>
GB_DEVICE void attend_backward_queries(const AttentionBackwardArguments& a, float* shared) {
    using Tile = BackwardTile<Width, T, KV>;
    const int64_t b = static_cast<int64_t>(gridDim.x) - 1 - blockIdx.x;
    const SequenceTile sequence(a.sequences, Tiling{1, kAttentionBackwardRows}, b);
    if (sequence.count == 0) return;
    const int64_t head = blockIdx.y % a.sizes.q_heads, slice = blockIdx.y / a.sizes.q_heads * Width;
    const int64_t kv_head = head / (a.sizes.q_heads / a.sizes.kv_heads), i = sequence.first;
    Tile tile(a, sequence, shared);
    Sums<Tile::kRows, Width> dq, part;
    clear<Tile::kRows, Width>(dq);
    if (!tile.chunked()) tile.load_queries(head, i, 0);
    for (int64_t j = 0; j <= i; j += kAttentionKeys) {
        typename Tile::Weights scores = {}, dp = {}, p, ds;
        for (int64_t channel = 0; channel < a.sizes.head_dim; channel += Width) {
            __syncthreads();
            tile.load_keys(kv_head, j, channel);
            if (tile.chunked()) tile.load_queries(head, i, channel);
            __syncthreads();
            tile.add_products(channel, scores, dp);
        }
        tile.differentiate(head, i, j, scores, dp, p, ds);
#pragma unroll
        for (int r = 0; r < Tile::kRows; ++r)
#pragma unroll
            for (int c = 0; c < kThreadKeys; ++c)
                tile.dscores_[(thread_down() + r * kThreadsDown) * kWeightStride + thread_across() +
                              c * kThreadsAcross] = ds[r][c];
        __syncthreads();
        if (tile.chunked()) {
            tile.load_keys(kv_head, j, slice);
            __syncthreads();
        }
        clear<Tile::kRows, Width>(part);
        add_weighted<Tile::kRows, Width>(part, tile.dscores_, tile.keys_);
#pragma unroll
        for (int r = 0; r < Tile::kRows; ++r)
#pragma unroll
            for (int c = 0; c < Width / kThreadsAcross; ++c)
                dq[r][c] = j > 0 ? dq[r][c] + part[r][c] : part[r][c];
    }
    write_sums<Tile::kRows, Width, T>(
        dq, a.sizes.head_dim - slice,
        [&](int r) -> T* {
            const int64_t query = i + thread_down() + r * kThreadsDown;
            if (query >= sequence.queries) return nullptr;
            return static_cast<T*>(a.dq) + (sequence.token + query) * a.sizes.q_stride + head * a.sizes.head_dim +
                   slice;
        },
        [](int, float x) { return x; });
}

} // namespace gimbal::device
