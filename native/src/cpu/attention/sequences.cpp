#include "cpu/attention/sequences.h"

#include "cpu/checks.h"
#include "status.h"

#include <string>

namespace gimbal {
namespace {

void require(const char* name, int64_t index, int64_t got, int64_t lowest, int64_t highest) {
    if (got >= lowest && got <= highest) return;
    throw Error(GB_OUT_OF_RANGE, std::string(name) + "[" + std::to_string(index) + "]: wanted " +
                                     std::to_string(lowest) + " to " + std::to_string(highest) + ", got " +
                                     std::to_string(got));
}

} // namespace

SequenceSummary require_sequences(const Sequences& sequences, const gb_attention_shape& shape) {
    require_segments("q_starts", sequences.q_starts, shape.sequences, shape.tokens);
    require("q_starts", 0, sequences.q_starts[0], 0, 0);
    require("q_starts", shape.sequences, sequences.q_starts[shape.sequences], shape.tokens, shape.tokens);
    SequenceSummary summary;
    for (int64_t s = 0; s < shape.sequences; ++s) {
        const int64_t queries = sequences.queries(s), keys = sequences.keys(s);
        if (queries > summary.most_queries) summary.most_queries = queries;
        summary.scores += static_cast<double>(queries) * static_cast<double>(keys);
        if (queries == 0) continue;
        const int64_t room = shape.page_size > 0 ? shape.max_pages * shape.page_size : shape.kv_rows;
        require("k_lengths", s, keys, queries, room);
        if (shape.page_size == 0) {
            require("k_starts", s, sequences.k_starts[s], 0, shape.kv_rows - keys);
            continue;
        }
        const int64_t used = (keys + shape.page_size - 1) / shape.page_size;
        for (int64_t page = s * shape.max_pages; page < s * shape.max_pages + used; ++page)
            require("pages", page, sequences.pages[page], 0, shape.kv_rows / shape.page_size - 1);
    }
    return summary;
}

} // namespace gimbal
