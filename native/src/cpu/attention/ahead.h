// Asking memory for the keys and values that a tile comes to next, beside its work.
#pragma once

#include "cpu/simd.h"

namespace gimbal::GB_ISA {

// Rows of keys, then as many of values, whose cache lines are asked for in the order in which they lie, one with every
// step of the tile's work: hints that come faster than memory answers are dropped. A head's share of a block has as
// many lines as the work on it has steps, in either type.
class RowsAhead {
public:
    RowsAhead() = default;
    RowsAhead(const void* keys, const void* values, int64_t stride_bytes, int64_t row_bytes, int64_t rows)
        : row_(static_cast<const char*>(keys)), values_(static_cast<const char*>(values)), stride_(stride_bytes) {
        const bool is_dense = stride_bytes == row_bytes; // then all rows are one
        length_ = is_dense ? rows * row_bytes : row_bytes;
        of_values_ = is_dense ? 1 : rows;
        left_ = 2 * of_values_;
        line_ = row_;
        end_ = row_ + length_;
    }

    GB_INLINE void step() {
        if (line_ >= end_ && !turn()) return;
        prefetch(line_);
        line_ += kCacheLine;
    }

private:
    // To the next row, if there is one.
    bool turn() {
        if (left_ == 0 || --left_ == 0) return false;
        row_ = left_ == of_values_ ? values_ : row_ + stride_;
        line_ = row_;
        end_ = row_ + length_;
        return true;
    }

    const char *line_ = nullptr, *end_ = nullptr; // of the row that is being asked for
    const char *row_ = nullptr, *values_ = nullptr;
    int64_t stride_ = 0, length_ = 0;  // of a row, in bytes
    int64_t left_ = 0, of_values_ = 0; // rows not yet asked for in full, and how many hold values
};

} // namespace gimbal::GB_ISA
