// Cross entropy with label smoothing, one pass over the logits forward and one backward. The sum of the logits, like
// their log-sum-exp, goes by blocks of the vocabulary.
#include "cpu/checks.h"
#include "cpu/cpu.h"
#include "cpu/log_sum_exp.h"
#include "cpu/rows.h"
#include "cpu/statistics.h"
#include "cpu/storage.h"

namespace gimbal::GB_ISA {
namespace {

template <class T> double sum_of_blocks(const T* z, int64_t vocabulary) {
    double sum = 0;
    for (int64_t begin = 0; begin < vocabulary; begin += kVocabularyBlock) {
        const int64_t end = vocabulary - begin < kVocabularyBlock ? vocabulary : begin + kVocabularyBlock;
        D16 block;
        for_lanes(begin, end, [&](int64_t j, auto n) { block.add(load(z + j, n)); });
        sum += reduce_add(block);
    }
    return sum;
}

} // namespace

void cpu_cross_entropy(Cpu& cpu, const void* logits, const int32_t* targets, float* losses, float* lse, int64_t rows,
                       int64_t vocabulary, int64_t logits_stride, float label_smoothing, int32_t ignore_index,
                       gb_dtype dtype) {
    require_targets(targets, rows, vocabulary, ignore_index);
    as_stored(dtype, [&](auto stored) {
        for_rows(cpu.threads, rows, vocabulary, [&](int64_t r) {
            losses[r] = lse[r] = 0.0f;
            if (targets[r] == ignore_index) return;
            const auto* z = stored(logits) + r * logits_stride;
            const LogSumExp total = log_sum_exp(z, vocabulary, 1.0f);
            lse[r] = total.lse();
            const float loss = -total.logprob(load1(z + targets[r]));
            losses[r] = loss;
            if (label_smoothing != 0) {
                const double mean = sum_of_blocks(z, vocabulary) / static_cast<double>(vocabulary);
                const float uniform = -total.logprob(static_cast<float>(mean));
                losses[r] = (1.0f - label_smoothing) * loss + label_smoothing * uniform;
            }
        });
    });
}

void cpu_cross_entropy_backward(Cpu& cpu, const void* logits, const int32_t* targets, const float* lse,
                                const float* dlosses, void* dlogits, int64_t rows, int64_t vocabulary,
                                int64_t logits_stride, float label_smoothing, int32_t ignore_index, gb_dtype dtype) {
    require_targets(targets, rows, vocabulary, ignore_index);
    const F16 uniform = broadcast(label_smoothing / static_cast<float>(vocabulary));
    as_stored(dtype, [&](auto stored) {
        for_rows(cpu.threads, rows, vocabulary, [&](int64_t r) {
            const auto* z = stored(logits) + r * logits_stride;
            auto* dz = stored(dlogits) + r * logits_stride;
            const float g = targets[r] == ignore_index ? 0.0f : dlosses[r];
            if (g == 0.0f) return clear_elements(dz, vocabulary);
            const F16 row_lse = broadcast(lse[r]), scale = broadcast(g);
            const auto gradient = [&](F16 logit) { return scale * (exp(logit - row_lse) - uniform); };
            const float of_target = first_lane(gradient(broadcast(load1(z + targets[r]))));
            for_lanes(0, vocabulary, [&](int64_t j, auto n) { store(dz + j, gradient(load(z + j, n)), n); });
            store1(dz + targets[r], of_target - g * (1.0f - label_smoothing));
        });
    });
}

} // namespace gimbal::GB_ISA
