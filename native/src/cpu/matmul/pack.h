// Packing: a block of a matrix, rewritten in the order in which the tile kernels read it.
//
// A panel is up to 16 rows of op(A), or 16 columns of op(B), stored depth-major in words of 32 bits: a float32, or a
// pair of bfloat16 that are neighbours in depth (the second 0 behind an odd depth). Word w of line i is at panel[w *
// step + i].
#pragma once

#include "cpu/matmul/chain.h"
#include "cpu/simd.h"
#include "cpu/transpose.h"

#include <type_traits>

namespace gimbal::GB_ISA {

// A matrix as packing sees it: element (i, p), i along the panel and p along the depth.
template <class T> struct PanelSource {
    const T* data;
    int64_t stride;
    bool depth_contiguous; // (i, p) at i * stride + p, else at p * stride + i

    const T* at(int64_t i, int64_t p) const { return depth_contiguous ? data + i * stride + p : data + p * stride + i; }
};
template <class T> PanelSource(const T*, int64_t, bool) -> PanelSource<T>;

// Sixteen words along the depth: of 16 kPerWord elements, or the first `left` of them and zeros.
template <class Chain, class T> GB_INLINE F16 words_along(const T* from, Full) {
    if constexpr (std::is_same_v<typename Chain::Element, float>)
        return load(from);
    else if constexpr (std::is_same_v<T, float>)
        return Chain::round_pairs(load(from), load(from + kLanes));
    else
        return pairs(load_halves(from), load_halves(from + kLanes));
}
template <class Chain, class T> GB_INLINE F16 words_along(const T* from, int left) {
    constexpr int kHalf = static_cast<int>(kLanes);
    const int first = left < kHalf ? left : kHalf, second = left - first;
    if constexpr (std::is_same_v<typename Chain::Element, float>)
        return load(from, left);
    else if constexpr (std::is_same_v<T, float>)
        return Chain::round_pairs(load(from, first), second > 0 ? load(from + kLanes, second) : zero());
    else
        return pairs(load_halves(from, first), second > 0 ? load_halves(from + kLanes, second) : zero_halves());
}

// One word each of n neighbouring lines, whose elements of the next depth are `stride` away, `left` of the depth left.
template <class Chain, class T, class Lanes>
GB_INLINE F16 words_across(const T* from, [[maybe_unused]] int64_t stride, [[maybe_unused]] int64_t left, Lanes n) {
    if constexpr (std::is_same_v<typename Chain::Element, float>)
        return load(from, n);
    else if constexpr (std::is_same_v<T, float>)
        return Chain::round_interleave(load(from, n), left > 1 ? load(from + stride, n) : zero());
    else
        return interleave(load_halves(from, n), left > 1 ? load_halves(from + stride, n) : zero_halves());
}

// Steps of the depth between what is packed and what is asked of memory.
constexpr int64_t kAheadSteps = 16;
template <int64_t Count, class T> GB_INLINE void prefetch_lines(const T* from, int64_t stride) {
    for (int64_t i = 0; i < Count; ++i)
        prefetch(from + i * stride);
}

// Packs lines i .. i+count-1 (count <= 16), p .. p+depth-1 of the source, with zeros in lanes count .. step-1. Writes
// whole vectors in ascending order: where step < 16 the excess is overwritten by the next, and 15 words behind the
// last are lost. Calls beside() with every line that is transposed.
template <class Chain, class T, class Beside>
GB_INLINE void pack_panel(const PanelSource<T>& source, int64_t i, int64_t p, int count, int64_t depth, int64_t step,
                          float* panel, Beside&& beside) {
    constexpr int64_t kPer = kPerWord<typename Chain::Element>, kStep = kLanes * kPer;
    const T* from = source.at(i, p);
    if (!source.depth_contiguous) {
        const auto pack = [&](auto lanes) {
            for (int64_t d = 0; d < depth; d += kPer, panel += step) {
                if constexpr (std::is_same_v<decltype(lanes), Full>)
                    prefetch_lines<kPer>(from + (d + kAheadSteps) * source.stride, source.stride);
                store(panel, words_across<Chain>(from + d * source.stride, source.stride, depth - d, lanes));
            }
        };
        return count == kLanes ? pack(Full{}) : pack(count);
    }
    // Calls body(d, elements, words) for every 16 words of the depth.
    const auto for_steps = [&](auto&& body) {
        int64_t d = 0;
        for (; d + kStep <= depth; d += kStep)
            body(d, Full{}, Full{});
        if (d < depth)
            body(d, static_cast<int>(depth - d), static_cast<int>(words_of<typename Chain::Element>(depth - d)));
    };
    if (count == 1 && step == 1)
        return for_steps([&](int64_t d, auto elements, auto words) {
            store(panel + d / kPer, words_along<Chain>(from + d, elements), words);
        });
    const auto transpose_all = [&](auto lines) {
        for_steps([&](int64_t d, auto elements, auto words) {
            F16 r[16];
            for (int line = 0; line < 16; ++line) {
                const bool is_line = std::is_same_v<decltype(lines), Full> || line < count;
                r[line] = is_line ? words_along<Chain>(from + line * source.stride + d, elements) : zero();
                beside();
            }
            transpose(r);
            int64_t lanes = kLanes;
            if constexpr (std::is_same_v<decltype(words), int>) lanes = words;
            for (int64_t lane = 0; lane < lanes; ++lane)
                store(panel + (d / kPer + lane) * step, r[lane]);
        });
    };
    count == kLanes ? transpose_all(Full{}) : transpose_all(count);
}
template <class Chain, class T>
GB_INLINE void pack_panel(const PanelSource<T>& source, int64_t i, int64_t p, int count, int64_t depth, int64_t step,
                          float* panel) {
    pack_panel<Chain>(source, i, p, count, depth, step, panel, [] {});
}

// Where a panel of several goes: lines first .. first+count-1 (count <= 16), as many to a step of the depth.
struct PanelPlace {
    int64_t first, count;
    float* panel;
};

// Packs `panels` panels of a source whose lines are contiguous, from line i on: all panels of a step of the depth
// before the next step, so that the source is read as it lies. place(n) says where panel n goes.
template <class Chain, class T, class Place>
GB_INLINE void pack_lines(const PanelSource<T>& source, int64_t i, int64_t p, int64_t panels, int64_t depth,
                          Place&& place) {
    constexpr int64_t kMost = 16, kPer = kPerWord<typename Chain::Element>;
    const int64_t words = words_of<typename Chain::Element>(depth);
    // Panels a multiple of 4 KiB apart are written to one set of the first-level cache.
    const int64_t together = words % 256 == 0 ? 8 : kMost;
    for (int64_t begin = 0; begin < panels; begin += together) {
        const int64_t some = panels - begin < together ? panels - begin : together;
        PanelPlace places[kMost];
        for (int64_t n = 0; n < some; ++n)
            places[n] = place(begin + n);
        // Whole vectors; what a step writes too much is overwritten by the next; at the end, no more than the panel's
        // own.
        for (int64_t w = 0; w < words; ++w)
            for (int64_t n = 0; n < some; ++n) {
                const PanelPlace& to = places[n];
                const int count = static_cast<int>(to.count);
                const int64_t at = w * to.count;
                const T* from = source.at(i + to.first, p + w * kPer);
                prefetch_lines<kPer>(from + kAheadSteps * source.stride, source.stride);
                const F16 lines = words_across<Chain>(from, source.stride, depth - w * kPer, count);
                if (at + kLanes <= words * to.count)
                    store(to.panel + at, lines);
                else
                    store(to.panel + at, lines, count);
            }
    }
}

} // namespace gimbal::GB_ISA
