// Tiles of a packed product: one chain of a block of K for each output, and where it goes.
#pragma once

#include "cpu/matmul/tile.h"
#include "packed.h"

#include <array>

namespace gimbal::GB_ISA {

// Where a tile's chain goes: C = [C +] chain [+ bias].
struct Output {
    float* c;
    int64_t ldc;
    const float* bias;
    int64_t columns;
    bool add;
};

template <int Rows, int Panels>
void product_tile(const float* a, const float* b, int64_t b_panel, int64_t depth, int64_t ahead, const Output& out) {
    // The outputs are needed when the chain is done: by then they are in the cache.
    unroll<Rows>([&](auto r) { unroll<Panels>([&](auto p) { prefetch(out.c + r * out.ldc + p * kLanes); }); });
    F16 sum[Rows][Panels];
    unroll<Rows>([&](auto r) { unroll<Panels>([&](auto p) { sum[r][p] = zero(); }); });
    multiply_tile<Rows, Panels, 1, Rows>(sum, a, b, b_panel, kPanelColumns, depth, ahead);
    const auto finish = [&](auto p, auto n, auto add, auto has_bias) {
        const F16 bias = has_bias ? load(out.bias + p * kLanes, n) : zero();
        unroll<Rows>([&](auto r) {
            float* c = out.c + r * out.ldc + p * kLanes;
            F16 total = sum[r][p];
            if constexpr (add) total = load(c, n) + total;
            if constexpr (has_bias) total = total + bias;
            store(c, total, n);
        });
    };
    const auto finish_all = [&](auto add, auto has_bias) {
        if (out.columns == Panels * kLanes) return unroll<Panels>([&](auto p) { finish(p, Full{}, add, has_bias); });
        unroll<Panels>([&](auto p) {
            const int64_t left = out.columns - p * kLanes;
            if (left >= kLanes)
                finish(p, Full{}, add, has_bias);
            else if (left > 0)
                finish(p, static_cast<int>(left), add, has_bias);
        });
    };
    constexpr std::true_type yes;
    constexpr std::false_type no;
    if (out.bias != nullptr)
        out.add ? finish_all(yes, yes) : finish_all(no, yes);
    else
        out.add ? finish_all(yes, no) : finish_all(no, no);
}

using TileFunction = void(const float*, const float*, int64_t, int64_t, int64_t, const Output&);

// Few rows take more panels at a time: a chain has a latency, and several must run at once to hide it; and each panel
// is a stream of memory, of which several run faster than one.
constexpr int kWidestPanels = 2 * kTilePanels;
constexpr int panels_for(int64_t rows) {
    const int fitting = static_cast<int>(kTileRows * kTilePanels / rows);
    return fitting < kWidestPanels ? fitting : kWidestPanels;
}

template <int Rows, int Panels> constexpr TileFunction* tile_of() {
    if constexpr (Panels <= panels_for(Rows)) return &product_tile<Rows, Panels>;
    return nullptr;
}
template <int Panels, int... Row> constexpr auto tile_row(std::integer_sequence<int, Row...>) {
    return std::array<TileFunction*, sizeof...(Row)>{tile_of<Row + 1, Panels>()...};
}
template <int... Panel> constexpr auto tile_table(std::integer_sequence<int, Panel...>) {
    return std::array{tile_row<Panel + 1>(std::make_integer_sequence<int, kTileRows>{})...};
}
// kTiles[panels - 1][rows - 1], for panels <= panels_for(rows).
inline constexpr auto kTiles = tile_table(std::make_integer_sequence<int, kWidestPanels>{});

} // namespace gimbal::GB_ISA
