// A block of 32 keys, and the two products that attention makes of it.
//
// Order of additions: a score is one chain of fused multiply-adds over the channels of a head, ascending, and then
// times the scale; an accumulator is one chain over the keys of the block, ascending, onto the rescaled accumulator
// before it. Keys beyond a row's position are not touched. So nothing depends on which rows share a tile: a token
// decoded alone has the bits that it has in a prefill.
#pragma once

#include "cpu/attention/sequences.h"
#include "cpu/matmul/pack.h"
#include "cpu/matmul/tile.h"
#include "packed.h"

namespace gimbal::GB_ISA {

constexpr int64_t kBlockKeys = 32;
constexpr int64_t kSplitKeys = 256;

GB_INLINE int64_t padded(int64_t head_dim) {
    return panel_count(head_dim) * kLanes;
}

// Rows of a matrix whose channels are padded with zeros to whole vectors.
struct PaddedRows {
    const float* data;
    int64_t stride;
};

// `count` rows of head_dim channels: in place if they are whole vectors of float32, else copied to `room` (count,
// padded(head_dim)).
template <class T>
GB_INLINE PaddedRows padded_rows(const T* rows, int64_t stride, int64_t count, int64_t head_dim, float* room) {
    const int64_t width = padded(head_dim);
    if constexpr (std::is_same_v<T, float>)
        if (width == head_dim) return {rows, stride};
    for (int64_t r = 0; r < count; ++r)
        for_lanes(0, head_dim, [&](int64_t d, auto n) { store(room + r * width + d, load(rows + r * stride + d, n)); });
    return {room, width};
}

// Keys (or values) of a block as two panels of 16, channel-major; keys beyond `count` are 0.
template <class T>
GB_INLINE void pack_keys(const T* keys, int64_t stride, int64_t count, int64_t head_dim, float* panels) {
    const PanelSource source{keys, stride, true};
    for (int64_t first = 0; first < kBlockKeys; first += kLanes) {
        const int64_t left = count - first;
        const int lanes = left >= kLanes ? static_cast<int>(kLanes) : left > 0 ? static_cast<int>(left) : 0;
        pack_panel<FloatChain>(source, first, 0, lanes, head_dim, kLanes, panels + first * head_dim);
    }
}

// Rows (queries) as the left panels of a product, in groups of at most kTileRows. Loses 15 floats behind the last.
template <class T>
GB_INLINE void pack_rows(const T* rows, int64_t stride, int64_t count, int64_t head_dim, float* panels) {
    const RowGroups groups(count);
    const PanelSource source{rows, stride, true};
    for (int64_t g = 0; g < groups.count; ++g) {
        const int64_t row = groups.row(g), height = groups.row(g + 1) - row;
        pack_panel<FloatChain>(source, row, 0, static_cast<int>(height), head_dim, height, panels + row * head_dim);
    }
}

// scores[r * 32 + j] = row_r . key_j for the groups of `count` packed rows that hold rows from `first` on.
inline void score_rows(const float* rows, const float* keys, int64_t first, int64_t count, int64_t head_dim,
                       float* scores) {
    const RowGroups groups(count);
    for (int64_t g = 0; g < groups.count; ++g) {
        const int64_t row = groups.row(g), end = groups.row(g + 1);
        if (end <= first) continue;
        with_rows<kTileRows>(end - row, [&](auto height) {
            constexpr int kHeight = decltype(height)::value;
            for (int64_t panel = 0; panel < kBlockKeys / kLanes; panel += kTilePanels) {
                F16 sum[kHeight][kTilePanels];
                unroll<kHeight>([&](auto r) { unroll<kTilePanels>([&](auto p) { sum[r][p] = zero(); }); });
                multiply_tile<kHeight, kTilePanels, 1, kHeight>(
                    sum, rows + row * head_dim, keys + panel * kLanes * head_dim, kLanes * head_dim, kLanes, head_dim);
                unroll<kHeight>([&](auto r) {
                    unroll<kTilePanels>(
                        [&](auto p) { store(scores + (row + r) * kBlockKeys + (panel + p) * kLanes, sum[r][p]); });
                });
            }
        });
    }
}

// out_r = factor_r out_r + sum_j weights(r, j) in_j, for `count` rows r and `depth` rows j of `width` channels (whole
// vectors). weights(r, j) is at weights[r * WeightStep + j * WeightDepth]. factors null: 1.
template <int WeightStep, int WeightDepth>
inline void add_weighted(const float* weights, const float* factors, const PaddedRows& in, int64_t count, int64_t depth,
                         int64_t width, float* out) {
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
                multiply_tile<kHeight, kPanels, WeightStep, WeightDepth>(sum, weights + row * WeightStep,
                                                                         in.data + column, kLanes, in.stride, depth);
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
