// Which rows a block of attention works on. The launcher knows how many tokens and sequences there are, not where they
// begin, so a block searches for its sequence.
#pragma once

#include "attention.h"

#include "common/vec.h"

namespace gimbal::device {

// Rows of all sequences cut into tiles of `tile`, `group` rows to a token, none of which crosses a sequence. Before
// sequence s there are at least as many numbers as tiles: floor(a + b) - floor(a) + 1 >= ceil(b).
struct Tiling {
    int64_t group, tile;
    GB_DEVICE int64_t start(const AttentionSequences& sequences, int64_t s) const {
        return sequences.q_starts[s] * group / tile + s;
    }
};

// Every token by itself.
struct Tokens {
    GB_DEVICE int64_t start(const AttentionSequences& sequences, int64_t s) const { return sequences.q_starts[s]; }
};

// The last sequence that starts at or before `b`. The lanes of a warp look at 32 places at a time.
template <class Starts>
GB_DEVICE int64_t sequence_of(const AttentionSequences& sequences, const Starts& starts, int64_t b) {
    const int64_t lane = threadIdx.x & 31;
    int64_t first = 0;
    for (int64_t count = sequences.sequences; count > 1;) {
        const int64_t step = (count + 31) / 32;
        const bool before = lane * step < count && starts.start(sequences, first + lane * step) <= b;
        const unsigned found = __ballot_sync(~0u, before);
        const int64_t last = found == 0 ? 0 : __popc(found) - 1;
        first += last * step;
        count = count - last * step < step ? count - last * step : step;
    }
    return first;
}

// Sequence s as the arrays describe it.
struct Sequence {
    int64_t s, token;      // the sequence, and its first token
    int64_t queries, keys; // how many of each

    GB_DEVICE Sequence(const AttentionSequences& sequences, int64_t number)
        : s(number), token(sequences.q_starts[s]), queries(sequences.q_starts[s + 1] - token),
          keys(sequences.k_lengths != nullptr ? sequences.k_lengths[s] : queries) {}

    // False, and a fault, for arrays that leave the tensors.
    GB_DEVICE bool is_sound(const AttentionSequences& sequences) const {
        const int64_t end = token + queries;
        const bool last = s + 1 == sequences.sequences;
        if (token < 0 || queries < 0 || (last ? end != sequences.tokens : end > sequences.tokens)) {
            refuse(sequences.q_starts_fault, s + 1, end, sequences.tokens + 1);
            return false;
        }
        if (queries == 0) return true;
        const bool paged = sequences.page_size > 0;
        const int64_t room = paged ? sequences.max_pages * sequences.page_size : sequences.kv_rows;
        const int64_t most = room < sequences.max_length ? room : sequences.max_length;
        if (keys < queries || keys > most) {
            refuse(sequences.k_lengths_fault, s, keys, most + 1, queries);
            return false;
        }
        if (paged) return true;
        const int64_t start = sequences.k_starts[s], starts = sequences.kv_rows - keys + 1;
        if (start >= 0 && start < starts) return true;
        refuse(sequences.k_starts_fault, s, start, starts);
        return false;
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
    GB_DEVICE static void refuse(FaultSite site, int64_t row, int64_t value, int64_t limit, int64_t lowest = 0) {
        if ((threadIdx.x & 31) == 0) raise(site, row, value, limit, lowest);
    }
};

// Tile b of the rows of all sequences. `count` 0: nothing to do, or a fault.
struct SequenceTile : Sequence {
    int64_t first, count; // row r is query r / group, head r % group of the key head

    GB_DEVICE SequenceTile(const AttentionSequences& sequences, const Tiling& tiling, int64_t b)
        : Sequence(sequences, sequence_of(sequences, tiling, b)), first((b - tiling.start(sequences, s)) * tiling.tile),
          count(0) {
        const int64_t rows = queries * tiling.group;
        if (!is_sound(sequences) || first >= rows) return;
        count = rows - first < tiling.tile ? rows - first : tiling.tile;
    }
};

} // namespace gimbal::device
