// The exact KL between two rows of logits, and its gradient in the first: one pass over both each. The sum goes by
// blocks of the vocabulary, sixteen double lanes and their tree in a block, blocks ascending.
#include "cpu/cpu.h"
#include "cpu/log_sum_exp.h"
#include "cpu/rows.h"
#include "cpu/statistics.h"

namespace gimbal::GB_ISA {
namespace {

struct Row {
    const float *z, *reference;
    F16 lse, reference_lse, scale;

    // p (log p - log q - kl); 0 where p is 0, whatever q.
    template <class Lanes> GB_INLINE F16 term(int64_t j, F16 kl, Lanes n) const {
        const F16 log_p = load_scaled(z + j, scale, n) - lse;
        const F16 log_q = load_scaled(reference + j, scale, n) - reference_lse;
        const F16 p = exp(log_p);
        return select(p == zero(), zero(), p * ((log_p - log_q) - kl));
    }
};

} // namespace

void cpu_full_kl(Cpu& cpu, const float* logits, const float* reference, const float* lse, const float* reference_lse,
                 float* kl, int64_t rows, int64_t vocabulary, int64_t logits_stride, int64_t reference_stride,
                 float temperature) {
    const F16 scale = broadcast(1.0f / temperature);
    for_rows(cpu.threads, rows, vocabulary, [&](int64_t r) {
        const Row row{logits + r * logits_stride, reference + r * reference_stride, broadcast(lse[r]),
                      broadcast(reference_lse[r]), scale};
        double sum = 0;
        for (int64_t begin = 0; begin < vocabulary; begin += kVocabularyBlock) {
            const int64_t end = vocabulary - begin < kVocabularyBlock ? vocabulary : begin + kVocabularyBlock;
            D16 block;
            for_lanes(begin, end, [&](int64_t j, auto n) { block.add(row.term(j, zero(), n)); });
            sum += reduce_add(block);
        }
        kl[r] = static_cast<float>(sum);
    });
}

void cpu_full_kl_backward(Cpu& cpu, const float* logits, const float* reference, const float* lse,
                          const float* reference_lse, const float* kl, const float* dkl, float* dlogits, int64_t rows,
                          int64_t vocabulary, int64_t logits_stride, int64_t reference_stride, float temperature) {
    const float inverse_temperature = 1.0f / temperature;
    for_rows(cpu.threads, rows, vocabulary, [&](int64_t r) {
        float* dz = dlogits + r * reference_stride;
        if (dkl[r] == 0.0f) { // its logits are not read
            for_lanes(0, vocabulary, [&](int64_t j, auto n) { store(dz + j, zero(), n); });
            return;
        }
        const Row row{logits + r * logits_stride, reference + r * reference_stride, broadcast(lse[r]),
                      broadcast(reference_lse[r]), broadcast(inverse_temperature)};
        const F16 row_kl = broadcast(kl[r]), factor = broadcast(dkl[r] * inverse_temperature);
        for_lanes(0, vocabulary, [&](int64_t j, auto n) { store(dz + j, factor * row.term(j, row_kl, n), n); });
    });
}

} // namespace gimbal::GB_ISA
