// gb_packed: a right-hand matrix in the layout of the kernels. A CUDA device reads the matrix where it lies.
//
// On the CPU columns lie in panels of 16, zero beyond n; each panel holds all of K, depth-major, in words of 32 bits: a
// float32, or the bfloat16 of two neighbouring k (the second 0 behind an odd K):
//
//   panel j:  k=0: columns 16j .. 16j+15 | k=1: columns 16j .. 16j+15 | ... | k=K-1           (float32)
//   panel j:  k=0, 1: columns 16j .. 16j+15 | k=2, 3: columns 16j .. 16j+15 | ... | k=K-2, K-1 (bfloat16)
//
// so that a kernel of any width reads whole panels side by side, and a block of K is a contiguous piece of each. The
// layout is the same on every instruction set.
#pragma once

#include "gimbal.h"

#include <cstdint>

struct gb_packed {
    int64_t n = 0, k = 0;
    gb_dtype dtype = GB_FLOAT32;
    bool filled = false; // holds a matrix, the one of `version`
    uint64_t version = 0;
    float* panels = nullptr; // of the CPU; null on other devices
    // Of a CUDA device: the matrix as gb_packed_update was given it.
    const void* source = nullptr;
    int64_t source_stride = 0;
    bool source_transposed = false;

    gb_packed() = default;
    gb_packed(const gb_packed&) = delete;
    gb_packed& operator=(const gb_packed&) = delete;
    ~gb_packed();
};

namespace gimbal {

// Words of a panel's column.
constexpr int64_t packed_words(int64_t k, gb_dtype dtype) {
    return dtype == GB_BFLOAT16 ? (k + 1) / 2 : k;
}
constexpr int64_t kPanelColumns = 16;
constexpr int64_t panel_count(int64_t n) {
    return (n + kPanelColumns - 1) / kPanelColumns;
}

} // namespace gimbal
