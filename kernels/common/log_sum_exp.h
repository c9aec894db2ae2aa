// The log-sum-exp of a row of logits, with the bits of native/src/cpu/log_sum_exp.h: the one routine behind
// logprob_gather, linear_logprob, cross_entropy and sample_token.
//
// A thread block to a row. A team of sixteen threads reduces a block of 512 logits, which it holds in registers: one
// read. The blocks' (max, sum, weighted) wait in shared memory; one warp combines them, ascending, in double. What
// makes that chain slow on the CPU, an exponential for each block, depends on the maxima alone: it is taken for 32
// blocks at once, and two additions a block are left.
#pragma once

#include "common/log_sum_exp_shape.h"
#include "common/reduce.h"
#include "common/vec.h"

namespace gimbal::device {

struct LogSumExpBlock {
    float max, sum, weighted;
};

struct KeepNothing {
    GB_DEVICE void operator()(int64_t, float) const {}
};

// The logits of a block that the calling thread's lane holds, z = logits / T taken as one product with 1/T.
struct HeldLogits {
    static constexpr int kCount = kVocabularyBlock / kLanes;
    float z[kCount];

    // `count` of the block's logits are there, the others count as -inf. keep(j, z) sees the j-th as it is stored.
    template <class T, class Keep>
    GB_DEVICE void load(const T* logits, int count, float inverse_temperature, Keep keep) {
        const int lane = team_lane();
        if (count == kVocabularyBlock) {
#pragma unroll
            for (int k = 0; k < kCount; ++k)
                z[k] = device::load(logits + lane + k * kLanes);
        } else {
#pragma unroll
            for (int k = 0; k < kCount; ++k)
                z[k] = lane + k * kLanes < count ? device::load(logits + lane + k * kLanes) : -kInfinity;
        }
#pragma unroll
        for (int k = 0; k < kCount; ++k) {
            keep(lane + k * kLanes, z[k]);
            z[k] = z[k] * inverse_temperature;
        }
    }

    // Without kWeighted that sum, which only the entropy needs, is 0.
    template <bool kWeighted> GB_DEVICE LogSumExpBlock reduce() const {
        float highest = -kInfinity;
#pragma unroll
        for (int k = 0; k < kCount; ++k)
            highest = max(z[k], highest);
        highest = max_team(highest);
        // With -inf as the shift, -inf - -inf would be NaN.
        const float shift = highest == -kInfinity ? 0.0f : highest;
        float sum = 0.0f, weighted = 0.0f;
#pragma unroll
        for (int k = 0; k < kCount; ++k) {
            const float d = z[k] - shift;
            const float p = exp(d);
            sum = sum + p;
            if constexpr (kWeighted) weighted = fma(p, max(d, -200.0f), weighted); // where p = 0, d may be -inf
        }
        return {highest, sum_team(sum), kWeighted ? sum_team(weighted) : 0.0f};
    }

    // Sum of the block's logits, in sixteen double lanes.
    GB_DEVICE double total(int count) const {
        double sum = 0;
#pragma unroll
        for (int k = 0; k < kCount; ++k)
            if (team_lane() + k * kLanes < count) sum += static_cast<double>(z[k]);
        return sum_team(sum);
    }
};

struct LogSumExp {
    float max;
    double sum;           // sum_j exp(z_j - max)
    double weighted;      // sum_j exp(z_j - max) (z_j - max)
    double logits;        // sum_j z_j, where it was asked for
    int64_t block_of_max; // of the vocabulary, the first whose max is max; 0 if max is -inf

    // ln sum_j exp(z_j - max); NaN for a row of -inf only.
    GB_DEVICE float log_sum() const { return sum == 0 ? kInfinity - kInfinity : log(static_cast<float>(sum)); }
    // ln sum_j exp z_j - sum_j p_j z_j; the shift by max cancels.
    GB_DEVICE float entropy() const { return log_sum() - static_cast<float>(weighted / sum); }
    GB_DEVICE float lse() const { return max + log_sum(); }
    // z_target - lse, without the rounding of a large lse.
    GB_DEVICE float logprob(float z) const { return (z - max) - log_sum(); }

