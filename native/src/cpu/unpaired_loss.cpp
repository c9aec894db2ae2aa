// The losses over labelled samples: loss, gradient and statistics in one pass, one instantiation for each formula.
#include "cpu/cpu.h"
#include "cpu/math.h"
#include "cpu/statistics.h"

#include "common/preference.h"

namespace gimbal::GB_ISA {

namespace {

struct Samples {
    const float *logprobs, *ref_logprobs;
    const uint8_t* desirable;
    const float* weights;
    float *losses, *dlogprobs;
    double* statistics;
    int64_t count;
};

using Formula = SampleTerm<F16> (*)(F16);

// The lanes of a vector, or the n that are there.
GB_INLINE int lanes_of(Full) {
    return 16;
}
GB_INLINE int lanes_of(int n) {
    return n;
}

// 1 where the label is set, -1 where not.
template <class Lanes> GB_INLINE F16 load_signs(const uint8_t* desirable, int64_t i, Lanes n) {
    alignas(64) float signs[16] = {};
    for (int lane = 0; lane < lanes_of(n); ++lane)
        signs[lane] = desirable[i + lane] != 0 ? 1.0f : -1.0f;
    return load(signs);
}

template <Formula formula> void over_samples(int threads, const Samples& samples, float beta, float shift) {
    const F16 scale = broadcast(beta), zero_point = broadcast(shift);
    sum_pieces<6>(threads, samples.count, kElementGrain, samples.statistics,
                  [&](int64_t begin, int64_t end, double(&sums)[6]) {
                      D16 loss_sum, weight_sum, desirable_sum, undesirable_sum;
                      int64_t elements = 0, desirable = 0;
                      for_lanes(begin, end, [&](int64_t i, auto n) {
                          const Weights weight = load_weights(samples.weights, i, n);
                          const F16 sign = load_signs(samples.desirable, i, n);
                          const auto positive = sign > zero();
                          F16 h = load(samples.logprobs + i, n);
                          if (samples.ref_logprobs != nullptr) h = h - load(samples.ref_logprobs + i, n);
                          const F16 reward = scale * h;
                          const SampleTerm<F16> term = formula(sign * (reward - zero_point));
                          const F16 loss = weight.times(term.loss);
                          if (samples.losses != nullptr) store(samples.losses + i, loss, n);
                          if (samples.dlogprobs != nullptr)
                              store(samples.dlogprobs + i, weight.times(scale * (sign * term.slope)), n);
                          loss_sum.add(loss);
                          weight_sum.add(weight.value);
                          desirable_sum.add(weight.only(select(positive, reward, zero())));
                          undesirable_sum.add(weight.only(select(positive, zero(), reward)));
                          elements += weight.count();
                          desirable += weight.count(positive);
                      });
                      sums[0] = reduce_add(loss_sum);
                      sums[1] = reduce_add(weight_sum);
                      sums[2] = static_cast<double>(elements);
                      sums[3] = reduce_add(desirable_sum);
                      sums[4] = reduce_add(undesirable_sum);
                      sums[5] = static_cast<double>(desirable);
                  });
}

} // namespace

void cpu_unpaired_loss(Cpu& cpu, const float* logprobs, const float* ref_logprobs, const uint8_t* desirable,
                       const float* weights, float* losses, float* dlogprobs, double* statistics, int64_t count,
                       float beta, float shift, int32_t form) {
    const Samples samples{logprobs, ref_logprobs, desirable, weights, losses, dlogprobs, statistics, count};
    const auto pass = form == GB_UNPAIRED_KTO ? over_samples<&kto_sample<F16>> : over_samples<&bco_sample<F16>>;
    pass(cpu.threads, samples, beta, shift);
}

} // namespace gimbal::GB_ISA
