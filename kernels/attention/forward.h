// Forward attention of one tile of queries, some channels of the values.
#pragma once

#include "attention/sequences.h"
#include "attention/tile.h"

namespace gimbal::device {

// A tile has 16 Rows rows of one sequence and one key head: tokens ascending, for each its query heads. Width channels
// of the values are summed here, from the block's slice on; scores take all channels, Width at a time.
template <int Rows, int Width, class T, class KV> class ForwardTile {
public:
    static constexpr int kRows = kThreadsDown * Rows;

    GB_DEVICE ForwardTile(const AttentionArguments& a, const SequenceTile& tile, int64_t kv_head, int64_t slice,
                          float* shared)
        : a_(a), tile_(tile), kv_head_(kv_head), slice_(slice * Width), group_(a.sizes.q_heads / a.sizes.kv_heads),
          queries_(shared), keys_(queries_ + kRows * kStride), values_(keys_ + kAttentionKeys * kStride),
          weights_(values_ + kAttentionKeys * kStride), totals_(weights_ + kRows * kWeightStride) {}

    GB_DEVICE void run() {
        const int64_t before = tile_.keys - tile_.queries; // position of the first query
#pragma unroll
        for (int i = 0; i < Rows; ++i) {
            const int64_t r = thread_down() + i * kThreadsDown;
            position_[i] = r < tile_.count ? before + (tile_.first + r) / group_ : -1;
        }
        first_position_ = before + tile_.first / group_;
        end_ = before + (tile_.first + tile_.count - 1) / group_ + 1;
        const bool one_split = a_.partials.sums != nullptr;
        const int64_t first = one_split ? blockIdx.z * kAttentionSplit : 0;
        if (first >= end_) return;
        if (!chunked()) load_queries(0);
        for (int64_t split = first; split < end_; split += kAttentionSplit) {
            begin_split();
            for (int64_t block = split; block < end_ && block < split + kAttentionSplit; block += kAttentionKeys)
                add_block(block);
            if (one_split) return write_partial();
            end_split(split);
        }
        write();
    }

private:
    static constexpr int kStride = Width + 4, kSlots = Width / kThreadsAcross;

    // Heads wider than the tile: queries and keys come in pieces, again for every block of keys.
    GB_DEVICE bool chunked() const {
        return a_.sizes.head_dim > Width;
    }

    GB_DEVICE int64_t token(int64_t r) const {
        return tile_.token + (tile_.first + r) / group_;
    }
    GB_DEVICE int64_t head(int64_t r) const {
        return kv_head_ * group_ + (tile_.first + r) % group_;
    }

    GB_DEVICE void load_queries(int64_t channel) {
        const T* q = static_cast<const T*>(a_.q) + channel;
        load_rows<kRows, Width>(
            queries_, tile_.count, a_.sizes.head_dim - channel,
            aligned4(q) && a_.sizes.q_stride % 4 == 0 && a_.sizes.head_dim % 4 == 0,
            [&](int64_t r) { return q + token(r) * a_.sizes.q_stride + head(r) * a_.sizes.head_dim; });
    }

    // 32 keys or values from row `row` on, `count` of them, from a channel on.
    GB_DEVICE void load_keys(float* shared, const void* from, int64_t row, int64_t count, int64_t channel) {
        const KV* rows = static_cast<const KV*>(from) + kv_head_ * a_.sizes.head_dim + channel;
        load_rows<kAttentionKeys, Width>(
            shared, row >= 0 ? count : 0, a_.sizes.head_dim - channel, aligned4(rows) && a_.sizes.kv_stride % 4 == 0,
            [&](int64_t r) { return rows + (row + r) * a_.sizes.kv_stride; }, row >= 0 ? 0.0f : kInfinity - kInfinity);
    }

    // The state of no key at all.
    GB_DEVICE void begin_split() {
        clear<Rows, Width>(sums_);
#pragma unroll
        for (int i = 0; i < Rows; ++i) {
            maximum_[i] = -kInfinity;
            low_[i] = high_[i] = 0.0f;
        }
    }

    GB_DEVICE void add_block(int64_t block) {
        const int64_t count = end_ - block < kAttentionKeys ? end_ - block : kAttentionKeys;
        const int64_t row = tile_.key_row(a_.sequences, block);
        float scores[Rows][kThreadKeys] = {};
        __syncthreads(); // the block before has been read
        load_keys(values_, a_.v, row, count, slice_);
        for (int64_t channel = 0; channel < a_.sizes.head_dim; channel += Width) {
            if (channel > 0) __syncthreads();
            if (chunked()) load_queries(channel);
            load_keys(keys_, a_.k, row, count, channel);
            __syncthreads();
            const int64_t left = a_.sizes.head_dim - channel;
            add_dots<Rows, Width>(queries_, keys_, left < Width ? left : Width, scores);
        }
        int visible[Rows];
#pragma unroll
        for (int i = 0; i < Rows; ++i) {
            const int64_t keys = position_[i] - block + 1;
            visible[i] = keys < 0 ? 0 : keys < kAttentionKeys ? static_cast<int>(keys) : kAttentionKeys;
            weigh(i, visible[i], scores[i]);
        }
        __syncthreads();
        if (first_position_ - block + 1 >= kAttentionKeys && tile_.count == kRows)
            add_weighted<Rows, Width>(sums_, weights_, values_);
        else
            add_visible<Rows, Width>(sums_, weights_, values_, visible);
    }

    // Scores become weights exp(s - maximum); what was gathered before is rescaled to the new maximum. A row that sees
    // nothing of the block keeps its state: its factor is 1 and its weights are 0.
    GB_DEVICE void weigh(int i, int visible, const float (&scores)[kThreadKeys]) {
        float s[kThreadKeys];
#pragma unroll
        for (int j = 0; j < kThreadKeys; ++j)
            s[j] = thread_across() + j * kThreadsAcross < visible ? scores[j] * a_.sizes.scale : -kInfinity;
        const float here = max_across(max(s[0], s[2]), max(s[1], s[3]));
        const float before = maximum_[i];
        maximum_[i] = here > before ? here : before;
        // What is subtracted before exp: nothing while every score was -infinity, so that no NaN arises.
        const float base = maximum_[i] == -kInfinity ? 0.0f : maximum_[i];
        const float factor = exp(before - base);
#pragma unroll
        for (int j = 0; j < kThreadKeys; ++j) {
            s[j] = exp(s[j] - base);
            weights_[(thread_down() + i * kThreadsDown) * kWeightStride + thread_across() + j * kThreadsAcross] = s[j];
        }
        low_[i] = fma(low_[i], factor, s[0] + s[2]);
        high_[i] = fma(high_[i], factor, s[1] + s[3]);
        if (visible > 0)
#pragma unroll
            for (int c = 0; c < kSlots; ++c)
                sums_[i][c] = factor * sums_[i][c];
    }

    // Adds the split to the splits before it, which wait in shared memory, each thread's in slots of its own.
    GB_DEVICE void end_split(int64_t split) {
        const bool last = split + kAttentionSplit >= end_;
#pragma unroll
        for (int i = 0; i < Rows; ++i) {
            float* total = totals_ + i * kSlots * kAttentionThreads + threadIdx.x;
            const float sum = sum_across(low_[i], high_[i]);
            if (split == 0) {
                total_maximum_[i] = maximum_[i];
                total_sum_[i] = sum;
            } else if (position_[i] >= split) {
                const float maximum = total_maximum_[i] > maximum_[i] ? total_maximum_[i] : maximum_[i];
                const float scale_total = exp(total_maximum_[i] - maximum), scale_part = exp(maximum_[i] - maximum);
                total_sum_[i] = fma(total_sum_[i], scale_total, sum * scale_part);
                total_maximum_[i] = maximum;
#pragma unroll
                for (int c = 0; c < kSlots; ++c)
                    sums_[i][c] = fma(total[c * kAttentionThreads], scale_total, sums_[i][c] * scale_part);
            } else {
#pragma unroll
                for (int c = 0; c < kSlots; ++c)
                    sums_[i][c] = total[c * kAttentionThreads];
            }
            if (!last)
#pragma unroll
                for (int c = 0; c < kSlots; ++c)
                    total[c * kAttentionThreads] = sums_[i][c];
        }
    }

    // The split's state, for attention/merge.h.
    GB_DEVICE void write_partial() {
        const int64_t rows = a_.sequences.tokens * a_.sizes.q_heads;
        const auto at = [&](int64_t r) { return token(r) * a_.sizes.q_heads + head(r); };
#pragma unroll
        for (int i = 0; i < Rows; ++i) {
            const float weight = sum_across(low_[i], high_[i]);
            const int64_t r = thread_down() + i * kThreadsDown;
            if (slice_ > 0 || thread_across() > 0 || r >= tile_.count) continue;
            a_.partials.maxima[blockIdx.z * rows + at(r)] = maximum_[i];
            a_.partials.weights[blockIdx.z * rows + at(r)] = weight;
        }
        write_sums<Rows, Width, float>(
            sums_, a_.sizes.head_dim - slice_,
            [&](int i) -> float* {
                const int64_t r = thread_down() + i * kThreadsDown;
                if (r >= tile_.count) return nullptr;
                return a_.partials.sums + (blockIdx.z * rows + at(r)) * a_.sizes.head_dim + slice_;
            },
            [](int, float x) { return x; });
    }

    GB_DEVICE void write() {
        float inverse[Rows];
#pragma unroll
        for (int i = 0; i < Rows; ++i) {
            inverse[i] = 1.0f / total_sum_[i];
            const int64_t r = thread_down() + i * kThreadsDown;
            if (a_.lse != nullptr && slice_ == 0 && thread_across() == 0 && r < tile_.count)
                a_.lse[token(r) * a_.sizes.q_heads + head(r)] = total_maximum_[i] + log(total_sum_[i]);
        }
        write_sums<Rows, Width, T>(
            sums_, a_.sizes.head_dim - slice_,
            [&](int i) -> T* {
                const int64_t r = thread_down() + i * kThreadsDown;
                if (r >= tile_.count) return nullptr;
                return static_cast<T*>(a_.y) + token(r) * a_.sizes.y_stride + head(r) * a_.sizes.head_dim + slice_;
            },
            [&](int i, float x) { return x * inverse[i]; });
    }

    const AttentionArguments& a_;
    const SequenceTile& tile_;
    const int64_t kv_head_, slice_, group_;
    float *const queries_, *const keys_, *const values_, *const weights_, *const totals_;
    int64_t first_position_ = 0, end_ = 0; // of the tile's first row; keys before it are seen by some row
    int64_t position_[Rows];               // of the thread's rows; -1: none
    float maximum_[Rows], low_[Rows], high_[Rows];
    float total_maximum_[Rows], total_sum_[Rows];
    Sums<Rows, Width> sums_;
};

template <int Rows, int Width, class T, class KV> GB_DEVICE void attend(const AttentionArguments& a, float* shared) {
    constexpr int kRows = kThreadsDown * Rows;
    // Late tiles see the most keys: first, so that no multiprocessor is left with one at the end.
    const int64_t b = static_cast<int64_t>(gridDim.x) - 1 - blockIdx.x;
    const SequenceTile tile(a.sequences, Tiling{a.sizes.q_heads / a.sizes.kv_heads, kRows}, b);
    if (tile.count == 0) return;
    const int64_t head = blockIdx.y % a.sizes.kv_heads, slice = blockIdx.y / a.sizes.kv_heads;
    ForwardTile<Rows, Width, T, KV>(a, tile, head, slice, shared).run();
}

} // namespace gimbal::device