    // Adds `count` blocks from first_block on, ascending; a warp together, every lane with the same result. A block
    // whose max lies below what came before is scaled down to it; one above scales down what came before.
    GB_DEVICE void add(const LogSumExpBlock* blocks, int64_t first_block, int count) {
        const int lane = static_cast<int>(threadIdx.x) & 31;
        for (int first = 0; first < count; first += 32) {
            const LogSumExpBlock block =
                first + lane < count ? blocks[first + lane] : LogSumExpBlock{-kInfinity, 0.0f, 0.0f};
            const bool present = block.sum != 0.0f; // a block of -inf only adds nothing
            // The highest max up to the lane's block, then up to the one before it. Of equal ones the first.
            float highest = present ? block.max : -kInfinity;
            for (int offset = 1; offset < 32; offset *= 2) {
                const float earlier = __shfl_up_sync(~0u, highest, offset);
                if (lane >= offset) highest = device::max(highest, earlier);
            }
            highest = device::max(highest, max);
            float before = __shfl_up_sync(~0u, highest, 1);
            if (lane == 0) before = max;
            const bool rises = present && block.max > before;
            const float difference = rises ? before - block.max : block.max - before;
            const double shift = static_cast<double>(difference), factor = static_cast<double>(exp(difference));
            const double block_sum = static_cast<double>(block.sum),
                         block_weighted = static_cast<double>(block.weighted);
            double adds_sum = 0, adds_weighted = 0;
            if (present) {
                adds_sum = rises ? block_sum : block_sum * factor;
                adds_weighted = rises ? block_weighted : (block_weighted + block_sum * shift) * factor;
            }
            const unsigned rising = __ballot_sync(~0u, rises);
            if (rising != 0) block_of_max = first_block + first + 31 - __clz(static_cast<int>(rising));
            const int last = count - first < 32 ? count - first : 32;
            for (int group = 0; group < last; group += 8) // the absent add 0
#pragma unroll
                for (int k = 0; k < 8; ++k) {
                    const int i = group + k;
                    if ((rising >> i & 1u) != 0 && sum != 0) {
                        const double by = __shfl_sync(~0u, factor, i);
                        weighted = (weighted + sum * __shfl_sync(~0u, shift, i)) * by;
                        sum *= by;
                    }
                    sum += __shfl_sync(~0u, adds_sum, i);
                    weighted += __shfl_sync(~0u, adds_weighted, i);
                }
            max = __shfl_sync(~0u, highest, 31);
        }
    }
};

// Every thread of the block gets the row's; all call together. Without kEntropy there is no entropy; with the sum of
// the logits, if it is asked for. keep(j, z) sees logit j as it is stored, -inf up to the end of the last block.
template <bool kEntropy, class T, class Keep = KeepNothing>
GB_DEVICE LogSumExp log_sum_exp(const T* logits, int64_t vocabulary, float inverse_temperature,
                                bool with_logits = false, Keep keep = {}) {
    constexpr int kWave = 512; // blocks in shared memory at a time
    GB_SHARED(LogSumExpBlock, blocks, kWave);
    GB_SHARED(double, totals, kWave);
    GB_SHARED(LogSumExp, result, 1);
    const int team = static_cast<int>(threadIdx.x) / kLanes, teams = static_cast<int>(blockDim.x) / kLanes;
    LogSumExp all{-kInfinity, 0, 0, 0, 0};
    for (int64_t first = 0; first < vocabulary; first += kWave * kVocabularyBlock) {
        const int64_t left = (vocabulary - first + kVocabularyBlock - 1) / kVocabularyBlock;
        const int wave = static_cast<int>(left < kWave ? left : kWave);
        // Both teams of a warp go round together: the second may be past the end, with a block of no logits.
        for (int i = team; i - team % 2 < wave; i += teams) {
            const int64_t begin = first + static_cast<int64_t>(i) * kVocabularyBlock;
            const int64_t rest = begin < vocabulary ? vocabulary - begin : 0;
            const int count = static_cast<int>(rest < kVocabularyBlock ? rest : kVocabularyBlock);
            HeldLogits held;
            held.load(logits + begin, count, inverse_temperature, [&](int j, float z) { keep(begin + j, z); });
            const LogSumExpBlock block = held.reduce<kEntropy>();
            if (team_lane() == 0 && i < wave) blocks[i] = block;
            if (with_logits) {
                const double total = held.total(count);
                if (team_lane() == 0 && i < wave) totals[i] = total;
            }
        }
        __syncthreads();
        if (threadIdx.x < 32) {
            all.add(blocks, first / kVocabularyBlock, wave);
            if (with_logits)
                for (int i = 0; i < wave; ++i)
                    all.logits += totals[i];
        }
        __syncthreads();
    }
    if (threadIdx.x == 0) result[0] = all;
    __syncthreads();
    return result[0];
}

} // namespace gimbal::device
