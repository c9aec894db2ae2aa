// The sequences of an attention call, as their index arrays describe them. Compiled once, outside the instruction sets.
#pragma once

#include "gimbal.h"

#include <cstdint>

namespace gimbal {

struct Sequences {
    const int32_t* q_starts;
    const int32_t* k_starts;  // null with pages
    const int32_t* k_lengths; // null: as many keys as queries
    const int32_t* pages;
    int64_t page_size, max_pages;

    int64_t queries(int64_t s) const { return q_starts[s + 1] - q_starts[s]; }
    int64_t keys(int64_t s) const { return k_lengths != nullptr ? k_lengths[s] : queries(s); }
    // Row of key j; 32 keys from a multiple of 32 on lie in consecutive rows.
    int64_t key_row(int64_t s, int64_t j) const {
        return page_size > 0 ? pages[s * max_pages + j / page_size] * page_size + j % page_size : k_starts[s] + j;
    }
};

struct SequenceSummary {
    int64_t most_queries = 0; // of a sequence
    double scores = 0;        // pairs of query and key, roughly
};

// Refuses arrays that leave the tensors: GB_OUT_OF_RANGE, naming the sequence. Called before the first write.
SequenceSummary require_sequences(const Sequences& sequences, const gb_attention_shape& shape);

} // namespace gimbal
