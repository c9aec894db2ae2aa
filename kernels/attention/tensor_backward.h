// Backward attention on the tensor cores. Each warp owns 16 rows of one side, keys or queries, and walks the other side
// in blocks of 32, whose probabilities are computed again from q, k and lse.
#pragma once

#include "attention/tensor.h"

namespace gimbal::device {

constexpr int kBackwardBlock = 32;

// Rows of two matrices that belong together, queries and dy or keys and values, in shared memory one behind the other.
template <int Width> struct PairRows {
    bf16* first;
    int64_t rows;
    GB_DEVICE bf16* second() const { return first + rows * kHalfPitch<Width>; }
};

// What the two kernels share: where the rows of a sequence lie, and the way from scores to derivatives.
template <int Width> class TensorBackward {
public:
    static constexpr int kWarps = kAttentionThreads / 32, kOwned = kWarpRows * kWarps;

    GB_DEVICE TensorBackward(const AttentionBackwardArguments& a, const SequenceTile& tile, bf16* shared)
        : a_(a), tile_(tile), shared_(shared) {}

    // The block's rows, which stay, and the other side's, in two stages.
    GB_DEVICE PairRows<Width> owned() const { return {shared_, kOwned}; }
    GB_DEVICE PairRows<Width> other(int stage) const {
        return {shared_ + (2 * kOwned + 2 * stage * kBackwardBlock) * kHalfPitch<Width>, kBackwardBlock};
    }
    // lse and D of the 32 queries of a stage.
    GB_DEVICE float* numbers(int stage) const {
        return reinterpret_cast<float*>(other(2).first) + stage * 2 * kBackwardBlock;
    }
    GB_DEVICE const bf16* own_row(const bf16* rows) const {
        return rows + threadIdx.x / 32 * kWarpRows * kHalfPitch<Width>;
    }

    template <int Rows> GB_DEVICE void load_queries(const PairRows<Width>& to, int64_t head, int64_t i) const {
        load_pair<Rows>(to, static_cast<const bf16*>(a_.q) + head * a_.sizes.head_dim, a_.sizes.q_stride,
                        static_cast<const bf16*>(a_.dy) + head * a_.sizes.head_dim, a_.sizes.y_stride, i);
    }
    template <int Rows> GB_DEVICE void load_keys(const PairRows<Width>& to, int64_t kv_head, int64_t j) const {
        load_pair<Rows>(to, static_cast<const bf16*>(a_.k) + kv_head * a_.sizes.head_dim, a_.sizes.kv_stride,
                        static_cast<const bf16*>(a_.v) + kv_head * a_.sizes.head_dim, a_.sizes.kv_stride, j);
    }

    // Where lse and D of a query lie; what is beyond the last query is never used.
    GB_DEVICE int64_t number_at(int64_t query, int64_t head) const {
        return (tile_.token + (query < tile_.queries ? query : tile_.queries - 1)) * a_.sizes.q_heads + head;
    }

    // p = exp(scale s - lse) in place of the score, scale p (dp - D) in place of dp; 0 where the key is not seen.
    GB_DEVICE void differentiate(bool seen, float lse, float dot, float& score, float& dp) const {
        const float p = exp(fma(score, a_.sizes.scale, -lse));
        dp = seen ? a_.sizes.scale * (p * (dp - dot)) : 0.0f;
        score = seen ? p : 0.0f;
    }

    // The products of the warp's rows with the other side's block.
    GB_DEVICE void multiply(const PairRows<Width>& other, BlockTile& scores, BlockTile& dp) const {
        clear<1, kBlockParts>(scores);
        clear<1, kBlockParts>(dp);
        add_dots<Width>(scores, own_row(owned().first), other.first, a_.sizes.head_dim);
        add_dots<Width>(dp, own_row(owned().second()), other.second(), a_.sizes.head_dim);
    }

    // The thread's row i of the tile, counted in its sequence.
    GB_DEVICE int64_t own_index(int i) const {
        return tile_.first + threadIdx.x / 32 * kWarpRows + lane_of_warp() / 4 + 8 * i;
    }

    GB_DEVICE void write(const RowSums<Width>& sums, void* to, int64_t head, int64_t stride) const {
        write_rows<Width, bf16>(sums, a_.sizes.head_dim, {1.0f, 1.0f}, [&](int i) -> bf16* {
            const int64_t r = own_index(i);
            if (r >= tile_.queries) return nullptr;
            return static_cast<bf16*>(to) + (tile_.token + r) * stride + head * a_.sizes.head_dim;
        });
    }

private:
    template <int Rows>
    GB_DEVICE void load_pair(const PairRows<Width>& to, const bf16* first, int64_t first_stride, const bf16* second,
                             int64_t second_stride, int64_t r) const {
        const int64_t count = tile_.queries - r, token = tile_.token + r, head_dim = a_.sizes.head_dim;
        const int thread = static_cast<int>(threadIdx.x);
        load_rows_async<Rows, Width, kAttentionThreads>(to.first, count, head_dim,
                                                        aligned8(first, first_stride, head_dim), thread,
                                                        [&](int64_t i) { return first + (token + i) * first_stride; });
        load_rows_async<Rows, Width, kAttentionThreads>(
            to.second(), count, head_dim, aligned8(second, second_stride, head_dim), thread,
            [&](int64_t i) { return second + (token + i) * second_stride; });
    }

    const AttentionBackwardArguments& a_;
    const SequenceTile& tile_;
    bf16* const shared_;
};

// dk and dv of 64 keys: the query heads of the group ascending, and the queries of each ascending.
template <int Width> GB_DEVICE void attend_tensor_keys(const AttentionBackwardArguments& a, bf16* shared) {
    using Backward = TensorBackward<Width>;
    const SequenceTile tile(a.sequences, Tiling{1, Backward::kOwned}, blockIdx.x);
    if (tile.count == 0) return;
    const Backward backward(a, tile, shared);
    const int64_t group = a.sizes.q_heads / a.sizes.kv_heads, kv_head = blockIdx.y;
    const int64_t blocks = (tile.queries - tile.first + kBackwardBlock - 1) / kBackwardBlock;

    // Step n of all: head n / blocks, queries from tile.first + 32 (n % blocks) on.
    const auto fetch = [&](int64_t n, int stage) {
        const int64_t head = kv_head * group + n / blocks, i = tile.first + n % blocks * kBackwardBlock;
        backward.template load_queries<kBackwardBlock>(backward.other(stage), head, i);
        float* numbers = backward.numbers(stage);
        for (int r = static_cast<int>(threadIdx.x); r < kBackwardBlock; r += kAttentionThreads) {
            numbers[r] = a.lse[backward.number_at(i + r, head)];
            numbers[kBackwardBlock + r] = a.dots[backward.number_at(i + r, head)];
        }
        cp_async_commit();
    };

    RowSums<Width> dk, dv;
    clear<1, Width / 8>(dk);
    clear<1, Width / 8>(dv);
    backward.template load_keys<Backward::kOwned>(backward.owned(), kv_head, tile.first);
    fetch(0, 0);
    int stage = 0;
    for (int64_t n = 0; n < group * blocks; ++n, stage ^= 1) {
        cp_async_wait<0>();
        __syncthreads();
        if (n + 1 < group * blocks) fetch(n + 1, stage ^ 1);
        BlockTile scores, dp;
        backward.multiply(backward.other(stage), scores, dp);
        const int64_t i = tile.first + n % blocks * kBackwardBlock;
        const float* numbers = backward.numbers(stage);
#pragma unroll
        for (int j = 0; j < kBlockParts; ++j)
#pragma unroll
            for (int v = 0; v < 4; ++v) {
                const int column = column_of(j, v);
                const int64_t query = i + column;
                backward.differentiate(query < tile.queries && backward.own_index(v / 2) <= query, numbers[column],
                                       numbers[kBackwardBlock + column], scores[0][j][v], dp[0][j][v]);
            }
        add_weighted<Width>(dv, scores, backward.other(stage).second(), a.sizes.head_dim);
        add_weighted<Width>(dk, dp, backward.other(stage).first, a.sizes.head_dim);
    }
    backward.write(dk, a.dk, kv_head, a.sizes.kv_stride);
    backward.write(dv, a.dv, kv_head, a.sizes.kv_stride);
}

// dq of 64 queries of one head, their keys ascending.
template <int Width> GB_DEVICE void attend_tensor_queries(const AttentionBackwardArguments& a, bf16* shared) {
    using Backward = TensorBackward<Width>;
    const int64_t b = static_cast<int64_t>(gridDim.x) - 1 - blockIdx.x; // late tiles see the most keys
    const SequenceTile tile(a.sequences, Tiling{1, Backward::kOwned}, b);
    if (tile.count == 0) return;
    const Backward backward(a, tile, shared);
    const int64_t head = blockIdx.y, kv_head = head / (a.sizes.q_heads / a.sizes.kv_heads);
    const int64_t end = tile.first + tile.count; // keys before it are seen

    float lse[2], dot[2];
#pragma unroll
    for (int i = 0; i < 2; ++i) {
        lse[i] = a.lse[backward.number_at(backward.own_index(i), head)];
        dot[i] = a.dots[backward.number_at(backward.own_index(i), head)];
    }
    const auto fetch = [&](int64_t j, int stage) {
        backward.template load_keys<kBackwardBlock>(backward.other(stage), kv_head, j);
        cp_async_commit();
    };

    RowSums<Width> dq;
    clear<1, Width / 8>(dq);
    backward.template load_queries<Backward::kOwned>(backward.owned(), head, tile.first);
    fetch(0, 0);
    int stage = 0;
    for (int64_t block = 0; block < end; block += kBackwardBlock, stage ^= 1) {
        cp_async_wait<0>();
        __syncthreads();
        if (block + kBackwardBlock < end) fetch(block + kBackwardBlock, stage ^ 1);
        BlockTile scores, dp;
        backward.multiply(backward.other(stage), scores, dp);
#pragma unroll
        for (int j = 0; j < kBlockParts; ++j)
#pragma unroll
            for (int v = 0; v < 4; ++v) {
                const int64_t query = backward.own_index(v / 2);
                backward.differentiate(query < tile.queries && block + column_of(j, v) <= query, lse[v / 2], dot[v / 2],
                                       scores[0][j][v], dp[0][j][v]);
            }
        add_weighted<Width>(dq, dp, backward.other(stage).first, a.sizes.head_dim);
    }
    backward.write(dq, a.dq, head, a.sizes.q_stride);
}

} // namespace gimbal::device
