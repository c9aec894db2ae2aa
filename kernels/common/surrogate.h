// The surrogate objectives of GRPO's family and the estimates of the KL to the reference for one element, written once
// for every backend, as in math.h.
#pragma once

#include "common/policy_gradient.h"

namespace gimbal::GB_ISA {

// A surrogate objective of the ratio, of which a share may flow past the ratio, through the log-probability itself.
template <class F> struct SurrogateTerm {
    using Mask = decltype(F{} < F{});
    F loss;
    F through_ratio; // dloss/d log ratio
    F direct;        // dloss/dlogprob with the ratio held
    Mask clipped_low, clipped_high;
};

// Scalars of the surrogates that have a side for each sign of the advantage.
template <class F> struct Sides { F positive, positive_rate, negative, negative_rate; };

template <class F> GB_INLINE SurrogateTerm<F> clip_surrogate(F ratio, F advantage, const RatioBounds<F>& bounds) {
    const PolicyTerm<F> term = policy_term(ratio, advantage, bounds);
    return {term.loss, term.gradient, constant<F>(0.0f), term.clipped_low, term.clipped_high};
}

// CISPO (MiniMax 2025): -clip(ratio, low, high) A logprob, the clipped ratio held.
template <class F>
GB_INLINE SurrogateTerm<F> cispo_surrogate(F ratio, F advantage, F logprob, const RatioBounds<F>& bounds) {
    const F none = constant<F>(0.0f);
    const auto below = ratio<bounds.low, above = ratio> bounds.high;
    const F slope = -(select(below, bounds.low, select(above, bounds.high, ratio)) * advantage);
    using Mask = typename SurrogateTerm<F>::Mask; // of bools, & makes an int
    const Mask clipped_low = below & (advantage < none), clipped_high = above & (advantage > none);
    return {slope * logprob, none, slope, clipped_low, clipped_high};
}

// SAPO (Gao et al. 2025): -(4 / t) sigmoid(t (ratio - 1)) A, temperature t by the sign of A.
template <class F> GB_INLINE SurrogateTerm<F> sapo_surrogate(F ratio, F advantage, const Sides<F>& sides) {
    const F none = constant<F>(0.0f), four = constant<F>(4.0f);
    const F temperature = select(advantage > none, sides.positive, sides.negative);
    const Preference<F> gate = preference(temperature * (ratio - constant<F>(1.0f)));
    const F slope = gate.sigmoid * gate.opposite;
    const F gradient = select(slope == none, none, -(four * slope * ratio * advantage));
    const auto never = ratio < none;
    return {-(four / temperature * gate.sigmoid * advantage), gradient, none, never, never};
}

// VESPO (Shen et al. 2026): -phi A logprob, phi = e^r w^k e^(-r w) held, where w is the ratio of the whole sequence
// within 1e-8..e^20 and exponent k and rate r go by the sign of A.
template <class F>
GB_INLINE SurrogateTerm<F> vespo_surrogate(F log_ratio, F advantage, F logprob, const Sides<F>& sides) {
    const F none = constant<F>(0.0f);
    const auto negative = advantage < none;
    const F exponent = select(negative, sides.negative, sides.positive);
    const F rate = select(negative, sides.negative_rate, sides.positive_rate);
    const F log_w = min(max(log_ratio, constant<F>(-18.420680743952367f)), constant<F>(20.0f));
    const F slope = -(exp(fma(exponent, log_w, rate) - rate * exp(log_w)) * advantage);
    const auto never = exponent < none;
    return {slope * logprob, none, slope, never, never};
}

// An estimate of KL(policy || reference) from one sample and its slope in the log-probability, d = logprob - ref.
template <class F> struct KlTerm { F value, slope; };

template <class F> GB_INLINE KlTerm<F> kl_k1(F d) {
    return {d, constant<F>(1.0f)};
}
template <class F> GB_INLINE KlTerm<F> kl_k2(F d) {
    return {constant<F>(0.5f) * d * d, d};
}
template <class F> GB_INLINE KlTerm<F> kl_k3(F d) {
    const F k3 = exp_excess(-d);
    return {k3, d - k3}; // 1 - e^-d
}

} // namespace gimbal::GB_ISA
