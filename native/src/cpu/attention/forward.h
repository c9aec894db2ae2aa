// Forward attention of one tile: some positions of one sequence, all query heads of one key head or of several.
//
// A row is a position and a query head; the rows of a key head lie together. Per split of 256 keys it holds a maximum,
// a sum and an accumulator; the first split is gathered in place, each later one afresh and then merged into it,
// ascending.
#pragma once

#include "cpu/attention/ahead.h"
#include "cpu/attention/block.h"
#include "cpu/math.h"
#include "cpu/storage.h"

namespace gimbal::GB_ISA {

constexpr int64_t kTileQueries = 64; // rows that share a block's transposition
constexpr int64_t kMostHeads = 8;    // key heads of a tile

template <class T> struct AttentionForward {
    const T *q, *k, *v;
    Sequences sequences;
    T* y;
    float* lse;
    gb_attention_shape shape;

    int64_t group() const { return shape.q_heads / shape.kv_heads; }
    int64_t positions() const { return group() < kTileQueries ? kTileQueries / group() : 1; }

    int64_t key_offset(int64_t s, int64_t key, int64_t kv_head) const {
        return sequences.key_row(s, key) * shape.kv_stride + kv_head * shape.head_dim;
    }

    // The block of sequence s from `key` on, or nothing where nobody asks for it.
    RowsAhead rows_ahead(int64_t s, int64_t key, int64_t kv_head, int64_t heads) const {
        if (s >= shape.sequences || sequences.queries(s) == 0 || key >= sequences.keys(s)) return {};
        const int64_t size = static_cast<int64_t>(sizeof(T)), left = sequences.keys(s) - key;
        const int64_t offset = key_offset(s, key, kv_head), rows = left < kBlockKeys ? left : kBlockKeys;
        return {k + offset, v + offset, shape.kv_stride * size, heads * shape.head_dim * size, rows};
    }
};

// maximum (rows), sum (rows), accumulator (rows, width) of the softmax over some keys.
struct RowStates {
    float *maximum, *sum, *accumulator;

    // The state of no key at all.
    void clear(int64_t rows, int64_t width) const {
        for (int64_t r = 0; r < rows; ++r)
            maximum[r] = -kInfinity;
        for (int64_t i = 0; i < rows * width; ++i)
            accumulator[i] = 0.0f;
    }
};

struct TileMemory {
    float *queries, *query_panels, *key_panels, *values, *scores, *factors, *lane_sums;
    RowStates total, part;

