// The register tile that every matrix product of the CPU backend is made of.
//
// A tile is Rows x (16 * Panels) outputs. Each output is one chain (cpu/matmul/chain.h), depth ascending, so neither
// the tile's shape nor an output's place in it can change a bit.
#pragma once

#include "cpu/matmul/chain.h"

#include <utility>

namespace gimbal::GB_ISA {

#if defined(GB_ISA_V4)
constexpr int kTileRows = 12, kTilePanels = 2; // 24 of 32 registers accumulate
#elif defined(GB_ISA_V3)
constexpr int kTileRows = 6, kTilePanels = 1; // 12 of 16
#else
constexpr int kTileRows = 4, kTilePanels = 1;
#endif

// Calls body(0), ..., body(N - 1) with compile-time indices, so that arrays of vectors stay in registers.
template <int N, class Body> GB_INLINE void unroll(Body&& body) {
    [&]<int... I>(std::integer_sequence<int, I...>) {
        (body(std::integral_constant<int, I>{}), ...);
    }
    (std::make_integer_sequence<int, N>{});
}

// Extends the chain sum[r][p] by a(r, d) and b(d, p) for each of `depth` words, with a(r, d) at a[r * AStep + d *
// ADepth] and the 16 columns of panel p at b[p * b_panel + d * b_depth]. Calls step() beside each step of the depth.
template <class Chain, int Rows, int Panels, int AStep, int ADepth, class Step>
GB_INLINE void multiply_tile(F16 (&sum)[Rows][Panels], const float* a, const float* b, int64_t b_panel, int64_t b_depth,
                             int64_t depth, Step&& step) {
    [[maybe_unused]] const typename Chain::Mode mode;
    const auto hold = [&] {
        unroll<Rows>([&](auto r) { unroll<Panels>([&](auto p) { Chain::Mode::hold(sum[r][p]); }); });
    };
    hold();
    for (int64_t d = 0; d < depth; ++d, a += ADepth, b += b_depth) {
        F16 columns[Panels];
        unroll<Panels>([&](auto p) { columns[p] = load(b + p * b_panel); });
        step();
        unroll<Rows>([&](auto r) {
            const F16 x = broadcast(a[r * AStep]);
            unroll<Panels>([&](auto p) { sum[r][p] = Chain::link(x, columns[p], sum[r][p]); });
        });
    }
    hold();
}
template <class Chain, int Rows, int Panels, int AStep, int ADepth>
GB_INLINE void multiply_tile(F16 (&sum)[Rows][Panels], const float* a, const float* b, int64_t b_panel, int64_t b_depth,
                             int64_t depth) {
    multiply_tile<Chain, Rows, Panels, AStep, ADepth>(sum, a, b, b_panel, b_depth, depth, [] {});
}

// Calls body.template operator()<Rows>() for the run-time `rows` in 1..Maximum.
template <int Maximum, class Body> GB_INLINE void with_rows(int64_t rows, Body&& body) {
    if constexpr (Maximum > 1) {
        if (rows < Maximum) return with_rows<Maximum - 1>(rows, body);
    }
    body(std::integral_constant<int, Maximum>{});
}

// Splits `rows` into the fewest groups of at most kTileRows, as even as can be: group g starts at row(g).
struct RowGroups {
    int64_t rows, count;
    explicit RowGroups(int64_t n) : rows(n), count((n + kTileRows - 1) / kTileRows) {}
    int64_t row(int64_t group) const { return rows * group / count; }
};

} // namespace gimbal::GB_ISA
