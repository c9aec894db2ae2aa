// sample_token: draws a token a row from softmax(logits / T) after top-k, top-p and min-p; greedy at T = 0.
// logits (rows, vocabulary) at logits_stride, float32 or bfloat16; samples (rows) int64, positions (rows) int32; tokens
// (rows) int32, logprob, truncated_logprob (rows) float32.
//
// A block to a row. One read for the log-sum-exp, that of logprob_gather; one, mostly from the cache, for the sums of p
// over blocks of 512; three more for each of top-k and top-p. Probabilities are computed anew from the logits in each
// pass, so that no memory is needed. Sums of p in sixteen lanes, their running sum over blocks and within the block of
// the draw ascending in double: the CPU's token and bits.
#include "sample_token.h"

#include "common/log_sum_exp.h"
#include "common/philox.h"
#include "sample_token/truncation.h"

using namespace gimbal;
using namespace gimbal::device;

namespace {

constexpr int kWave = 512; // blocks of the vocabulary whose sums are in shared memory at a time

// The sum of the 32 lanes' values up to each lane's own, after `before`, added in the order of the lanes. `before`
// becomes that of all.
GB_DEVICE double running_sum(double value, double& before) {
    const int lane = static_cast<int>(threadIdx.x) & 31;
    double mine = 0;
#pragma unroll
    for (int i = 0; i < 32; ++i) {
        before += __shfl_sync(~0u, value, i);
        if (lane == i) mine = before;
    }
    return mine;
}

// The lowest index of the largest logit; 0 in a row without one.
template <class T> GB_DEVICE int64_t largest(const SampledRow<T>& row, int64_t block_of_max) {
    GB_SHARED(int64_t, lowest, kLogSumExpThreads / 32);
    const int warps = static_cast<int>(blockDim.x) >> 5;
    for (int64_t first = block_of_max * kVocabularyBlock; first < row.vocabulary; first += blockDim.x) {
        const int64_t j = first + threadIdx.x;
        const unsigned hit = __ballot_sync(~0u, j < row.vocabulary && row.z(j) == row.max);
        __syncthreads();
        if ((threadIdx.x & 31) == 0) lowest[threadIdx.x >> 5] = hit != 0 ? j + __ffs(static_cast<int>(hit)) - 1 : -1;
        __syncthreads();
        for (int w = 0; w < warps; ++w)
            if (lowest[w] >= 0) return lowest[w];
    }
    return 0;
}

struct Drawn {
    int64_t token; // -1: the row has no probabilities (NaN, or -inf only)
    double mass;   // sum of p
};

// The sums of p over blocks of the vocabulary, up to kWave of them at a time.
template <class T> class BlockSums {
public:
    // through: kWave + 1 doubles in shared memory, and sums as many floats.
    GB_DEVICE BlockSums(const SampledRow<T>& row, float* sums, double* through)
        : row_(row), sums_(sums), through_(through) {}

    // Computes the sums of the blocks from `first` on, and the running sum before each of them, from `before` on;
    // returns that after the last.
    GB_DEVICE double compute(int64_t first, int count, double before) {
        const int team = static_cast<int>(threadIdx.x) / kLanes, teams = static_cast<int>(blockDim.x) / kLanes;
        for (int i = team; i - team % 2 < count; i += teams) { // both teams of a warp go round together
            const int64_t begin = (first + i) * kVocabularyBlock;
            float sum = 0.0f;
#pragma unroll 8
            for (int k = 0; k < kVocabularyBlock; k += kLanes) {
                const int64_t j = begin + k + team_lane();
                if (j < row_.vocabulary) sum = sum + row_.p(j);
            }
            sum = sum_team(sum);
            if (team_lane() == 0 && i < count) sums_[i] = sum;
        }
        __syncthreads();
        if (threadIdx.x < 32) {
            if (threadIdx.x == 0) through_[0] = before;
            for (int i = 0; i < count; i += 32) {
                const int mine = i + static_cast<int>(threadIdx.x);
                const double sum = running_sum(mine < count ? static_cast<double>(sums_[mine]) : 0.0, before);
                if (mine < count) through_[mine + 1] = sum;
            }
        }
        __syncthreads();
        return through_[count];
    }

    // The first of the computed blocks after which the running sum exceeds the target, -1 if none does.
    GB_DEVICE int find(int count, double target) const {
        GB_SHARED(int, found, 1);
        if (threadIdx.x < 32) {
            int first = -1;
            for (int i = 0; i < count && first < 0; i += 32) {
                const int mine = i + static_cast<int>(threadIdx.x);
                const unsigned hit = __ballot_sync(~0u, mine < count && through_[mine + 1] > target);
                if (hit != 0) first = i + __ffs(static_cast<int>(hit)) - 1;
            }
            if (threadIdx.x == 0) found[0] = first;
        }
        __syncthreads();
        const int first = found[0];
        __syncthreads();
        return first;
    }

    // The first token of a computed block at which the running sum exceeds the target; the last with p > 0 if rounding
    // leaves it out of reach. By the first warp.
    GB_DEVICE int64_t find_token(int64_t first, int block, double target) const {
        const int lane = static_cast<int>(threadIdx.x) & 31;
        const int64_t begin = (first + block) * kVocabularyBlock;
        double before = through_[block];
        int64_t token = -1;
        for (int k = 0; k < kVocabularyBlock; k += 32) {
            const int64_t j = begin + k + lane;
            const float p = j < row_.vocabulary ? row_.p(j) : 0.0f;
            const double sum = running_sum(static_cast<double>(p), before);
            const unsigned possible = __ballot_sync(~0u, p != 0.0f);
            const unsigned hit = __ballot_sync(~0u, p != 0.0f && sum > target);
            if (possible != 0) token = begin + k + 31 - __clz(static_cast<int>(possible));
            if (hit == 0) continue;
            token = begin + k + __ffs(static_cast<int>(hit)) - 1;
            break;
        }
        return token;
    }

private:
    const SampledRow<T>& row_;
    float* sums_;
    double* through_;
};

// The first token at which the running sum of p exceeds u times the whole.
template <class T> GB_DEVICE Drawn draw(const SampledRow<T>& row, double u) {
    GB_SHARED(float, sums, kWave);
    GB_SHARED(double, through, kWave + 1);
    GB_SHARED(int64_t, drawn, 1);
    BlockSums<T> blocks(row, sums, through);
    const int64_t count = (row.vocabulary + kVocabularyBlock - 1) / kVocabularyBlock;
    const auto wave = [&](int64_t first) { return static_cast<int>(count - first < kWave ? count - first : kWave); };
    double mass = 0;
    for (int64_t first = 0; first < count; first += kWave)
        mass = blocks.compute(first, wave(first), mass);
    const double target = u * mass;
    double before = 0;
    for (int64_t first = 0; first < count; first += kWave) {
        if (count > kWave) before = blocks.compute(first, wave(first), before);
        const int block = blocks.find(wave(first), target);
        if (block < 0) continue;
        if (threadIdx.x < 32) {
            const int64_t token = blocks.find_token(first, block, target);
            if (threadIdx.x == 0) drawn[0] = token;
        }
        __syncthreads();
        return {drawn[0], mass};
    }
    return {-1, mass};
}

template <class T> GB_DEVICE void sample_token(const SampleTokenArguments& a) {
    GB_SHARED(Histogram, histogram, 1);
    const int64_t r = blockIdx.x;
    const T* logits = static_cast<const T*>(a.logits) + r * a.logits_stride;
    const LogSumExp total = log_sum_exp<false>(logits, a.vocabulary, a.inverse_temperature);
    SampledRow<T> row{logits, a.vocabulary, a.inverse_temperature, total.max};
    const bool by_k = a.top_k > 0 && a.top_k < a.vocabulary, by_top_p = a.top_p < 1.0f;
    Drawn drawn{-1, 0};
    if (!a.greedy) {
        if (total.sum > 0) { // not NaN
            if (by_k) keep_top_k(row, a.top_k, histogram[0]);
            if (by_top_p) keep_top_p(row, a.top_p, histogram[0]);
            row.min_p = a.min_p;
        }
        drawn = draw(row, uniform(philox(*a.seed, a.purpose, *a.step, a.samples[r], a.positions[r])));
    }
    const int64_t token = drawn.token >= 0 ? drawn.token : largest(row, total.block_of_max);
    if (threadIdx.x != 0) return;
    const float z = row.z(token), logprob = total.logprob(z);
    a.tokens[r] = static_cast<int32_t>(token);
    if (a.logprob != nullptr) a.logprob[r] = logprob;
    if (a.truncated_logprob == nullptr) return;
    const bool whole = !a.greedy && !by_k && !by_top_p && !(a.min_p > 0.0f);
    float truncated = 0.0f;
    if (drawn.token >= 0) truncated = (z - total.max) - log(static_cast<float>(drawn.mass));
    a.truncated_logprob[r] = whole || logprob != logprob ? logprob : truncated;
}

} // namespace

extern "C" __global__ void __launch_bounds__(kLogSumExpThreads) sample_token_kernel(SampleTokenArguments a) {
    sample_token<float>(a);
}
extern "C" __global__ void __launch_bounds__(kLogSumExpThreads) sample_token_kernel_bf16(SampleTokenArguments a) {
    sample_token<bf16>(a);
}
