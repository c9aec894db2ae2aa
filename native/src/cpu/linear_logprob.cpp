// Language-model head and logprob_gather over chunks of 128 rows: a chunk's logits are made, read and forgotten while
// they are in the cache. Rows that do not count (target -1; in the backward also those whose gradients are 0) are left
// out before the product, so they cost nothing; a row's bits do not depend on its neighbours, so leaving some out
// changes none.
#include "linear_logprob_chunk.h"

#include "cpu/checks.h"
#include "cpu/cpu.h"
#include "cpu/matmul/product.h"
#include "cpu/storage.h"
#include "packed.h"

namespace gimbal::GB_ISA {

CpuSignature<decltype(gb_logprob_gather)>::type cpu_logprob_gather;
CpuSignature<decltype(gb_logprob_gather_backward)>::type cpu_logprob_gather_backward;

namespace {

constexpr int64_t kChunk = LinearLogprobChunk::kRows;

// Rows of a call that count, up to a chunk of them at a time, gathered into the workspace.
struct Chunk {
    const void* hidden_rows; // of the call
    int64_t hidden_stride, width, vocabulary;
    const int32_t* all_targets;
    gb_dtype hidden_dtype;
    float* logits; // of the workspace
    void* hidden;
    float* dhidden;
    int64_t count = 0;
    int64_t row[kChunk]; // where the chunk's rows lie in the call
    int32_t targets[kChunk];

    Chunk(const Cpu& cpu, const void* rows, int64_t stride, const int32_t* t, int64_t total, int64_t w, int64_t v,
          gb_dtype dtype)
        : hidden_rows(rows), hidden_stride(stride), width(w), vocabulary(v), all_targets(t), hidden_dtype(dtype),
          logits(static_cast<float*>(cpu.workspace)), hidden(logits + LinearLogprobChunk::rows_of(total) * v),
          dhidden(logits + LinearLogprobChunk::rows_of(total) * (v + w)) {}

    void add(int64_t r) {
        as_stored(hidden_dtype, [&](auto stored) {
            copy_elements(stored(hidden_rows) + r * hidden_stride, stored(hidden) + count * width, width);
        });
        row[count] = r;
        targets[count++] = all_targets[r];
    }

