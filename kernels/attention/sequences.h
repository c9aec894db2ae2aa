// Which rows a block of attention works on. The launcher knows how many tokens and sequences there are, not where they
// begin, so a block searches for its sequence.
#pragma once

#include "attention.h"

#include "common/vec.h"

namespace gimbal::device {

// Tiles of the sequences before `s`, and at least enough of them: floor(a + b) - floor(a) + 1 >= ceil(b).
GB_DEVICE int64_t tile_start(const AttentionSequences& sequences, int64_t s, int64_t group, int64_t tile) {
    return sequences.q_starts[s] * group / tile + s;
}

// The last sequence that starts at or before tile `b`. The lanes of a warp look at 32 places at a time.
GB_DEVICE int64_t sequence_of(const AttentionSequences& sequences, int64_t b, int64_t group, int64_t tile) {
    const int64_t lane = threadIdx.x & 31;
    int64_t first = 0;
    for (int64_t count = sequences.sequences; count > 1;) {
        const int64_t step = (count + 31) / 32;
        const bool before = lane * step < count && tile_start(sequences, first + lane * step, group, tile) <= b;
        const unsigned found = __ballot_sync(~0u, before);
        const int64_t last = found == 0 ? 0 : __popc(found) - 1;
        first += last * step;
        count = count - last * step < step ? count - last * step : step;
    }
    return first;
}

// A tile of rows of one sequence. `count` 0: nothing to do, or arrays that leave the tensors, which is reported.
struct SequenceTile {
    int64_t s, token;      // the sequence, and its first token
    int64_t queries, keys; // of the sequence
    int64_t first, count;  // rows of the tile: row r is query r / group, head r % group of the key head

    GB_DEVICE SequenceTile(const AttentionSequences& sequences, int64_t b, int64_t group, int64_t tile)
        : s(sequence_of(sequences, b, group, tile)), token(sequences.q_starts[s]),
          queries(sequences.q_starts[s + 1] - token),
          keys(sequences.k_lengths != nullptr ? sequences.k_lengths[s] : queries),
          first((b - tile_start(sequences, s, group, tile)) * tile), count(0) {
        if (!is_sound(sequences) || first >= queries * group) return;
        count = queries * group - first < tile ? queries * group - first : tile;
    }

    // Row of key j, a multiple of 32: so many keys from there on lie in consecutive rows. -1 if its page is none.
    GB_DEVICE int64_t key_row(const AttentionSequences& sequences, int64_t j) const {
        if (sequences.page_size == 0) return sequences.k_starts[s] + j;
        const int64_t entry = s * sequences.max_pages + j / sequences.page_size, page = sequences.pages[entry];
        const int64_t pages = sequences.kv_rows / sequences.page_size;
        if (page < 0 || page >= pages) {
            refuse(sequences.pages_fault, entry, page, pages);
            return -1;
        }
        return page * sequences.page_size + j % sequences.page_size;
    }

private:
    GB_DEVICE bool is_sound(const AttentionSequences& sequences) const {
        const int64_t end = token + queries;
        const bool last = s + 1 == sequences.sequences;
        if (token < 0 || queries < 0 || (last ? end != sequences.tokens : end > sequences.tokens)) {
            refuse(sequences.q_starts_fault, s + 1, end, sequences.tokens + 1);
            return false;
        }
        if (queries == 0) return true;
        const int64_t room = sequences.page_size > 0 ? sequences.max_pages * sequences.page_size : sequences.kv_rows;
        if (keys < queries || keys > room) {
            refuse(sequences.k_lengths_fault, s, keys, room + 1, queries);
            return false;
        }
        if (sequences.page_size > 0) return true;
        const int64_t start = sequences.k_starts[s], starts = sequences.kv_rows - keys + 1;
        if (start >= 0 && start < starts) return true;
        refuse(sequences.k_starts_fault, s, start, starts);
        return false;
    }

    GB_DEVICE static void refuse(const FaultSite& site, int64_t row, int64_t value, int64_t limit, int64_t lowest = 0) {
        if (threadIdx.x == 0) raise(site, row, value, limit, lowest);
    }
};

} // namespace gimbal::device
