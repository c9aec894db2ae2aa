// Log-probability and entropy of one token per row. Forward: one pass over the logits, block by block out of the first
// cache. Backward: one pass, in place if asked.
#include "cpu/checks.h"
#include "cpu/cpu.h"
#include "cpu/logprob_row.h"
#include "cpu/rows.h"
#include "cpu/storage.h"

namespace gimbal::GB_ISA {

void cpu_logprob_gather(Cpu& cpu, const void* logits, const int32_t* targets, float* logprob, float* entropy,
                        float* lse, int64_t rows, int64_t vocabulary, int64_t logits_stride, float temperature,
                        gb_dtype dtype) {
    require_targets(targets, rows, vocabulary, -1);
    const float inverse_temperature = 1.0f / temperature;
    as_stored(dtype, [&](auto stored) {
        for_rows(cpu.threads, rows, vocabulary, [&](int64_t r) {
            const bool kept = targets[r] >= 0;
            const auto* row = stored(logits) + r * logits_stride;
            LogSumExp total;
            if (kept) total = log_sum_exp(row, vocabulary, inverse_temperature);
            logprob[r] = kept ? total.logprob(load1(row + targets[r]) * inverse_temperature) : 0.0f;
            if (entropy != nullptr) entropy[r] = kept ? total.entropy() : 0.0f;
            if (lse != nullptr) lse[r] = kept ? total.lse() : 0.0f;
        });
    });
}

void cpu_logprob_gather_backward(Cpu& cpu, const void* logits, const int32_t* targets, const float* lse,
                                 const float* entropy, const float* dlogprob, const float* dentropy, void* dlogits,
                                 int64_t rows, int64_t vocabulary, int64_t logits_stride, float temperature,
                                 gb_dtype dtype) {
    require_targets(targets, rows, vocabulary, -1);
    const float inverse_temperature = 1.0f / temperature;
    as_stored(dtype, [&](auto stored) {
        for_rows(cpu.threads, rows, vocabulary, [&](int64_t r) {
            logprob_row_backward(stored(logits) + r * logits_stride, stored(dlogits) + r * logits_stride, vocabulary,
                                 {targets[r], lse[r], entropy != nullptr ? entropy[r] : 0.0f, dlogprob[r],
                                  dentropy != nullptr ? dentropy[r] : 0.0f},
                                 inverse_temperature);
        });
    });
}

} // namespace gimbal::GB_ISA
