// The formulas of the policy-gradient ops for one element, written once for every backend, as in math.h.
#pragma once

namespace gimbal::GB_ISA {

// e^x - 1 - x, k3 of a log ratio x. Near 0 the terms cancel, so there the series: x^2 (1/2! + x/3! + ... + x^7/9!).
template <class F> GB_INLINE F exp_excess(F x, F exp_x) {
    constexpr float kSeries[] = {1.0f / 362880, 1.0f / 40320, 1.0f / 5040, 1.0f / 720,
                                 1.0f / 120,    1.0f / 24,    1.0f / 6,    0.5f};
    return select(abs(x) < constant<F>(0.5f), x * x * horner(x, kSeries), (exp_x - constant<F>(1.0f)) - x);
}
template <class F> GB_INLINE F exp_excess(F x) {
    return exp_excess(x, exp(x));
}

// ln sigmoid(x) and sigmoid(x), sigmoid(-x), from one exponential.
template <class F> struct Preference { F log_sigmoid, sigmoid, opposite; };

template <class F> GB_INLINE Preference<F> preference(F x) {
    const F one = constant<F>(1.0f), none = constant<F>(0.0f);
    const F e = exp(-abs(x)); // NaN stays NaN
    const F u = one + e;
    const F near = one / u, far = e * near;
    const auto positive = x >= none;
    // ln(1 + e), the rounding of 1 + e taken back to first order.
    const F softened = log(u) + (e - (u - one)) * near;
    return {select(positive, none, x) - softened, select(positive, near, far), select(positive, far, near)};
}

// The ends of the clipping range and the two bounds of PPO's variants; infinity where a bound is off.
template <class F> struct RatioBounds {
    F low, high; // 1 - clip_low, 1 + clip_high
    F delta;     // upper bound on the ratio itself (GRPO)
    F dual;      // for A < 0, the loss stays below -A dual (PPO)
};

template <class F> struct PolicyTerm {
    using Mask = decltype(F{} < F{});
    F loss;     // max(-A ratio, -A clip(ratio, low, high)), and the bounds
    F gradient; // dloss/dlogprob: -A ratio, or 0 where the loss does not depend on the ratio
    Mask clipped_low, clipped_high;
};

// Decided by comparing ratios, not losses, so that an infinite ratio gives no NaN: a clipped token has gradient 0, an
// unclipped one the formula's infinity, and A = 0 gives 0.
template <class F> GB_INLINE PolicyTerm<F> policy_term(F ratio, F advantage, const RatioBounds<F>& bounds) {
    const F none = constant<F>(0.0f);
    const auto saturated = ratio > bounds.delta;
    const F bounded = select(saturated, bounds.delta, ratio);
    const auto negative = advantage<none, positive = advantage> none;
    using Mask = typename PolicyTerm<F>::Mask; // of bools, & makes an int
    const Mask clipped_low = negative & (bounded < bounds.low), clipped_high = positive & (bounded > bounds.high);
    const auto dual = negative & (bounded > bounds.dual);
    const F free = select(advantage == none, none, -(advantage * bounded));
    const F loss =
        select(clipped_low, -(advantage * bounds.low),
               select(clipped_high, -(advantage * bounds.high), select(dual, -(advantage * bounds.dual), free)));
    const F gradient = select(clipped_low | clipped_high | dual | saturated, none, free);
    return {loss, gradient, clipped_low, clipped_high};
}

// What a step of generalised advantage estimation hands to the step before it.
template <class F> struct AdvantageState {
    F value, advantage; // v_{t+1}, A_{t+1}
};

// Flags of one step, as masks.
template <class F> struct StepFlags {
    using Mask = decltype(F{} < F{});
    Mask terminated, truncated, kept;
};

// delta = (gamma v_next + r) - v; A = gamma_lambda A_next + delta, each product fused with its sum.
template <class F>
GB_INLINE AdvantageState<F> advantage_step(F reward, F value, F truncated_value, const StepFlags<F>& flags,
                                           const AdvantageState<F>& next, F gamma, F gamma_lambda) {
    const F none = constant<F>(0.0f);
    const F next_value = select(flags.terminated, none, select(flags.truncated, truncated_value, next.value));
    const F delta = fma(gamma, next_value, reward) - value;
    const F advantage = select(flags.terminated | flags.truncated, delta, fma(gamma_lambda, next.advantage, delta));
    return {select(flags.kept, value, next.value), select(flags.kept, advantage, next.advantage)};
}

} // namespace gimbal::GB_ISA
