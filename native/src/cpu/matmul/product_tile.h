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
void product_tile(const float* a, const float* b, int64_t b_panel, int64_t depth, const Output& out) {
    F16 sum[Rows][Panels];
    unroll<Rows>([&](auto r) { unroll<Panels>([&](auto p) { sum[r][p] = zero(); }); });
    multiply_tile<Rows, Panels, 1, Rows>(sum, a, b, b_panel, kPanelColumns, depth);
    const auto finish = [&](auto p, auto n) {
        const F16 bias = out.bias != nullptr ? load(out.bias + p * kLanes, n) : zero();
        unroll<Rows>([&](auto r) {
            float* c = out.c + r * out.ldc + p * kLanes;
            F16 total = sum[r][p];
            if (out.add) total = load(c, n) + total;
            if (out.bias != nullptr) total = total + bias;
            store(c, total, n);
        });
    };
    unroll<Panels>([&](auto p) {
        const int64_t left = out.columns - p * kLanes;
        if (left >= kLanes)
            finish(p, Full{});
        else if (left > 0)
            finish(p, static_cast<int>(left));
    });
}

using TileFunction = void(const float*, const float*, int64_t, int64_t, const Output&);

// Few rows take more panels at a time: a chain has a latency, and several must run at once to hide it.
constexpr int kWidePanels = 2 * kTilePanels, kWideRows = 3;

template <int Panels, int... Row> constexpr auto tile_table(std::integer_sequence<int, Row...>) {
    return std::array<TileFunction*, sizeof...(Row)>{&product_tile<Row + 1, Panels>...};
}
inline constexpr auto kTiles = tile_table<kTilePanels>(std::make_integer_sequence<int, kTileRows>{});
inline constexpr auto kNarrowTiles = tile_table<1>(std::make_integer_sequence<int, kTileRows>{});
inline constexpr auto kWideTiles = tile_table<kWidePanels>(std::make_integer_sequence<int, kWideRows>{});

} // namespace gimbal::GB_ISA
