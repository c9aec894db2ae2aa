// From global to shared memory by way of registers, so that the loads of the next piece are under way while this one is
// multiplied: four elements a load, in whichever direction they are neighbours.
#pragma once

#include "matmul.h"

#include "common/vec.h"

namespace gimbal::device {

// Pieces of Extent rows and Depth columns of an operand, one after the other along the depth, moved by Threads threads.
// In shared memory element (i, d) lies at i * RowStride + d * DepthStride; one of the two strides is 1.
template <int Extent, int Depth, int Threads, int RowStride, int DepthStride> class Stage {
public:
    // Rows from `first` on of `rows`; `thread` is the caller's number among the Threads.
    GB_DEVICE Stage(const MatmulOperand& operand, int64_t first, int64_t rows, int64_t depth, int thread)
        : rows_(static_cast<int>(rows - first < Extent ? rows - first : Extent)),
          along_depth_(operand.depth_contiguous), aligned_(aligned4(operand.data) && operand.stride % 4 == 0) {
        constexpr int kDown = Depth / 4, kAcross = Extent / 4;
        row_ = along_depth_ ? thread / kDown : thread % kAcross * 4;
        depth_ = along_depth_ ? thread % kDown * 4 : thread / kAcross;
        next_row_ = along_depth_ ? Threads / kDown : 0;
        next_depth_ = along_depth_ ? 0 : Threads / kAcross;
        from_ = along_depth_ ? operand.data + (first + row_) * operand.stride + depth + depth_
                             : operand.data + (depth + depth_) * operand.stride + first + row_;
        next_ = (along_depth_ ? next_row_ : next_depth_) * operand.stride;
        advance_ = along_depth_ ? Depth : Depth * operand.stride;
    }

    // Loads the next piece, of which `depth_left` columns exist (or more).
    GB_DEVICE void fetch(int64_t depth_left) {
        const int depth = static_cast<int>(depth_left < Depth ? depth_left : Depth);
#pragma unroll
        for (int i = 0; i < kPacks; ++i) {
            const int rows = rows_ - row_ - i * next_row_, columns = depth - depth_ - i * next_depth_;
            const int count = along_depth_ ? (rows > 0 ? columns : 0) : (columns > 0 ? rows : 0);
            held_[i] = load_some(from_ + i * next_, count, aligned_);
        }
        from_ += advance_;
    }

    GB_DEVICE void put(float* shared) const {
        float* to = shared + row_ * RowStride + depth_ * DepthStride;
        const int next = next_row_ * RowStride + next_depth_ * DepthStride;
        const bool whole = along_depth_ == (DepthStride == 1);
#pragma unroll
        for (int i = 0; i < kPacks; ++i) {
            if (whole) {
                *reinterpret_cast<float4*>(to + i * next) = held_[i];
            } else {
                constexpr int kNeighbour = RowStride * DepthStride;
                to[i * next] = held_[i].x;
                to[i * next + kNeighbour] = held_[i].y;
                to[i * next + 2 * kNeighbour] = held_[i].z;
                to[i * next + 3 * kNeighbour] = held_[i].w;
            }
        }
    }

private:
    static constexpr int kPacks = Extent * Depth / 4 / Threads;
    static_assert(kPacks * 4 * Threads == Extent * Depth && (RowStride == 1 || DepthStride == 1));

    const int rows_;
    const bool along_depth_, aligned_;
    int row_, depth_;           // of the caller's first four elements
    int next_row_, next_depth_; // from one four to the next
    const float* from_;
    int64_t next_, advance_;
    float4 held_[kPacks];
};

} // namespace gimbal::device
