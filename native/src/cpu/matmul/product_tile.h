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

// What a tile asks memory for beside its work, at the pace of its work: hints that come faster than memory answers are
// dropped. Any address will do.
struct Ahead {
    const float* b; // a piece of the panels of a later tile, `b_panel` apart as its own
    int64_t b_step; // floats of it for each step of the depth
    const float* c; // the first output of the next tile, ldc as its own
};

// Fewer rows run as fast as memory streams by itself.
constexpr int kFetchingRows = 3;

template <class Chain, int Rows, int Panels>
void product_tile(const float* a, const float* b, int64_t b_panel, int64_t depth, const Ahead& ahead,
                  const Output& out) {
    F16 sum[Rows][Panels];
    unroll<Rows>([&](auto r) { unroll<Panels>([&](auto p) { sum[r][p] = zero(); }); });
    const float *next_b = ahead.b, *next_c = ahead.c;
    // In as many pieces as there are rows, a row of the next outputs with each.
    for (int64_t r = 0, begin = 0; r < Rows; ++r, next_c += out.ldc) {
        unroll<Panels>([&](auto p) { prefetch(next_c + p * kLanes); });
        const int64_t end = depth * (r + 1) / Rows;
        multiply_tile<Chain, Rows, Panels, 1, Rows>(
            sum, a + begin * Rows, b + begin * kPanelColumns, b_panel, kPanelColumns, end - begin, [&] {
                if constexpr (Rows >= kFetchingRows)
                    unroll<Panels>([&](auto p) { prefetch_far(next_b + p * b_panel); });
                next_b += ahead.b_step;
            });
        begin = end;
    }
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

using TileFunction = void(const float*, const float*, int64_t, int64_t, const Ahead&, const Output&);

// Few rows take more panels at a time: a chain has a latency, and several must run at once to hide it; and each panel
// is a stream of memory, of which several run faster than one.
constexpr int kWidestPanels = 2 * kTilePanels;
constexpr int panels_for(int64_t rows) {
    const int fitting = static_cast<int>(kTileRows * kTilePanels / rows);
    return fitting < kWidestPanels ? fitting : kWidestPanels;
}

template <class Chain, int Rows, int Panels> constexpr TileFunction* tile_of() {
    if constexpr (Panels <= panels_for(Rows)) return &product_tile<Chain, Rows, Panels>;
    return nullptr;
}
template <class Chain, int Panels, int... Row> constexpr auto tile_row(std::integer_sequence<int, Row...>) {
    return std::array<TileFunction*, sizeof...(Row)>{tile_of<Chain, Row + 1, Panels>()...};
}
template <class Chain, int... Panel> constexpr auto tile_table(std::integer_sequence<int, Panel...>) {
    return std::array{tile_row<Chain, Panel + 1>(std::make_integer_sequence<int, kTileRows>{})...};
}
// kTiles<Chain>[panels - 1][rows - 1], for panels <= panels_for(rows).
template <class Chain>
inline constexpr auto kTiles = tile_table<Chain>(std::make_integer_sequence<int, kWidestPanels>{});

} // namespace gimbal::GB_ISA
