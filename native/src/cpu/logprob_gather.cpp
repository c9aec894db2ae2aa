// Log-probability and entropy of one token per row. Forward: one pass over the logits, block by block out of the first
// cache. Backward: one pass, in place if asked.
#include "cpu/checks.h"
#include "cpu/cpu.h"
#include "cpu/log_sum_exp.h"
#include "cpu/rows.h"

namespace gimbal::GB_ISA {

void cpu_logprob_gather(Cpu& cpu, const void* logits, const int32_t* targets, float* logprob, float* entropy,
                        float* lse, int64_t rows, int64_t vocabulary, int64_t logits_stride, float temperature,
                        gb_dtype) {
    require_targets(targets, rows, vocabulary, -1);
    const float inverse_temperature = 1.0f / temperature;
    for_rows(cpu.threads, rows, vocabulary, [&](int64_t r) {
        const bool kept = targets[r] >= 0;
        const float* row = static_cast<const float*>(logits) + r * logits_stride;
        LogSumExp total;
        if (kept) total = log_sum_exp(row, vocabulary, inverse_temperature);
        logprob[r] = kept ? total.logprob(row[targets[r]] * inverse_temperature) : 0.0f;
        if (entropy != nullptr) entropy[r] = kept ? total.entropy() : 0.0f;
        if (lse != nullptr) lse[r] = kept ? total.lse() : 0.0f;
    });
}

void cpu_logprob_gather_backward(Cpu& cpu, const void* logits, const int32_t* targets, const float* lse,
                                 const float* entropy, const float* dlogprob, const float* dentropy, void* dlogits,
                                 int64_t rows, int64_t vocabulary, int64_t logits_stride, float temperature, gb_dtype) {
    require_targets(targets, rows, vocabulary, -1);
    const float inverse_temperature = 1.0f / temperature;
    const F16 scale = broadcast(inverse_temperature);
    for_rows(cpu.threads, rows, vocabulary, [&](int64_t r) {
        const float* z = static_cast<const float*>(logits) + r * logits_stride;
        float* dz = static_cast<float*>(dlogits) + r * logits_stride;
        const float g = targets[r] >= 0 ? dlogprob[r] : 0.0f;
        const float h = targets[r] >= 0 && dentropy != nullptr ? dentropy[r] : 0.0f;
        if (g == 0.0f && h == 0.0f) {
            for_lanes(0, vocabulary, [&](int64_t j, auto n) { store(dz + j, zero(), n); });
            return;
        }
        const F16 row_lse = broadcast(lse[r]);
        // -p (g + h (log p + H)) / T; p's shift to 0 keeps 0 (-inf) out.
        const F16 minus_g = broadcast(-g), minus_h = broadcast(-h),
                  row_entropy = broadcast(h == 0.0f ? 0.0f : entropy[r]);
        for_lanes(0, vocabulary, [&](int64_t j, auto n) {
            const F16 log_p = load_scaled(z + j, scale, n) - row_lse;
            const F16 bounded = max(log_p, broadcast(-200.0f));
            store(dz + j, exp(log_p) * fma(minus_h, bounded + row_entropy, minus_g) * scale, n);
        });
        dz[targets[r]] += g * inverse_temperature;
    });
}

} // namespace gimbal::GB_ISA
