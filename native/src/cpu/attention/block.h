// A block of 32 keys, and the two products that attention makes of it.
//
// Order of additions: a score is one chain (cpu/matmul/chain.h) over the channels of a head, ascending, and then times
// the scale; an accumulator is one chain over the keys of the block, ascending, onto the rescaled accumulator before
// it. Keys beyond a row's position weigh 0 or are not touched. Of bfloat16, the weights are rounded to it as well. So
// nothing depends on which rows share a tile: a token decoded alone has the bits that it has in a prefill.
#pragma once

#include "cpu/attention/sequences.h"
#include "cpu/matmul/pack.h"
#include "cpu/matmul/tile.h"
#include "packed.h"

namespace gimbal::GB_ISA {

constexpr int64_t kBlockKeys = 32;
constexpr int64_t kSplitKeys = 256;

// What the steps below call beside their work, unless they are told what.
struct Nothing {
    GB_INLINE void operator()() const {}
};

GB_INLINE int64_t padded(int64_t head_dim) {
    return panel_count(head_dim) * kLanes;
}

// Rows of a matrix as the right side of a product over them: a row for each word of the depth, its channels padded with
// zeros to whole vectors.
struct DeepRows {
    const float* data;
    int64_t stride;
};

// `count` rows of head_dim channels: in place where no more is wanted, else in `room` (count, padded(head_dim)).
template <class Chain, class T>
GB_INLINE DeepRows deep_rows(const T* rows, int64_t stride, int64_t count, int64_t head_dim, float* room) {
    constexpr int64_t kPer = kPerWord<T>;
    const int64_t width = padded(head_dim);
    if (kPer == 1 && width == head_dim) return {reinterpret_cast<const float*>(rows), stride};
    for (int64_t r = 0; r < count; r += kPer)
        for_lanes(0, head_dim, [&](int64_t d, auto n) {
            store(room + r / kPer * width + d, words_across<Chain>(rows + r * stride + d, stride, count - r, n));
        });
    return {room, width};
}

// Keys (or values) of a block as two panels of 16, channel-major; keys beyond `count` are 0.
template <class Chain, class T, class Beside = Nothing>
GB_INLINE void pack_keys(const T* keys, int64_t stride, int64_t count, int64_t head_dim, float* panels,
                         Beside&& beside = {}) {
    const PanelSource source{keys, stride, true};
    for (int64_t first = 0; first < kBlockKeys; first += kLanes) {
        const int64_t left = count - first;
        const int lanes = left >= kLanes ? static_cast<int>(kLanes) : left > 0 ? static_cast<int>(left) : 0;
        pack_panel<Chain>(source, first, 0, lanes, head_dim, kLanes, panels + first * words_of<T>(head_dim),
                          beside);
    }
}

// Rows (queries) as the left panels of a product, in groups of at most kTileRows. Loses 15 words behind the last.
template <class Chain, class T>
GB_INLINE void pack_rows(const T* rows, int64_t stride, int64_t count, int64_t head_dim, float* panels) {
    const RowGroups groups(count);
    const PanelSource source{rows, stride, true};
    for (int64_t g = 0; g < groups.count; ++g) {
        const int64_t row = groups.row(g), height = groups.row(g + 1) - row;
        pack_panel<Chain>(source, row, 0, static_cast<int>(height), head_dim, height,
                          panels + row * words_of<T>(head_dim));
    }
}

// Weights of a row over the keys of a block, as the left side of a product over the keys.
template <class Chain> GB_INLINE void store_weights(float* weights, F16 low, F16 high) {
    if constexpr (std::is_same_v<Chain, FloatChain>) {
        store(weights, low);
        store(weights + kLanes, high);
    } else {
        store(weights, Chain::round_pairs(low, high));
    }
}

// Weights (count, 32) as the left side of a product over the rows: a word of all keys after the other.
template <class Chain>
GB_INLINE const float* deep_weights(const float* weights, [[maybe_unused]] int64_t count,
                                    [[maybe_unused]] float* room) {
    if constexpr (std::is_same_v<Chain, FloatChain>) {
        return weights;
    } else {
        for (int64_t r = 0; r < count; r += 2)
            for (int64_t j = 0; j < kBlockKeys; j += kLanes) {
                const float* row = weights + r * kBlockKeys + j;
                const F16 next = r + 1 < count ? load(row + kBlockKeys) : zero();
                store(room + r / 2 * kBlockKeys + j, Chain::round_interleave(load(row), next));
            }
        return room;
    }
}

// scores[r * 32 + j] = row_r . key_j for the groups of `count` packed rows that hold rows from `first` on; `words` of
// the depth in each.
template <class Chain, class Beside = Nothing>
inline void score_rows(const float* rows, const float* keys, int64_t first, int64_t count, int64_t words, float* scores,
                       Beside&& beside = {}) {
    const RowGroups groups(count);
    for (int64_t g = 0; g < groups.count; ++g) {
        const int64_t row = groups.row(g), end = groups.row(g + 1);
        if (end <= first) continue;
        with_rows<kTileRows>(end - row, [&](auto height) {
            constexpr int kHeight = decltype(height)::value;
            for (int64_t panel = 0; panel < kBlockKeys / kLanes; panel += kTilePanels) {
                F16 sum[kHeight][kTilePanels];
                unroll<kHeight>([&](auto r) { unroll<kTilePanels>([&](auto p) { sum[r][p] = zero(); }); });
                multiply_tile<Chain, kHeight, kTilePanels, 1, kHeight>(
                    sum, rows + row * words, keys + panel * kLanes * words, kLanes * words, kLanes, words,
                    beside);
                unroll<kHeight>([&](auto r) {
                    unroll<kTilePanels>(
                        [&](auto p) { store(scores + (row + r) * kBlockKeys + (panel + p) * kLanes, sum[r][p]); });
                });
            }
        });
    }
}

// out_r = factor_r out_r + sum_j weights(r, j) in_j, for `count` rows r and `words` of the depth j, of `width` channels
// (whole vectors). Word j of weights(r) is at weights[r * WeightStep + j * WeightDepth]. factors null: 1.
template <class Chain, int WeightStep, int WeightDepth, class Beside = Nothing>
inline void add_weighted(const float* weights, const float* factors, const DeepRows& in, int64_t count, int64_t words,
                         int64_t width, float* out, Beside&& beside = {}) {
    const RowGroups groups(count);
    for (int64_t g = 0; g < groups.count; ++g) {
        const int64_t row = groups.row(g);
        with_rows<kTileRows>(groups.row(g + 1) - row, [&](auto height) {
            const auto columns = [&](int64_t column, auto panels) {
                constexpr int kHeight = decltype(height)::value, kPanels = decltype(panels)::value;
                F16 sum[kHeight][kPanels];
                unroll<kHeight>([&](auto r) {
                    const F16 factor = factors != nullptr ? broadcast(factors[row + r]) : broadcast(1.0f);
                    unroll<kPanels>(
                        [&](auto p) { sum[r][p] = factor * load(out + (row + r) * width + column + p * kLanes); });
                });
                multiply_tile<Chain, kHeight, kPanels, WeightStep, WeightDepth>(
                    sum, weights + row * WeightStep, in.data + column, kLanes, in.stride, words, beside);
                unroll<kHeight>([&](auto r) {
                    unroll<kPanels>([&](auto p) { store(out + (row + r) * width + column + p * kLanes, sum[r][p]); });
                });
            };
            int64_t column = 0;
            for (; column + kTilePanels * kLanes <= width; column += kTilePanels * kLanes)
                columns(column, std::integral_constant<int, kTilePanels>{});
            for (; column < width; column += kLanes)
                columns(column, std::integral_constant<int, 1>{});
        });
    }
}

} // namespace gimbal::GB_ISA
