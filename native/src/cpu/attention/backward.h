// Backward attention of one sequence and one key head: all keys, all queries, all query heads of the group.
//
// The probabilities are computed again from q, k and lse, 32 queries by 32 keys at a time. For each block of keys, the
// query heads in ascending order and their queries in ascending order add to dk and dv, which stay in the tile's
// memory, and to dq in place. One task owns all of them, so the order of additions is the same for any number of
// threads.
#pragma once

#include "cpu/attention/block.h"
#include "cpu/math.h"
#include "cpu/storage.h"

namespace gimbal::GB_ISA {

template <class T> struct AttentionBackward {
    const T *q, *k, *v, *y;
    const float* lse;
    const T* dy;
    Sequences sequences;
    T *dq, *dk, *dv;
    gb_attention_shape shape;

    int64_t group() const { return shape.q_heads / shape.kv_heads; }
};

struct BackwardMemory {
    float *key_panels, *value_panels, *keys, *queries, *dy, *query_panels, *dy_panels, *weights, *dscores, *deep, *dq,
        *dk, *dv;

    // Carves the pieces from `base`, or only counts them if it is null.
    int64_t carve(float* base, int64_t head_dim) {
        const int64_t wide = kBlockKeys * padded(head_dim);
        int64_t used = 0;
        const auto take = [&](float*& piece, int64_t count) {
            piece = base + used;
            used += count;
        };
        for (float** piece : {&key_panels, &value_panels, &keys, &queries, &dy, &dq, &dk, &dv})
            take(*piece, wide);
        for (float** piece : {&query_panels, &dy_panels})
            take(*piece, wide + kLanes);
        for (float** piece : {&weights, &dscores, &deep})
            take(*piece, kBlockKeys * kBlockKeys);
        return used;
    }
};

template <class Chain> class BackwardHead {
    using T = typename Chain::Element;

public:
    // `rows` is room for what every query and head of the group has: row_floats() each.
    BackwardHead(const AttentionBackward<T>& call, const BackwardMemory& memory, float* rows, int64_t s,
                 int64_t kv_head)
        : call_(call), memory_(memory), kv_head_(kv_head), head_dim_(call.shape.head_dim), width_(padded(head_dim_)),
          group_(call.group()), length_(call.sequences.queries(s)), token_(call.sequences.q_starts[s]), dots_(rows),
          dq_(rows + group_ * length_) {}

    // D = sum_d dy y and, where dq cannot grow in place, its sums.
    static int64_t row_floats(int64_t head_dim) { return 1 + (kInPlace ? 0 : padded(head_dim)); }

    void run() {
        for (int64_t h = 0; h < group_; ++h)
            for (int64_t i = 0; i < length_; ++i)
                dots_[h * length_ + i] = dot(dy_row(h, i), y_row(h, i));
        for (int64_t block = 0; block < length_; block += kBlockKeys)
            add_keys(block);
        if constexpr (!kInPlace)
            for (int64_t h = 0; h < group_; ++h)
                write(dq_ + h * length_ * width_, call_.dq + q_at(h, 0), call_.shape.q_stride, length_, false);
    }

private:
    static constexpr bool kInPlace = std::is_same_v<T, float>;

    int64_t head(int64_t h) const { return kv_head_ * group_ + h; }
    int64_t q_at(int64_t h, int64_t i) const { return (token_ + i) * call_.shape.q_stride + head(h) * head_dim_; }
    int64_t y_at(int64_t h, int64_t i) const { return (token_ + i) * call_.shape.y_stride + head(h) * head_dim_; }
    int64_t k_at(int64_t j) const { return (token_ + j) * call_.shape.kv_stride + kv_head_ * head_dim_; }
    const T* y_row(int64_t h, int64_t i) const { return call_.y + y_at(h, i); }
    const T* dy_row(int64_t h, int64_t i) const { return call_.dy + y_at(h, i); }

    float dot(const T* a, const T* b) const {
        F16 sum = zero();
        for_lanes(0, head_dim_, [&](int64_t d, auto n) { sum = fma(load(a + d, n), load(b + d, n), sum); });
        return reduce_add(sum);
    }

    void clear(float* rows) const {
        for (int64_t i = 0; i < kBlockKeys * width_; i += kLanes)
            store(rows + i, zero());
    }

    // Copies or adds `count` rows of the tile's memory out to rows at `stride`.
    template <class To> void write(const float* rows, To* out, int64_t stride, int64_t count, bool add) const {
        for (int64_t r = 0; r < count; ++r)
            for_lanes(0, head_dim_, [&](int64_t d, auto n) {
                To* to = out + r * stride + d;
                const F16 value = load(rows + r * width_ + d, n);
                store(to, add ? load(to, n) + value : value, n);
            });
    }

    void add_keys(int64_t block) {
        const gb_attention_shape& shape = call_.shape;
        const int64_t count = length_ - block < kBlockKeys ? length_ - block : kBlockKeys;
        const T *k = call_.k + k_at(block), *v = call_.v + k_at(block);
        pack_keys<Chain>(k, shape.kv_stride, count, head_dim_, memory_.key_panels);
        pack_keys<Chain>(v, shape.kv_stride, count, head_dim_, memory_.value_panels);
        const DeepRows keys = deep_rows<Chain>(k, shape.kv_stride, count, head_dim_, memory_.keys);
        clear(memory_.dk);
        clear(memory_.dv);
        for (int64_t h = 0; h < group_; ++h)
            for (int64_t i = block; i < length_; i += kBlockKeys)
                add_queries(block, count, keys, h, i);
        write(memory_.dk, call_.dk + k_at(block), shape.kv_stride, count, false);
        write(memory_.dv, call_.dv + k_at(block), shape.kv_stride, count, false);
    }

    // Queries i .. i+31 of head h against the block's `count` keys; i >= block, and i = block is the diagonal.
    void add_queries(int64_t block, int64_t count, const DeepRows& keys, int64_t h, int64_t i) {
        const gb_attention_shape& shape = call_.shape;
        const int64_t rows = length_ - i < kBlockKeys ? length_ - i : kBlockKeys;
        const T *q = call_.q + q_at(h, i), *dy = dy_row(h, i);
        pack_rows<Chain>(q, shape.q_stride, rows, head_dim_, memory_.query_panels);
        pack_rows<Chain>(dy, shape.y_stride, rows, head_dim_, memory_.dy_panels);
        const int64_t words = words_of<T>(head_dim_), depth = words_of<T>(rows);
        score_rows<Chain>(memory_.query_panels, memory_.key_panels, 0, rows, words, memory_.weights);
        score_rows<Chain>(memory_.dy_panels, memory_.value_panels, 0, rows, words, memory_.dscores);
        for (int64_t r = 0; r < rows; ++r)
            differentiate(h, i + r, r, i == block ? r + 1 : kBlockKeys);
        add_weighted<Chain, 1, kBlockKeys>(deep_weights<Chain>(memory_.weights, rows, memory_.deep), nullptr,
                                           deep_rows<Chain>(dy, shape.y_stride, rows, head_dim_, memory_.dy), count,
                                           depth, width_, memory_.dv);
        add_weighted<Chain, 1, kBlockKeys>(deep_weights<Chain>(memory_.dscores, rows, memory_.deep), nullptr,
                                           deep_rows<Chain>(q, shape.q_stride, rows, head_dim_, memory_.queries), count,
                                           depth, width_, memory_.dk);
        if constexpr (!kInPlace)
            for (float* row = memory_.dscores; row < memory_.dscores + rows * kBlockKeys; row += kBlockKeys)
                store_weights<Chain>(row, load(row), load(row + kLanes));
        clear(memory_.dq);
        add_weighted<Chain, kBlockKeys, 1>(memory_.dscores, nullptr, keys, rows, words_of<T>(count), width_,
                                           memory_.dq);
        if constexpr (kInPlace)
            write(memory_.dq, call_.dq + q_at(h, i), shape.q_stride, rows, block > 0);
        else
            write(memory_.dq, dq_ + (h * length_ + i) * width_, width_, rows, block > 0);
    }

    // Row r of the tile: scores become p = exp(scale s - lse), dp becomes scale p (dp - D); 0 beyond `visible` keys.
    void differentiate(int64_t h, int64_t i, int64_t r, int64_t visible) const {
        const F16 scale = broadcast(call_.shape.scale);
        const F16 lse = broadcast(call_.lse[(token_ + i) * call_.shape.q_heads + head(h)]);
        const F16 dots = broadcast(dots_[h * length_ + i]);
        for (int64_t j = 0; j < kBlockKeys; j += kLanes) {
            float* weights = memory_.weights + r * kBlockKeys + j;
            float* dscores = memory_.dscores + r * kBlockKeys + j;
            const M16 seen = lanes_below(visible, j);
            const F16 p = select(seen, exp(fma(load(weights), scale, -lse)), zero());
            store(weights, p);
            store(dscores, select(seen, scale * (p * (load(dscores) - dots)), zero()));
        }
    }

    const AttentionBackward<T>& call_;
    const BackwardMemory& memory_;
    const int64_t kv_head_, head_dim_, width_, group_, length_, token_;
    float *const dots_, *const dq_;
};

} // namespace gimbal::GB_ISA
