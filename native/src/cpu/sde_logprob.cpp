// Log-probability and entropy of a Gaussian policy whose variance depends on the features of the state. Lanes run over
// the features, then over the action's dimensions.
#include "cpu/cpu.h"
#include "cpu/math.h"
#include "cpu/rows.h"

namespace gimbal::GB_ISA {
namespace {

constexpr float kHalfLogTwoPi = 0.918938533204673f;

} // namespace

void cpu_sde_logprob(Cpu& cpu, const float* mean, const float* features, const float* log_std, const float* actions,
                     float* logprob, float* entropy, float* variance, int64_t rows, int64_t dims, int64_t width,
                     float epsilon) {
    for_rows(cpu.threads, rows, dims * width, [&](int64_t r) {
        float* v = variance + r * dims;
        for (int64_t d = 0; d < dims; ++d) {
            F16 sum = zero();
            for_lanes(0, width, [&](int64_t k, auto n) {
                const F16 f = load(features + r * width + k, n), log_s = load(log_std + d * width + k, n);
                sum = fma(f * f, exp(log_s + log_s), sum);
            });
            v[d] = reduce_add(sum) + epsilon;
        }
        F16 squares = zero(), logs = zero();
        for_lanes(0, dims, [&](int64_t d, auto n) {
            const F16 now = load(v + d, n, 1.0f); // lanes past the end then add 0
            const F16 distance = load(actions + r * dims + d, n) - load(mean + r * dims + d, n);
            squares = squares + distance * distance / now;
            logs = logs + log(now);
        });
        const float log_volume = reduce_add(logs), count = static_cast<float>(dims);
        logprob[r] = std::fma(-0.5f, reduce_add(squares) + log_volume, -count * kHalfLogTwoPi);
        if (entropy != nullptr) entropy[r] = std::fma(0.5f, log_volume, count * (kHalfLogTwoPi + 0.5f));
    });
}

// dmean = dlogprob (a - mean) / v; dlog_std_dk += sum_r (dlogprob ((a - mean)^2 / v - 1) + dentropy) / v f_k^2 exp(2
// log_std_dk).
void cpu_sde_logprob_backward(Cpu& cpu, const float* mean, const float* features, const float* log_std,
                              const float* actions, const float* variance, const float* dlogprob, const float* dentropy,
                              float* dmean, float* dlog_std, int64_t rows, int64_t dims, int64_t width) {
    for_rows(cpu.threads, rows, dims, [&](int64_t r) {
        for_lanes(r * dims, (r + 1) * dims, [&](int64_t at, auto n) {
            const F16 distance = load(actions + at, n) - load(mean + at, n);
            store(dmean + at, broadcast(dlogprob[r]) * distance / load(variance + at, n, 1.0f), n);
        });
    });
    for (int64_t d = 0; d < dims; ++d) {
        const float* logs = log_std + d * width;
        sum_over_rows(cpu.threads, dlog_std + d * width, rows, width, [&](F16 sum, int64_t r, int64_t k, auto n) {
            const int64_t at = r * dims + d;
            const float distance = actions[at] - mean[at], v = variance[at];
            const float disorder = dentropy != nullptr ? dentropy[r] : 0.0f;
            const float dlog_v = std::fma(dlogprob[r], distance * distance / v - 1.0f, disorder) / v;
            const F16 f = load(features + r * width + k, n), log_s = load(logs + k, n);
            return fma(broadcast(dlog_v) * (f * f), exp(log_s + log_s), sum);
        });
    }
}

} // namespace gimbal::GB_ISA
