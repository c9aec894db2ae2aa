// Causal grouped-query attention. Forward: parallel over sequences, key heads and tiles of queries; each tile walks the
// keys that its queries see, a block of 32 at a time (cpu/attention/block.h has the order of additions). Backward:
// parallel over sequences and key heads. Arithmetic bound in prefill, memory bound in decode: keys and values are read
// once per key head.
#include "cpu/attention/backward.h"
#include "cpu/attention/forward.h"
#include "cpu/cpu.h"
#include "cpu/scratch.h"
#include "cpu/storage.h"
#include "cpu/team.h"

#include <atomic>
#include <new>

namespace gimbal::GB_ISA {
namespace {

constexpr int64_t kFewQueries = 4;     // of a sequence: its keys are used less often than they cost to fetch
constexpr double kSmallWork = 1 << 18; // multiply-adds that are not worth a second thread

// Runs body(task) on the team; a body that finds no memory returns false.
template <class Body> void run_tasks(int threads, int64_t tasks, Body&& body) {
    std::atomic<bool> failed{false};
    Team::run(threads, tasks, [&](int64_t task) {
        if (!body(task)) failed = true;
    });
    if (failed) throw std::bad_alloc();
}

// Decoding waits for its keys rather than for its arithmetic: far less of it is worth a second thread.
int threads_for(const Cpu& cpu, const SequenceSummary& summary, const gb_attention_shape& shape) {
    const double work = summary.scores * static_cast<double>(shape.q_heads * shape.head_dim);
    return work < (summary.most_queries <= kFewQueries ? kSmallWork / 16 : kSmallWork) ? 1 : cpu.threads;
}

template <class Chain> void attend(const Cpu& cpu, const AttentionForward<typename Chain::Element>& call) {
    const gb_attention_shape& shape = call.shape;
    const SequenceSummary summary = require_sequences(call.sequences, shape);
    const int64_t positions = call.positions();
    const int64_t tiles = (summary.most_queries + positions - 1) / positions;
    // Few queries a sequence read its keys cold: several heads in one task then, so that whole rows come from memory.
    const bool is_decoding = summary.most_queries <= kFewQueries;
    const int64_t fitting = is_decoding ? shape.kv_heads * shape.sequences / (2 * cpu.threads) : 1;
    const int64_t together = fitting < 1 ? 1 : fitting < kMostHeads ? fitting : kMostHeads;
    const int64_t parts = (shape.kv_heads + together - 1) / together;
    const auto heads_from = [&](int64_t head) {
        return shape.kv_heads - head < together ? shape.kv_heads - head : together;
    };
    run_tasks(threads_for(cpu, summary, shape), shape.sequences * parts * tiles, [&](int64_t task) {
        // Late tiles see the most keys: first, so that no thread is left with one at the end.
        const int64_t tile = tiles - 1 - task / (shape.sequences * parts);
        const int64_t s = task / parts % shape.sequences, first = tile * positions;
        const int64_t left = call.sequences.queries(s) - first;
        if (left <= 0) return true;
        const int64_t count = left < positions ? left : positions, head = task % parts * together;
        const int64_t heads = heads_from(head), rows = heads * count * call.group();
        TileMemory memory;
        float* base = scratch(Scratch::tile, memory.carve(nullptr, rows, shape.head_dim));
        if (base == nullptr) return false;
        memory.carve(base, rows, shape.head_dim);
        // What this thread will come to if all keep step.
        const int64_t next = task + cpu.threads, next_head = next % parts * together;
        RowsAhead ahead;
        if (is_decoding) ahead = call.rows_ahead(next / parts, 0, next_head, heads_from(next_head));
        ForwardTile<Chain>(call, memory, ahead, s, head, heads, first, count).run();
        return true;
    });
}

template <class Chain> void attend_backward(const Cpu& cpu, const AttentionBackward<typename Chain::Element>& call) {
    const gb_attention_shape& shape = call.shape;
    const SequenceSummary summary = require_sequences(call.sequences, shape);
    const int64_t heads = shape.kv_heads;
    run_tasks(threads_for(cpu, summary, shape), shape.sequences * heads, [&](int64_t task) {
        const int64_t s = task / heads, queries = call.sequences.queries(s);
        if (queries == 0) return true;
        BackwardMemory memory;
        float* base = scratch(Scratch::tile, memory.carve(nullptr, shape.head_dim));
        float* rows = scratch(Scratch::rows, queries * call.group() * BackwardHead<Chain>::row_floats(shape.head_dim));
        if (base == nullptr || rows == nullptr) return false;
        memory.carve(base, shape.head_dim);
        BackwardHead<Chain>(call, memory, rows, s, task % heads).run();
        return true;
    });
}

} // namespace

void cpu_attention(Cpu& cpu, const void* q, const void* k, const void* v, const int32_t* q_starts,
                   const int32_t* k_starts, const int32_t* k_lengths, const int32_t* pages, void* y, float* lse,
                   const gb_attention_shape* shape) {
    as_stored(shape->dtype, [&](auto stored) {
        using T = typename decltype(stored)::Element;
        const AttentionForward<T> call{
            stored(q), stored(k), stored(v), {q_starts, k_starts, k_lengths, pages, shape->page_size, shape->max_pages},
            stored(y), lse,       *shape};
        with_chain<T>([&](auto chain) { attend<decltype(chain)>(cpu, call); });
    });
}

void cpu_attention_backward(Cpu& cpu, const void* q, const void* k, const void* v, const void* y, const float* lse,
                            const void* dy, const int32_t* q_starts, void* dq, void* dk, void* dv,
                            const gb_attention_shape* shape) {
    as_stored(shape->dtype, [&](auto stored) {
        using T = typename decltype(stored)::Element;
        const AttentionBackward<T> call{stored(q),
                                        stored(k),
                                        stored(v),
                                        stored(y),
                                        lse,
                                        stored(dy),
                                        {q_starts, q_starts, nullptr, nullptr, 0, 0},
                                        stored(dq),
                                        stored(dk),
                                        stored(dv),
                                        *shape};
        with_chain<T>([&](auto chain) { attend_backward<decltype(chain)>(cpu, call); });
    });
}

} // namespace gimbal::GB_ISA
