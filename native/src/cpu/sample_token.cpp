// Draws one token per row. The log-probability is logprob_gather's own routine; the draw is the inverse of the
// cumulative distribution, in blocks of the vocabulary in ascending order, so that it depends on the row and its Philox
// numbers alone.
#include "cpu/cpu.h"
#include "cpu/log_sum_exp.h"
#include "cpu/rows.h"
#include "cpu/scratch.h"
#include "cpu/storage.h"
#include "cpu/truncation.h"
#include "status.h"

#include "common/philox.h"

#include <atomic>

namespace gimbal::GB_ISA {
namespace {

// The lowest index of the largest logit; 0 in a row without one.
int32_t largest(const float* logits, int64_t vocabulary, float inverse_temperature, float max) {
    const F16 scale = broadcast(inverse_temperature), wanted = broadcast(max);
    for (int64_t j = 0; j < vocabulary; j += kLanes) {
        const int n = vocabulary - j < kLanes ? static_cast<int>(vocabulary - j) : 16;
        const uint32_t hit = bits(load_scaled(logits + j, scale, n) == wanted) & ((1u << n) - 1u);
        if (hit != 0) return static_cast<int32_t>(j) + std::countr_zero(hit);
    }
    return 0;
}

double block_sum(const float* p, int64_t begin, int64_t vocabulary) {
    const int64_t end = vocabulary - begin < kVocabularyBlock ? vocabulary : begin + kVocabularyBlock;
    F16 sum = zero();
    for_lanes(begin, end, [&](int64_t j, auto n) { sum = sum + load(p + j, n); });
    return static_cast<double>(reduce_add(sum));
}

struct Drawn {
    int64_t token; // -1: the row has no probabilities (NaN, or -inf only)
    double mass;   // sum of p
};

// The first token at which the running sum of p exceeds u times the whole.
Drawn draw(const float* p, int64_t vocabulary, double u) {
    double mass = 0, before = 0;
    for (int64_t j = 0; j < vocabulary; j += kVocabularyBlock)
        mass += block_sum(p, j, vocabulary);
    const double target = u * mass;
    int64_t token = -1;
    for (int64_t j = 0; j < vocabulary; j += kVocabularyBlock) {
        const double sum = block_sum(p, j, vocabulary);
        if (before + sum > target) {
            for (int64_t i = j; i < vocabulary && i < j + kVocabularyBlock; ++i) {
                if (p[i] == 0.0f) continue;
                token = i; // the last one, if the block's sum was rounded up
                before += static_cast<double>(p[i]);
                if (before > target) break;
            }
            break;
        }
        before += sum;
    }
    return {token, mass};
}

// A row as floats: where it lies, or widened. Null if there is no memory.
const float* float_row(const void* logits, int64_t first, int64_t vocabulary, gb_dtype dtype) {
    if (dtype == GB_FLOAT32) return static_cast<const float*>(logits) + first;
    float* row = scratch(Scratch::tile, vocabulary);
    if (row != nullptr) copy_elements(static_cast<const bf16*>(logits) + first, row, vocabulary);
    return row;
}

} // namespace

void cpu_sample_token(Cpu& cpu, const void* logits, const int64_t* samples, const int32_t* positions,
                      const gb_step_state* state, int32_t* tokens, float* logprob, float* truncated_logprob,
                      int64_t rows, int64_t vocabulary, int64_t logits_stride, const gb_sampling* sampling,
                      gb_dtype dtype) {
    const bool greedy = sampling->temperature == 0;
    const float inverse_temperature = greedy ? 1.0f : 1.0f / sampling->temperature;
    const bool by_k = sampling->top_k > 0 && sampling->top_k < vocabulary, by_top_p = sampling->top_p < 1;
    std::atomic<bool> no_memory{false};
    for_rows(cpu.threads, rows, vocabulary, [&](int64_t r) {
        const float* z = float_row(logits, r * logits_stride, vocabulary, dtype);
        if (z == nullptr) {
            no_memory.store(true, std::memory_order_relaxed);
            return;
        }
        if (logprob == nullptr) { // greedy
            tokens[r] = largest(z, vocabulary, 1.0f, highest_logit(z, vocabulary, broadcast(1.0f)));
            return;
        }
        const LogSumExp total = log_sum_exp(z, vocabulary, inverse_temperature);
        int64_t token = -1;
        float truncated = 0;
        if (!greedy) {
            float* p = scratch(Scratch::rows, vocabulary);
            if (p == nullptr) {
                no_memory.store(true, std::memory_order_relaxed);
                return;
            }
            const F16 scale = broadcast(inverse_temperature), max16 = broadcast(total.max);
            for_lanes(0, vocabulary,
                      [&](int64_t j, auto n) { store(p + j, exp(load_scaled(z + j, scale, n) - max16), n); });
            const SampledRow row{z, inverse_temperature, vocabulary, p};
            const bool numbers = total.sum > 0; // not NaN
            if (by_k && numbers) keep_top_k(row, sampling->top_k);
            if (by_top_p && numbers) keep_top_p(row, sampling->top_p);
            if (sampling->min_p > 0 && numbers) keep_min_p(row, sampling->min_p);
            const double u = uniform(philox(state->seed, sampling->purpose, state->step, samples[r], positions[r]));
            const Drawn drawn = draw(p, vocabulary, u);
            token = drawn.token;
            if (token >= 0) truncated = (row.z(token) - total.max) - log1(static_cast<float>(drawn.mass));
        }
        if (token < 0) token = largest(z, vocabulary, inverse_temperature, total.max);
        tokens[r] = static_cast<int32_t>(token);
        logprob[r] = total.logprob(z[token] * inverse_temperature);
        if (truncated_logprob == nullptr) return;
        const bool whole = !greedy && !by_k && !by_top_p && !(sampling->min_p > 0);
        truncated_logprob[r] = whole || logprob[r] != logprob[r] ? logprob[r] : truncated;
    });
    if (no_memory.load()) throw Error(GB_OUT_OF_MEMORY, "no memory for a row of probabilities");
}

} // namespace gimbal::GB_ISA
