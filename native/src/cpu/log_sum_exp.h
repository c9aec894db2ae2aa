// The log-sum-exp of a row of logits: the one routine behind logprob_gather, linear_logprob, cross_entropy and
// sample_token, so that the log-probability a sampler records has the bits of the one that training computes.
//
// The vocabulary goes in blocks of 512 from 0. A block is reduced to (max, sum exp(z - max), sum exp(z - max)(z - max))
// in sixteen float lanes and the fixed tree; blocks are combined in ascending order, in double. A block of -inf only
// adds nothing; a NaN anywhere makes the sums NaN.
#pragma once

#include "cpu/bfloat16.h"
#include "cpu/math.h"

namespace gimbal::GB_ISA {

constexpr int64_t kVocabularyBlock = 512;
// The sums of a block must wait for its maximum, so the maxima of so many blocks are taken together, while the sums of
// those before them ask for their logits.
constexpr int64_t kBlocksTogether = 4;

// z = logits / T, taken as one product with 1/T; the product with 1 is exact, so T = 1 needs no case of its own.
template <class T, class Lanes> GB_INLINE F16 load_scaled(const T* logits, F16 inverse_temperature, Lanes n) {
    return load(logits, n, -kInfinity) * inverse_temperature;
}

struct LogSumExpBlock {
    float max, sum, weighted;
};

template <class T> GB_INLINE float highest_logit(const T* logits, int64_t count, F16 inverse_temperature) {
    F16 highest = broadcast(-kInfinity);
    for_lanes(0, count,
              [&](int64_t j, auto n) { highest = max(load_scaled(logits + j, inverse_temperature, n), highest); });
    return reduce_max(highest);
}

template <class T>
GB_INLINE LogSumExpBlock log_sum_exp_block(const T* logits, int64_t count, F16 inverse_temperature, float highest) {
    // With -inf as the shift, -inf - -inf would be NaN.
    const F16 shift = broadcast(highest == -kInfinity ? 0.0f : highest);
    F16 sum = zero(), weighted = zero();
    for_lanes(0, count, [&](int64_t j, auto n) {
        prefetch(logits + j + kBlocksTogether * kVocabularyBlock);
        const F16 d = load_scaled(logits + j, inverse_temperature, n) - shift;
        const F16 p = exp(d);
        sum = sum + p;
        weighted = fma(p, max(d, broadcast(-200.0f)), weighted); // where p = 0, d may be -inf
    });
    return {highest, reduce_add(sum), reduce_add(weighted)};
}

// The running combination over blocks, added in ascending order.
struct LogSumExp {
    float max = -kInfinity;
    double sum = 0;      // sum_j exp(z_j - max)
    double weighted = 0; // sum_j exp(z_j - max) (z_j - max)

    GB_INLINE void add(const LogSumExpBlock& block) {
        if (block.sum == 0.0f) return;
        if (block.max > max) {
            if (sum != 0) {
                const double shift = max - block.max, factor = exp1(max - block.max);
                weighted = (weighted + sum * shift) * factor;
                sum *= factor;
            }
            max = block.max;
            sum += block.sum;
            weighted += block.weighted;
        } else {
            const double shift = block.max - max, factor = exp1(block.max - max);
            sum += block.sum * factor;
            weighted += (block.weighted + block.sum * shift) * factor;
        }
    }

    // ln sum_j exp(z_j - max); NaN for a row of -inf only.
    GB_INLINE float log_sum() const { return sum == 0 ? kInfinity - kInfinity : log1(static_cast<float>(sum)); }
    // ln sum_j exp z_j - sum_j p_j z_j; the shift by max cancels.
    GB_INLINE float entropy() const { return log_sum() - static_cast<float>(weighted / sum); }
    GB_INLINE float lse() const { return max + log_sum(); }
    // z_target - lse, without the rounding of a large lse.
    GB_INLINE float logprob(float z) const { return (z - max) - log_sum(); }
};

template <class T> GB_INLINE LogSumExp log_sum_exp(const T* logits, int64_t vocabulary, float inverse_temperature) {
    const F16 scale = broadcast(inverse_temperature);
    const auto count = [&](int64_t j) { return vocabulary - j < kVocabularyBlock ? vocabulary - j : kVocabularyBlock; };
    LogSumExp total;
    constexpr int64_t kTogether = kBlocksTogether * kVocabularyBlock;
    for (int64_t first = 0; first < vocabulary; first += kTogether) {
        const int64_t end = vocabulary - first < kTogether ? vocabulary : first + kTogether;
        float highest[kBlocksTogether];
        for (int64_t j = first, b = 0; j < end; j += kVocabularyBlock, ++b)
            highest[b] = highest_logit(logits + j, count(j), scale);
        for (int64_t j = first, b = 0; j < end; j += kVocabularyBlock, ++b)
            total.add(log_sum_exp_block(logits + j, count(j), scale, highest[b]));
    }
    return total;
}

} // namespace gimbal::GB_ISA
