// What policy_loss makes of one token, from the surrogates to the penalty: for policy_loss and its form from logits, on
// every backend.
#pragma once

#include "common/surrogate.h"

#include <cstdint>

namespace gimbal::GB_ISA {

// An estimator by its number, 1, 2 or 3 for k1, k2, k3.
template <class F> GB_INLINE KlTerm<F> kl_term(F d, int32_t estimator) {
    return estimator == 1 ? kl_k1(d) : estimator == 2 ? kl_k2(d) : kl_k3(d);
}

// The numbers of a token loss, and which of its parts there are.
template <class F> struct PolicyNumbers {
    RatioBounds<F> bounds;
    Sides<F> sides;
    F beta, least_drift;
    int32_t kl_estimator;
    bool is_penalised, correct_kl;
};

// Of gb_policy_objective, or of what has its fields.
template <class F, class Objective> GB_INLINE PolicyNumbers<F> policy_numbers(const Objective& o) {
    const auto bound = [](float x) { return constant<F>(x > 0.0f ? x : kInfinity); };
    return {
        {constant<F>(1.0f - o.clip_low), constant<F>(1.0f + o.clip_high), bound(o.delta), bound(o.dual_clip)},
        {constant<F>(o.positive), constant<F>(o.positive_rate), constant<F>(o.negative), constant<F>(o.negative_rate)},
        constant<F>(o.beta),
        constant<F>(-o.off_policy_threshold),
        o.kl_estimator,
        o.beta != 0.0f,
        o.correct_kl != 0};
}

// One token: what the surrogates read of it.
template <class F> struct PolicyToken { F logprob, log_ratio, ratio, advantage; };

struct ClipSurrogate {
    template <class F> static GB_INLINE SurrogateTerm<F> term(const PolicyToken<F>& t, const PolicyNumbers<F>& n) {
        return clip_surrogate(t.ratio, t.advantage, n.bounds);
    }
};
struct CispoSurrogate {
    template <class F> static GB_INLINE SurrogateTerm<F> term(const PolicyToken<F>& t, const PolicyNumbers<F>& n) {
        return cispo_surrogate(t.ratio, t.advantage, t.logprob, n.bounds);
    }
};
struct SapoSurrogate {
    template <class F> static GB_INLINE SurrogateTerm<F> term(const PolicyToken<F>& t, const PolicyNumbers<F>& n) {
        return sapo_surrogate(t.ratio, t.advantage, n.sides);
    }
};
struct VespoSurrogate {
    template <class F> static GB_INLINE SurrogateTerm<F> term(const PolicyToken<F>& t, const PolicyNumbers<F>& n) {
        return vespo_surrogate(t.log_ratio, t.advantage, t.logprob, n.sides);
    }
};

// The surrogate's part is 0 where `dropped`, even if it is not finite.
template <class F, class Mask> GB_INLINE void drop(SurrogateTerm<F>& term, Mask dropped) {
    const F none = constant<F>(0.0f);
    term.loss = select(dropped, none, term.loss);
    term.through_ratio = select(dropped, none, term.through_ratio);
    term.direct = select(dropped, none, term.direct);
}

// An importance weight of the rollout multiplies the surrogate.
template <class F> GB_INLINE void correct(SurrogateTerm<F>& term, F correction) {
    term.loss = correction * term.loss;
    term.through_ratio = correction * term.through_ratio;
    term.direct = correction * term.direct;
    drop(term, correction == constant<F>(0.0f));
}

// Adds beta times the KL to the reference and returns the KL.
template <class F>
GB_INLINE F penalise(SurrogateTerm<F>& term, const PolicyToken<F>& token, F ref_logprob, const PolicyNumbers<F>& n) {
    const KlTerm<F> kl = kl_term(token.logprob - ref_logprob, n.kl_estimator);
    const F share = n.correct_kl ? token.ratio : constant<F>(1.0f), ref_kl = share * kl.value;
    if (n.is_penalised) {
        term.loss = fma(n.beta, ref_kl, term.loss);
        term.direct = fma(n.beta, share * kl.slope, term.direct);
        if (n.correct_kl) term.through_ratio = fma(n.beta, ref_kl, term.through_ratio);
    }
    return ref_kl;
}

} // namespace gimbal::GB_ISA
