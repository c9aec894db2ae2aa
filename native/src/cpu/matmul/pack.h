// Packing: a block of a matrix, rewritten in the order in which the tile kernels read it.
//
// A panel is up to 16 rows of op(A), or 16 columns of op(B), stored depth-major: element (i, p) at panel[p * step + i].
#pragma once

#include "cpu/simd.h"
#include "cpu/transpose.h"

#include <type_traits>

namespace gimbal::GB_ISA {

// A matrix as packing sees it: element (i, p), i along the panel and p along the depth.
struct PanelSource {
    const float* data;
    int64_t stride;
    bool depth_contiguous; // (i, p) at i * stride + p, else at p * stride + i

    const float* at(int64_t i, int64_t p) const {
        return depth_contiguous ? data + i * stride + p : data + p * stride + i;
    }
};

// Packs lines i .. i+count-1 (count <= 16), p .. p+depth-1 of the source, with zeros in lanes count .. step-1. Writes
// whole vectors in ascending order: where step < 16 the excess is overwritten by the next, and 15 floats behind the
// last are lost.
GB_INLINE void pack_panel(const PanelSource& source, int64_t i, int64_t p, int count, int64_t depth, int64_t step,
                          float* panel) {
    const float* from = source.at(i, p);
    if (!source.depth_contiguous) {
        if (count == kLanes) {
            for (int64_t d = 0; d < depth; ++d) {
                prefetch(from + (d + 16) * source.stride);
                store(panel + d * step, load(from + d * source.stride));
            }
        } else {
            for (int64_t d = 0; d < depth; ++d)
                store(panel + d * step, load(from + d * source.stride, count));
        }
        return;
    }
    if (count == 1 && step == 1) {
        for_lanes(0, depth, [&](int64_t d, auto n) { store(panel + d, load(from + d, n), n); });
        return;
    }
    for_lanes(0, depth, [&](int64_t d, auto n) {
        F16 r[16];
        for (int line = 0; line < 16; ++line)
            r[line] = line < count ? load(from + line * source.stride + d, n) : zero();
        transpose(r);
        int64_t lanes = kLanes;
        if constexpr (std::is_same_v<decltype(n), int>) lanes = n;
        for (int64_t lane = 0; lane < lanes; ++lane)
            store(panel + (d + lane) * step, r[lane]);
    });
}

// Where a panel of several goes: lines first .. first+count-1 (count <= 16), as many to a step of the depth.
struct PanelPlace {
    int64_t first, count;
    float* panel;
};

// Packs `panels` panels of a source whose lines are contiguous, from line i on: all panels of a step of the depth
// before the next step, so that the source is read as it lies. place(n) says where panel n goes.
template <class Place>
GB_INLINE void pack_lines(const PanelSource& source, int64_t i, int64_t p, int64_t panels, int64_t depth,
                          Place&& place) {
    constexpr int64_t kMost = 16, kAheadSteps = 16;
    // Panels a multiple of 4 KiB apart are written to one set of the first-level cache.
    const int64_t together = depth % 256 == 0 ? 8 : kMost;
    for (int64_t begin = 0; begin < panels; begin += together) {
        const int64_t some = panels - begin < together ? panels - begin : together;
        PanelPlace places[kMost];
        for (int64_t n = 0; n < some; ++n)
            places[n] = place(begin + n);
        // Whole vectors; what a step writes too much is overwritten by the next; at the end, no more than the panel's
        // own.
        for (int64_t d = 0; d < depth; ++d)
            for (int64_t n = 0; n < some; ++n) {
                const PanelPlace& to = places[n];
                const int count = static_cast<int>(to.count);
                const int64_t at = d * to.count;
                const float* from = source.at(i + to.first, p + d);
                prefetch(from + kAheadSteps * source.stride);
                const F16 lines = load(from, count);
                if (at + kLanes <= depth * to.count)
                    store(to.panel + at, lines);
                else
                    store(to.panel + at, lines, count);
            }
    }
}

} // namespace gimbal::GB_ISA
