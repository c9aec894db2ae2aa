// The square of the log-sum-exp of each row of logits, and its gradient.
#include "cpu/cpu.h"
#include "cpu/math.h"
#include "cpu/rows.h"
#include "cpu/storage.h"
#include "cpu/team.h"

namespace gimbal::GB_ISA {

void cpu_z_loss(Cpu& cpu, const float* lse, float* losses, int64_t rows, float coefficient) {
    const F16 factor = broadcast(coefficient);
    Team::ranges(cpu.threads, rows, kElementGrain, [&](int64_t begin, int64_t end) {
        for_lanes(begin, end, [&](int64_t i, auto n) {
            const F16 value = load(lse + i, n);
            store(losses + i, fma(factor * value, value, load(losses + i, n)), n);
        });
    });
}

void cpu_z_loss_backward(Cpu& cpu, const void* logits, const float* lse, const float* dlosses, void* dlogits,
                         int64_t rows, int64_t vocabulary, int64_t logits_stride, float coefficient, gb_dtype dtype) {
    as_stored(dtype, [&](auto stored) {
        for_rows(cpu.threads, rows, vocabulary, [&](int64_t r) {
            const auto* z = stored(logits) + r * logits_stride;
            auto* dz = stored(dlogits) + r * vocabulary;
            const F16 row_lse = broadcast(lse[r]), factor = broadcast(2.0f * coefficient * dlosses[r] * lse[r]);
            const bool absent = dlosses[r] == 0.0f; // its logits are not read
            for_lanes(0, vocabulary, [&](int64_t j, auto n) {
                store(dz + j, absent ? zero() : factor * exp(load(z + j, n) - row_lse), n);
            });
        });
    });
}

} // namespace gimbal::GB_ISA