    // logits = hidden head^T
    void project(Cpu& cpu, const void* head, const gb_packed* packed_head, gb_dtype head_dtype) const {
        multiply(cpu, {.a = hidden,
                       .b = head,
                       .packed = packed_head != nullptr ? packed_head->panels : nullptr,
                       .bias = nullptr,
                       .c = logits,
                       .m = count,
                       .n = vocabulary,
                       .k = width,
                       .lda = width,
                       .ldb = width,
                       .ldc = vocabulary,
                       .trans_a = false,
                       .trans_b = true,
                       .accumulate = false,
                       .a_dtype = hidden_dtype,
                       .b_dtype = packed_head != nullptr ? packed_head->dtype : head_dtype});
    }
};

// Calls counts(r) for every row and flush() whenever a chunk is full, and at the end.
template <class Counts, class Flush> void for_chunks(Chunk& chunk, int64_t rows, Counts&& counts, Flush&& flush) {
    for (int64_t r = 0; r < rows; ++r) {
        if (!counts(r)) continue;
        chunk.add(r);
        if (chunk.count == kChunk) {
            flush();
            chunk.count = 0;
        }
    }
    if (chunk.count > 0) flush();
}

} // namespace

void cpu_linear_logprob(Cpu& cpu, const void* hidden, const void* head, const gb_packed* packed_head,
                        const int32_t* targets, float* logprob, float* entropy, float* lse, int64_t rows, int64_t width,
                        int64_t vocabulary, int64_t hidden_stride, float temperature, gb_dtype hidden_dtype,
                        gb_dtype head_dtype) {
    require_targets(targets, rows, vocabulary, -1);
    Chunk chunk(cpu, hidden, hidden_stride, targets, rows, width, vocabulary, hidden_dtype);
    float part_logprob[kChunk], part_entropy[kChunk], part_lse[kChunk];
    const auto counts = [&](int64_t r) {
        if (targets[r] >= 0) return true;
        logprob[r] = 0.0f;
        if (entropy != nullptr) entropy[r] = 0.0f;
        if (lse != nullptr) lse[r] = 0.0f;
        return false;
    };
    for_chunks(chunk, rows, counts, [&] {
        chunk.project(cpu, head, packed_head, head_dtype);
        cpu_logprob_gather(cpu, chunk.logits, chunk.targets, part_logprob, part_entropy, part_lse, chunk.count,
                           vocabulary, vocabulary, temperature, GB_FLOAT32);
        for (int64_t i = 0; i < chunk.count; ++i) {
            logprob[chunk.row[i]] = part_logprob[i];
            if (entropy != nullptr) entropy[chunk.row[i]] = part_entropy[i];
            if (lse != nullptr) lse[chunk.row[i]] = part_lse[i];
        }
    });
}

void cpu_linear_logprob_backward(Cpu& cpu, const void* hidden, const void* head, const gb_packed* packed_head,
                                 const int32_t* targets, const float* lse, const float* entropy, const float* dlogprob,
                                 const float* dentropy, void* dhidden, float* dhead, int64_t rows, int64_t width,
                                 int64_t vocabulary, int64_t hidden_stride, float temperature, gb_dtype hidden_dtype,
                                 gb_dtype head_dtype) {
    require_targets(targets, rows, vocabulary, -1);
    Chunk chunk(cpu, hidden, hidden_stride, targets, rows, width, vocabulary, hidden_dtype);
    float part_lse[kChunk], part_entropy[kChunk], part_dlogprob[kChunk], part_dentropy[kChunk];
    const auto counts = [&](int64_t r) {
        if (targets[r] >= 0 && (dlogprob[r] != 0.0f || (dentropy != nullptr && dentropy[r] != 0.0f))) return true;
        as_stored(hidden_dtype, [&](auto stored) { clear_elements(stored(dhidden) + r * width, width); });
        return false;
    };
    for_chunks(chunk, rows, counts, [&] {
        for (int64_t i = 0; i < chunk.count; ++i) {
            const int64_t r = chunk.row[i];
            part_lse[i] = lse[r];
            part_dlogprob[i] = dlogprob[r];
            part_entropy[i] = dentropy != nullptr ? entropy[r] : 0.0f;
            part_dentropy[i] = dentropy != nullptr ? dentropy[r] : 0.0f;
        }
        chunk.project(cpu, head, packed_head, head_dtype);
        cpu_logprob_gather_backward(cpu, chunk.logits, chunk.targets, part_lse, part_entropy, part_dlogprob,
                                    part_dentropy, chunk.logits, chunk.count, vocabulary, vocabulary, temperature,
                                    GB_FLOAT32);
        Product product{.a = chunk.logits,
                        .b = head,
                        .packed = nullptr,
                        .bias = nullptr,
                        .c = chunk.dhidden,
                        .m = chunk.count,
                        .n = width,
                        .k = vocabulary,
                        .lda = vocabulary,
                        .ldb = width,
                        .ldc = width,
                        .trans_a = false,
                        .trans_b = false,
                        .accumulate = false,
                        .b_dtype = head_dtype};
        multiply(cpu, product);
        as_stored(hidden_dtype, [&](auto stored) {
            for (int64_t i = 0; i < chunk.count; ++i)
                copy_elements(chunk.dhidden + i * width, stored(dhidden) + chunk.row[i] * width, width);
        });
        if (dhead == nullptr) return;
        product.b = chunk.hidden;
        product.b_dtype = hidden_dtype;
        product.c = dhead;
        product.m = vocabulary;
        product.k = chunk.count;
        product.trans_a = true;
        product.accumulate = true;
        multiply(cpu, product);
    });
}

} // namespace gimbal::GB_ISA
