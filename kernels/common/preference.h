// The losses over pairs and over labelled samples for one element, written once for every backend, as in math.h.
//
// A pair comes as the scores of its two sides: log-ratios to the reference, or what a divergence makes of them. A
// formula gives the loss and its slopes in both scores. With beta > 0, z = beta (chosen - rejected) - margin.
#pragma once

#include "common/policy_gradient.h"

namespace gimbal::GB_ISA {

template <class F> struct Pair { F chosen, rejected; };
template <class F> struct PairTerm { F loss, dchosen, drejected; };
template <class F> struct PairScalars { F beta, smoothing, margin, temperature; };

// ---- Scores of a log-ratio h --------------------------------------------------------------------------------------

template <class F> struct Score { F value, slope; };

// In the order of GB_DIVERGENCE_*.
enum class Divergence { reverse_kl, forward_kl, jensen_shannon, alpha };

// An exponent is held to 80, where the slope ends, so that a score and beta times it stay finite.
template <class F> GB_INLINE Score<F> exponential_score(F exponent, F scale) {
    const F most = constant<F>(80.0f);
    const F e = exp(min(exponent, most));
    return {scale * e, select(exponent > most, constant<F>(0.0f), e)};
}

// f-DPO (Wang et al. 2024), f'(u) at u = e^h without its constant, which a difference does not see: forward KL -1/u,
// Jensen-Shannon log(u / (1 + u)), alpha u^(alpha - 1) / (alpha - 1), whose limit at 1 is log u: the reverse KL.
template <class F> GB_INLINE Score<F> score(F h, Divergence divergence, float alpha) {
    switch (divergence) {
    case Divergence::forward_kl:
        return exponential_score(-h, constant<F>(-1.0f));
    case Divergence::jensen_shannon: {
        const Preference<F> p = preference(h);
        return {p.log_sigmoid, p.opposite};
    }
    case Divergence::alpha:
        return exponential_score(constant<F>(alpha - 1.0f) * h, constant<F>(1.0f / (alpha - 1.0f)));
    default:
        return {h, constant<F>(1.0f)};
    }
}

// ---- Formulas of a pair -------------------------------------------------------------------------------------------

template <class F> GB_INLINE F preference_margin(const Pair<F>& s, const PairScalars<F>& a) {
    return a.beta * (s.chosen - s.rejected) - a.margin;
}

// A loss of z alone.
template <class F> GB_INLINE PairTerm<F> margin_term(F loss, F slope, const PairScalars<F>& a) {
    const F gradient = a.beta * slope;
    return {loss, gradient, -gradient};
}

// DPO (Rafailov et al. 2023), cDPO (Mitchell 2023), SimPO with a margin (Meng et al. 2024):
// -(1 - e) log sigmoid(z) - e log sigmoid(-z), where log sigmoid(-z) = log sigmoid(z) - z.
template <class F> GB_INLINE PairTerm<F> sigmoid_pair(const Pair<F>& s, const PairScalars<F>& a) {
    const F z = preference_margin(s, a), one = constant<F>(1.0f);
    const Preference<F> p = preference(z);
    return margin_term(fma(a.smoothing, z, -p.log_sigmoid), a.smoothing * p.sigmoid - (one - a.smoothing) * p.opposite,
                       a);
}

// Robust DPO (Chowdhury et al. 2024): (-(1 - e) log sigmoid(z) + e log sigmoid(-z)) / (1 - 2 e), which is
// -log sigmoid(z) - z e / (1 - 2 e).
template <class F> GB_INLINE PairTerm<F> robust_pair(const Pair<F>& s, const PairScalars<F>& a) {
    const F z = preference_margin(s, a);
    const F share = a.smoothing / (constant<F>(1.0f) - (a.smoothing + a.smoothing));
    const Preference<F> p = preference(z);
    return margin_term(-(p.log_sigmoid + share * z), -(p.opposite + share), a);
}

// SLiC (Zhao et al. 2023): max(0, 1 - z).
template <class F> GB_INLINE PairTerm<F> hinge_pair(const Pair<F>& s, const PairScalars<F>& a) {
    const F z = preference_margin(s, a), one = constant<F>(1.0f), none = constant<F>(0.0f);
    const auto inside = z < one;
    return margin_term(select(inside, one - z, none), select(inside, -one, none), a);
}

// IPO (Azar et al. 2023): (z / beta - 1 / (2 beta))^2.
template <class F> GB_INLINE PairTerm<F> ipo_pair(const Pair<F>& s, const PairScalars<F>& a) {
    const F gap = (preference_margin(s, a) - constant<F>(0.5f)) / a.beta;
    return margin_term(gap * gap, (gap + gap) / a.beta, a);
}

// EXO (Ji et al. 2024): the reverse KL of (sigmoid(z), sigmoid(-z)) to (1 - e, e).
template <class F> GB_INLINE PairTerm<F> exo_pair(const Pair<F>& s, const PairScalars<F>& a) {
    const F z = preference_margin(s, a);
    const F log_right = log(constant<F>(1.0f) - a.smoothing), log_wrong = log(a.smoothing);
    const Preference<F> p = preference(z);
    const F loss = p.sigmoid * (p.log_sigmoid - log_right) + p.opposite * ((p.log_sigmoid - z) - log_wrong);
    return margin_term(loss, p.sigmoid * p.opposite * (z - (log_right - log_wrong)), a);
}

// NCA (Chen et al. 2024): -log sigmoid(c) - log sigmoid(-c) / 2 - log sigmoid(-r) / 2, c and r being beta times the
// scores.
template <class F> GB_INLINE PairTerm<F> nca_pair(const Pair<F>& s, const PairScalars<F>& a) {
    const F c = a.beta * s.chosen, r = a.beta * s.rejected, half = constant<F>(0.5f);
    const Preference<F> chosen = preference(c), rejected = preference(-r);
    return {half * (c - rejected.log_sigmoid) - (chosen.log_sigmoid + half * chosen.log_sigmoid),
            a.beta * (half * chosen.sigmoid - chosen.opposite), a.beta * half * rejected.opposite};
}

// BCO (Jung et al. 2024) over pairs, its reward shift being the margin: -log sigmoid(c - m) - log sigmoid(-(r - m)).
template <class F> GB_INLINE PairTerm<F> bco_pair(const Pair<F>& s, const PairScalars<F>& a) {
    const Preference<F> chosen = preference(a.beta * s.chosen - a.margin),
                        rejected = preference(a.margin - a.beta * s.rejected);
    return {-(chosen.log_sigmoid + rejected.log_sigmoid), -(a.beta * chosen.opposite), a.beta * rejected.opposite};
}

// APO-zero (D'Oosterlinck et al. 2024): sigmoid(-c) + sigmoid(r).
template <class F> GB_INLINE PairTerm<F> apo_zero_pair(const Pair<F>& s, const PairScalars<F>& a) {
    const Preference<F> chosen = preference(a.beta * s.chosen), rejected = preference(a.beta * s.rejected);
    return {chosen.opposite + rejected.sigmoid, -(a.beta * (chosen.sigmoid * chosen.opposite)),
            a.beta * (rejected.sigmoid * rejected.opposite)};
}

// APO-down (the same): sigmoid(c) + sigmoid(-z).
template <class F> GB_INLINE PairTerm<F> apo_down_pair(const Pair<F>& s, const PairScalars<F>& a) {
    const Preference<F> chosen = preference(a.beta * s.chosen), both = preference(preference_margin(s, a));
    const F slope = a.beta * (both.sigmoid * both.opposite);
    return {chosen.sigmoid + both.opposite, a.beta * (chosen.sigmoid * chosen.opposite) - slope, slope};
}

// SPPO with hard labels (Wu et al. 2024): (chosen - 1 / (2 beta))^2 + (rejected + 1 / (2 beta))^2.
template <class F> GB_INLINE PairTerm<F> sppo_pair(const Pair<F>& s, const PairScalars<F>& a) {
    const F half = constant<F>(0.5f) / a.beta;
    const F chosen = s.chosen - half, rejected = s.rejected + half;
    return {fma(chosen, chosen, rejected * rejected), chosen + chosen, rejected + rejected};
}

// DiscoPOP (Lu et al. 2024), m = sigmoid(z / temperature): -(1 - m) log sigmoid(z) + m e^-z; m e^-z in one exponential,
// so that neither factor overflows.
template <class F> GB_INLINE PairTerm<F> discopop_pair(const Pair<F>& s, const PairScalars<F>& a) {
    const F z = preference_margin(s, a), one = constant<F>(1.0f);
    const Preference<F> p = preference(z), m = preference(z / a.temperature);
    const F decay = exp(m.log_sigmoid - z), rate = m.opposite / a.temperature;
    const F loss = decay - m.opposite * p.log_sigmoid;
    return margin_term(loss, m.sigmoid * rate * p.log_sigmoid - m.opposite * p.opposite + decay * (rate - one), a);
}

// 1 - e^x for x <= 0, not below the smallest normal number.
template <class F> GB_INLINE F exp_complement(F x) {
    const F near = -(exp_excess(x) + x), far = constant<F>(1.0f) - exp(x);
    return max(select(x > constant<F>(-0.5f), near, far), constant<F>(1.17549435e-38f));
}

// ORPO (Hong et al. 2024): -beta log sigmoid(o(chosen) - o(rejected)), log-odds o(x) = x - log(1 - e^x) of a mean
// log-probability x <= 0; o'(x) = 1 / (1 - e^x).
template <class F> GB_INLINE PairTerm<F> odds_ratio_pair(const Pair<F>& s, const PairScalars<F>& a) {
    const F chosen = exp_complement(s.chosen), rejected = exp_complement(s.rejected);
    const Preference<F> p = preference((s.chosen - s.rejected) - (log(chosen) - log(rejected)));
    const F slope = a.beta * p.opposite;
    return {-(a.beta * p.log_sigmoid), -(slope / chosen), slope / rejected};
}

// ---- Formulas of a labelled sample --------------------------------------------------------------------------------

template <class F> struct SampleTerm { F loss, slope; };

// KTO (Ethayarajh et al. 2024): 1 - sigmoid(x), x = beta h - shift of a desirable sample, shift - beta h of another.
template <class F> GB_INLINE SampleTerm<F> kto_sample(F x) {
    const Preference<F> p = preference(x);
    return {p.opposite, -(p.sigmoid * p.opposite)};
}

// BCO (Jung et al. 2024): -log sigmoid(x).
template <class F> GB_INLINE SampleTerm<F> bco_sample(F x) {
    const Preference<F> p = preference(x);
    return {-p.log_sigmoid, -p.opposite};
}

} // namespace gimbal::GB_ISA
