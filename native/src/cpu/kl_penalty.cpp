// Estimators of the KL divergence to a reference, per token, with their derivatives.
#include "cpu/cpu.h"
#include "cpu/math.h"
#include "cpu/team.h"

#include "common/policy_gradient.h"

namespace gimbal::GB_ISA {

void cpu_kl_penalty(Cpu& cpu, const float* logprobs, const float* ref_logprobs, float* kl, float* dlogprobs,
                    int64_t count, float clamp, int32_t estimator) {
    const F16 limit = broadcast(clamp > 0 ? clamp : kInfinity);
    Team::ranges(cpu.threads, count, kElementGrain, [&](int64_t begin, int64_t end) {
        for_lanes(begin, end, [&](int64_t i, auto n) {
            const F16 d = load(logprobs + i, n) - load(ref_logprobs + i, n);
            F16 value = d, slope = broadcast(1.0f);
            if (estimator == GB_KL_K2) {
                value = broadcast(0.5f) * d * d;
                slope = d;
            } else if (estimator == GB_KL_K3) {
                value = exp_excess(-d);
                slope = d - value; // 1 - e^-d
            }
            const M16 beyond = abs(value) > limit;
            store(kl + i, select(beyond, copysign(limit, value), value), n);
            if (dlogprobs != nullptr) store(dlogprobs + i, select(beyond, zero(), slope), n);
        });
    });
}

} // namespace gimbal::GB_ISA
