// Cross entropy with label smoothing, one pass over the logits forward and one backward.
#include "cpu/checks.h"
#include "cpu/cpu.h"
#include "cpu/log_sum_exp.h"
#include "cpu/rows.h"
#include "cpu/statistics.h"

namespace gimbal::GB_ISA {

void cpu_cross_entropy(Cpu& cpu, const void* logits, const int32_t* targets, float* losses, float* lse, int64_t rows,
                       int64_t vocabulary, int64_t logits_stride, float label_smoothing, int32_t ignore_index,
                       gb_dtype) {
    require_targets(targets, rows, vocabulary, ignore_index);
    const F16 one = broadcast(1.0f);
    for_rows(cpu.threads, rows, vocabulary, [&](int64_t r) {
        losses[r] = lse[r] = 0.0f;
        if (targets[r] == ignore_index) return;
        const float* z = static_cast<const float*>(logits) + r * logits_stride;
        LogSumExp total;
        D16 sum;
        for (int64_t j = 0; j < vocabulary; j += kVocabularyBlock) {
            const int64_t block = vocabulary - j < kVocabularyBlock ? vocabulary - j : kVocabularyBlock;
            total.add(log_sum_exp_block(z + j, block, one));
            if (label_smoothing != 0) for_lanes(j, j + block, [&](int64_t i, auto n) { sum.add(load(z + i, n)); });
        }
        lse[r] = total.lse();
        const float loss = -total.logprob(z[targets[r]]);
        losses[r] = loss;
        if (label_smoothing != 0) {
            const double mean = reduce_add(sum) / static_cast<double>(vocabulary);
            const float uniform = -total.logprob(static_cast<float>(mean));
            losses[r] = (1.0f - label_smoothing) * loss + label_smoothing * uniform;
        }
    });
}

void cpu_cross_entropy_backward(Cpu& cpu, const void* logits, const int32_t* targets, const float* lse,
                                const float* dlosses, void* dlogits, int64_t rows, int64_t vocabulary,
                                int64_t logits_stride, float label_smoothing, int32_t ignore_index, gb_dtype) {
    require_targets(targets, rows, vocabulary, ignore_index);
    const F16 uniform = broadcast(label_smoothing / static_cast<float>(vocabulary));
    for_rows(cpu.threads, rows, vocabulary, [&](int64_t r) {
        const float* z = static_cast<const float*>(logits) + r * logits_stride;
        float* dz = static_cast<float*>(dlogits) + r * logits_stride;
        const float g = targets[r] == ignore_index ? 0.0f : dlosses[r];
        if (g == 0.0f) {
            for_lanes(0, vocabulary, [&](int64_t j, auto n) { store(dz + j, zero(), n); });
            return;
        }
        const F16 row_lse = broadcast(lse[r]), gradient = broadcast(g);
        for_lanes(0, vocabulary,
                  [&](int64_t j, auto n) { store(dz + j, gradient * (exp(load(z + j, n) - row_lse) - uniform), n); });
        dz[targets[r]] -= g * (1.0f - label_smoothing);
    });
}

} // namespace gimbal::GB_ISA
