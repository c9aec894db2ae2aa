// Checks of index data, which only a backend can read. Compiled once, outside the instruction sets.
#pragma once

#include <cstdint>

namespace gimbal {

// Every index in `lowest`..`limit` - 1, else GB_OUT_OF_RANGE naming the row and the index. Called before the first
// write.
void require_indices(const char* name, const int32_t* indices, int64_t rows, int64_t lowest, int64_t limit);

// Every target `left_out` or in 0..vocabulary-1, else GB_OUT_OF_RANGE naming the row and the target.
void require_targets(const int32_t* targets, int64_t rows, int64_t vocabulary, int32_t left_out);

// starts (segments + 1) ascends within 0..count, else GB_OUT_OF_RANGE.
void require_segments(const char* name, const int32_t* starts, int64_t segments, int64_t count);

} // namespace gimbal
