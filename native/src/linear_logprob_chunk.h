// The workspace of linear_logprob: one chunk of rows, gathered from those that count.
//
//   logits (chunk, vocabulary) | hidden (chunk, width) | dhidden (chunk, width)
//
// and behind it, for a device whose host cannot see which rows count:
//
//   rows that count (rows) | their number in each chunk | targets, logprob, entropy, lse, dlogprob, dentropy (chunk)
#pragma once

#include <cstdint>

namespace gimbal {

struct LinearLogprobChunk {
    static constexpr int64_t kRows = 128;
    static constexpr int64_t kColumns = 6; // of numbers that each row of a chunk has

    static constexpr int64_t rows_of(int64_t rows) { return rows < kRows ? rows : kRows; }
    static constexpr int64_t chunks(int64_t rows) { return (rows + kRows - 1) / kRows; }

    // A pure function of shapes; forward and backward alike, so that one plan serves both.
    static constexpr int64_t bytes(int64_t rows, int64_t width, int64_t vocabulary) {
        return (rows_of(rows) * (vocabulary + 2 * width + kColumns) + rows + chunks(rows)) *
               static_cast<int64_t>(sizeof(float));
    }
};

} // namespace gimbal