    // Carves the pieces from `base`, or only counts them if it is null; `rows` of all heads. Every piece is a multiple
    // of 16 floats.
    int64_t carve(float* base, int64_t rows, int64_t head_dim) {
        const int64_t width = padded(head_dim), lanes = (rows + kLanes - 1) / kLanes * kLanes;
        int64_t used = 0;
        const auto take = [&](float*& piece, int64_t count) {
            piece = base + used;
            used += (count + kLanes - 1) / kLanes * kLanes;
        };
        take(queries, rows * head_dim);
        take(query_panels, rows * head_dim + kLanes);
        take(key_panels, kBlockKeys * head_dim);
        take(values, kBlockKeys * width);
        take(scores, rows * kBlockKeys);
        take(factors, lanes);
        take(lane_sums, rows * kLanes);
        for (RowStates* states : {&total, &part}) {
            take(states->maximum, lanes);
            take(states->sum, lanes);
            take(states->accumulator, rows * width);
        }
        return used;
    }
};

// Adds a split to the splits before it. The one place where splits meet, in prefill and decode alike.
GB_INLINE void merge_split(const RowStates& total, const RowStates& part, int64_t row, int64_t width) {
    const float maximum = total.maximum[row] > part.maximum[row] ? total.maximum[row] : part.maximum[row];
    const F16 scale_total = exp(broadcast(total.maximum[row] - maximum));
    const F16 scale_part = exp(broadcast(part.maximum[row] - maximum));
    const float sum = first_lane(fma(broadcast(total.sum[row]), scale_total, broadcast(part.sum[row]) * scale_part));
    float* into = total.accumulator + row * width;
    const float* from = part.accumulator + row * width;
    for (int64_t d = 0; d < width; d += kLanes)
        store(into + d, fma(load(into + d), scale_total, load(from + d) * scale_part));
    total.maximum[row] = maximum;
    total.sum[row] = sum;
}

template <class Chain> class ForwardTile {
    using T = typename Chain::Element;

public:
    // Positions first .. first+positions-1 of the queries of sequence s, for `heads` key heads from kv_head on. While
    // it works it asks memory for its next block and, at its last one, for `next`.
    ForwardTile(const AttentionForward<T>& call, TileMemory& memory, const RowsAhead& next, int64_t s, int64_t kv_head,
                int64_t heads, int64_t first, int64_t positions)
        : call_(call), memory_(memory), next_(next), s_(s), kv_head_(kv_head), heads_(heads),
          head_dim_(call.shape.head_dim), width_(padded(head_dim_)), group_(call.group()), rows_(positions * group_),
          keys_(call.sequences.keys(s)), position_(keys_ - call.sequences.queries(s) + first),
          token_(call.sequences.q_starts[s] + first) {}

    void run() {
        load_queries();
        const int64_t end = position_ + rows_ / group_; // keys before it
        for (int64_t split = 0; split < end; split += kSplitKeys) {
            const RowStates& states = split == 0 ? memory_.total : memory_.part;
            states.clear(heads_ * rows_, width_);
            for (int64_t i = 0; i < heads_ * rows_ * kLanes; i += kLanes)
                store(memory_.lane_sums + i, zero());
            for (int64_t block = split; block < end && block < split + kSplitKeys; block += kBlockKeys) {
                ahead_ = block + kBlockKeys < end ? call_.rows_ahead(s_, block + kBlockKeys, kv_head_, heads_) : next_;
                add_block(states, block);
            }
            for_rows_from(first_row(split), [&](int64_t row, int64_t) {
                states.sum[row] = reduce_add(load(memory_.lane_sums + row * kLanes));
                if (split > 0) merge_split(memory_.total, memory_.part, row, width_);
            });
        }
        write();
    }

private:
    // The first of a head's rows whose position reaches the key.
    int64_t first_row(int64_t key) const { return key > position_ ? (key - position_) * group_ : 0; }

    // Calls body(row of the tile, row of the head) for every head's rows from `first` on.
    template <class Body> void for_rows_from(int64_t first, Body&& body) const {
        for (int64_t h = 0; h < heads_; ++h)
            for (int64_t r = first; r < rows_; ++r)
                body(h * rows_ + r, r);
    }

    int64_t query_head(int64_t row) const { return (kv_head_ + row / rows_) * group_ + row % group_; }

    void load_queries() {
        T* queries = reinterpret_cast<T*>(memory_.queries);
        for_rows_from(0, [&](int64_t row, int64_t r) {
            const T* from = call_.q + (token_ + r / group_) * call_.shape.q_stride + query_head(row) * head_dim_;
            copy_elements(from, queries + row * head_dim_, head_dim_);
        });
        for (int64_t h = 0; h < heads_; ++h)
            pack_rows<Chain>(queries + h * rows_ * head_dim_, head_dim_, rows_, head_dim_, query_panels(h));
    }

    float* query_panels(int64_t h) const { return memory_.query_panels + h * rows_ * words_of<T>(head_dim_); }

    // Scores of all heads, then their weights together: what one head's maximum waits for, the others' fill.
    void add_block(const RowStates& states, int64_t block) {
        const int64_t count = keys_ - block < kBlockKeys ? keys_ - block : kBlockKeys, first = first_row(block);
        const int64_t offset = call_.key_offset(s_, block, kv_head_), stride = call_.shape.kv_stride;
        for (int64_t h = 0; h < heads_; ++h) {
            pack_keys<Chain>(call_.k + offset + h * head_dim_, stride, count, head_dim_, memory_.key_panels, fetch_);
            score_rows<Chain>(query_panels(h), memory_.key_panels, first, rows_, words_of<T>(head_dim_),
                              memory_.scores + h * rows_ * kBlockKeys, fetch_);
        }
        weigh(states, block, first);
        // Rows that see the whole block together; those on the diagonal position by position.
        const int64_t whole = first_row(block + count - 1);
        for (int64_t h = 0; h < heads_; ++h) {
            const DeepRows values =
                deep_rows<Chain>(call_.v + offset + h * head_dim_, stride, count, head_dim_, memory_.values);
            for (int64_t r = first; r < whole && r < rows_; r += group_)
                add_values(states, values, h * rows_ + r, group_, position_ + r / group_ - block + 1);
            if (whole < rows_) add_values(states, values, h * rows_ + whole, rows_ - whole, count);
        }
    }

    void add_values(const RowStates& states, const DeepRows& values, int64_t row, int64_t rows, int64_t depth) {
        add_weighted<Chain, kBlockKeys, 1>(memory_.scores + row * kBlockKeys, memory_.factors + row, values, rows,
                                           words_of<T>(depth), width_, states.accumulator + row * width_,
                                           fetch_);
    }

    // Scores become weights exp(s - maximum); factors = exp(old maximum - maximum) rescale what was gathered before.
    void weigh(const RowStates& states, int64_t block, int64_t first) {
        const F16 scale = broadcast(call_.shape.scale);
        for_rows_from(first, [&](int64_t row, int64_t r) {
            float* s = memory_.scores + row * kBlockKeys;
            const int64_t visible = position_ + r / group_ - block + 1;
            F16 low = load(s) * scale, high = load(s + kLanes) * scale;
            if (visible < kBlockKeys) {
                low = select(lanes_below(visible, 0), low, broadcast(-kInfinity));
                high = select(lanes_below(visible, kLanes), high, broadcast(-kInfinity));
            }
            store(s, low);
            store(s + kLanes, high);
            const float before = states.maximum[row], here = reduce_max(max(low, high));
            states.maximum[row] = here > before ? here : before;
            memory_.factors[row] = before - base(states.maximum[row]);
        });
        // Those of rows that see nothing of the block are not looked at.
        const int64_t end = heads_ * rows_;
        for (int64_t row = first; row < end; row += kLanes) {
            const int n = end - row < kLanes ? static_cast<int>(end - row) : static_cast<int>(kLanes);
            store(memory_.factors + row, exp(load(memory_.factors + row, n)), n);
        }
        for_rows_from(first, [&](int64_t row, int64_t) {
            float* s = memory_.scores + row * kBlockKeys;
            float* sums = memory_.lane_sums + row * kLanes;
            const F16 maximum = broadcast(base(states.maximum[row]));
            const F16 low = exp(load(s) - maximum), high = exp(load(s + kLanes) - maximum);
            store_weights<Chain>(s, low, high);
            store(sums, fma(load(sums), broadcast(memory_.factors[row]), low + high));
        });
    }

    // What is subtracted before exp: nothing while every score was -infinity, so that no NaN arises.
    static float base(float maximum) { return maximum == -kInfinity ? 0.0f : maximum; }

    void write() const {
        const RowStates& total = memory_.total;
        for_rows_from(0, [&](int64_t row, int64_t r) {
            const int64_t token = token_ + r / group_, head = query_head(row);
            T* y = call_.y + token * call_.shape.y_stride + head * head_dim_;
            const F16 inverse = broadcast(1.0f) / broadcast(total.sum[row]);
            const float* accumulator = total.accumulator + row * width_;
            for_lanes(0, head_dim_, [&](int64_t d, auto n) { store(y + d, load(accumulator + d) * inverse, n); });
            if (call_.lse != nullptr)
                call_.lse[token * call_.shape.q_heads + head] = total.maximum[row] + log1(total.sum[row]);
        });
    }

    const AttentionForward<T>& call_;
    TileMemory& memory_;
    RowsAhead ahead_;
    struct {
        RowsAhead& ahead;
        GB_INLINE void operator()() const { ahead.step(); }
    } fetch_{ahead_};
    const RowsAhead next_;
    const int64_t s_, kv_head_, heads_, head_dim_, width_, group_, rows_, keys_, position_, token_;
};

} // namespace gimbal::GB_ISA
