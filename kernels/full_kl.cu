// full_kl: kl = sum_j p_j (log p_j - log q_j), p and q the softmax of logits / T and reference / T; backward:
// dlogits_j = dkl p_j (log p_j - log q_j - kl) / T, 0 where dkl is 0. logits, reference (rows, vocabulary) at their
// strides, dlogits at the reference's, which it may be; float32.
//
// Forward: a block to a row, a team of sixteen threads to 512 of its logits, one read of both rows, about 30
// instructions a logit. Backward: a block to 4096 logits of a row, two reads and one write. The bits of the CPU.
#include "full_kl.h"

#include "common/reduce.h"
#include "common/vec.h"

using namespace gimbal;
using namespace gimbal::device;

namespace {

struct Row {
    float lse, reference_lse, inverse_temperature;

    // p (log p - log q - kl); 0 where p is 0, whatever q.
    GB_DEVICE float term(float z, float reference, float kl) const {
        const float log_p = z * inverse_temperature - lse;
        const float log_q = reference * inverse_temperature - reference_lse;
        const float p = exp(log_p);
        return p == 0.0f ? 0.0f : p * ((log_p - log_q) - kl);
    }
};

} // namespace

extern "C" __global__ void __launch_bounds__(kLogSumExpThreads) full_kl_kernel(FullKlArguments a) {
    constexpr int kWave = 512; // blocks in shared memory at a time
    GB_SHARED(double, totals, kWave);
    const int64_t r = blockIdx.x;
    const float *logits = a.logits + r * a.logits_stride, *reference = a.reference + r * a.reference_stride;
    const Row row{a.lse[r], a.reference_lse[r], a.inverse_temperature};
    const int team = static_cast<int>(threadIdx.x) / kLanes, teams = static_cast<int>(blockDim.x) / kLanes;
    double sum = 0;
    for (int64_t first = 0; first < a.vocabulary; first += kWave * kVocabularyBlock) {
        const int64_t left = (a.vocabulary - first + kVocabularyBlock - 1) / kVocabularyBlock;
        const int wave = static_cast<int>(left < kWave ? left : kWave);
        // Both teams of a warp go round together: the second may be past the end, with a block of no logits.
        for (int i = team; i - team % 2 < wave; i += teams) {
            const int64_t begin = first + static_cast<int64_t>(i) * kVocabularyBlock;
            const int64_t rest = begin < a.vocabulary ? a.vocabulary - begin : 0;
            double total = 0;
            for_team(rest < kVocabularyBlock ? rest : kVocabularyBlock, [&](int64_t j) {
                total += static_cast<double>(row.term(logits[begin + j], reference[begin + j], 0.0f));
            });
            total = sum_team(total);
            if (team_lane() == 0 && i < wave) totals[i] = total;
        }
        __syncthreads();
        if (threadIdx.x == 0)
            for (int i = 0; i < wave; ++i)
                sum += totals[i];
        __syncthreads();
    }
    if (threadIdx.x == 0) a.kl[r] = static_cast<float>(sum);
}

extern "C" __global__ void __launch_bounds__(kFullKlBackwardThreads) full_kl_backward_kernel(FullKlBackwardArguments a) {
    const int64_t r = blockIdx.x, begin = blockIdx.y * kFullKlBackwardChunk;
    const int64_t left = a.vocabulary - begin, count = left < kFullKlBackwardChunk ? left : kFullKlBackwardChunk;
    const float* logits = a.logits + r * a.logits_stride + begin;
    const float* reference = a.reference + r * a.reference_stride + begin;
    float* dlogits = a.dlogits + r * a.reference_stride + begin;
    const Row row{a.lse[r], a.reference_lse[r], a.inverse_temperature};
    const float kl = a.kl[r], dkl = a.dkl[r], factor = dkl * a.inverse_temperature;
    for_packs_of_block(count, aligned4(logits) && aligned4(reference) && aligned4(dlogits), [&](int64_t j, auto n) {
        Pack<n.value> v{};
        if (dkl != 0.0f) { // else its logits are not read
            v = load(logits + j, n);
            const auto q = load(reference + j, n);
#pragma unroll
            for (int k = 0; k < n.value; ++k)
                v[k] = factor * row.term(v[k], q[k], kl);
        }
        store(dlogits + j, v, n);
    });
}
