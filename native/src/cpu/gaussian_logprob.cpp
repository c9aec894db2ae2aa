// Log-probability and entropy of a diagonal Gaussian policy. Lanes run over the action's dimensions.
#include "cpu/cpu.h"
#include "cpu/math.h"
#include "cpu/rows.h"
#include "cpu/statistics.h"

#include "gaussian_logprob.h"

namespace gimbal::GB_ISA {
namespace {

constexpr float kHalfLogTwoPi = 0.918938533204673f;

} // namespace

void cpu_gaussian_logprob(Cpu& cpu, const float* mean, const float* log_std, const float* actions, float* logprob,
                          float* entropy, int64_t rows, int64_t dims) {
    for_rows(cpu.threads, rows, dims, [&](int64_t r) {
        F16 density = zero(), disorder = zero();
        for_lanes(0, dims, [&](int64_t d, auto n) {
            const F16 log_s = load(log_std + d, n, -kHalfLogTwoPi); // lanes past the end then add 0
            const F16 z = (load(actions + r * dims + d, n) - load(mean + r * dims + d, n)) * exp(-log_s);
            density = density + fma(broadcast(-0.5f) * z, z, -(log_s + broadcast(kHalfLogTwoPi)));
            disorder = disorder + (log_s + broadcast(kHalfLogTwoPi));
        });
        logprob[r] = reduce_add(density);
        if (entropy != nullptr) entropy[r] = reduce_add(disorder) + 0.5f * static_cast<float>(dims);
    });
}

// dmean = dlogprob z / s; dlog_std_d += sum_r dlogprob (z^2 - 1) + dentropy, with z = (a - mean) / s.
void cpu_gaussian_logprob_backward(Cpu& cpu, const float* mean, const float* log_std, const float* actions,
                                   const float* dlogprob, const float* dentropy, float* dmean, float* dlog_std,
                                   int64_t rows, int64_t dims) {
    for_lanes(0, dims, [&](int64_t d, auto n) {
        const F16 inverse = exp(-load(log_std + d, n));
        double total[16] = {};
        sum_pieces<16>(cpu.threads, rows, kPieceBlocks * kGaussianRowUnit, total,
                       [&](int64_t begin, int64_t end, double(&sums)[16]) {
                           D16 sum;
                           for (int64_t r = begin; r < end; ++r) {
                               const int64_t at = r * dims + d;
                               const F16 z = (load(actions + at, n) - load(mean + at, n)) * inverse;
                               const F16 g = broadcast(dlogprob[r]),
                                         h = broadcast(dentropy != nullptr ? dentropy[r] : 0.0f);
                               store(dmean + at, g * (z * inverse), n);
                               sum.add(fma(g, fma(z, z, broadcast(-1.0f)), h));
                           }
                           sum.store(sums);
                       });
        const int64_t lanes = dims - d < kLanes ? dims - d : kLanes;
        for (int64_t i = 0; i < lanes; ++i)
            dlog_std[d + i] += static_cast<float>(total[i]);
    });
}

} // namespace gimbal::GB_ISA
