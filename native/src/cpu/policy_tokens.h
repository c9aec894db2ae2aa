// The tokens of a policy loss, sixteen at a time: behind policy_loss and its form from logits.
#pragma once

#include "cpu/math.h"
#include "cpu/statistics.h"

#include "common/policy_token.h"

namespace gimbal::GB_ISA {

// All (count); logprobs and advantages are there, and one of old_logprobs and log_ratios.
struct PolicyTokens {
    const float *logprobs, *old_logprobs, *log_ratios, *ref_logprobs, *advantages, *corrections, *drifts, *weights;
};

struct PolicyTokenLoss {
    Weights weight;
    PolicyToken<F16> token;
    SurrogateTerm<F16> term; // with the penalty, not weighted
    F16 ref_kl;
};

template <class Surrogate, class Lanes>
GB_INLINE PolicyTokenLoss policy_token_loss(const PolicyTokens& tokens, const PolicyNumbers<F16>& numbers, int64_t i,
                                            Lanes n) {
    const F16 logprob = load(tokens.logprobs + i, n), advantage = load(tokens.advantages + i, n);
    const F16 log_ratio =
        tokens.log_ratios != nullptr ? load(tokens.log_ratios + i, n) : logprob - load(tokens.old_logprobs + i, n);
    const PolicyToken<F16> token{logprob, log_ratio, exp(log_ratio), advantage};
    SurrogateTerm<F16> term = Surrogate::term(token, numbers);
    if (tokens.drifts != nullptr) drop(term, (advantage < zero()) & (load(tokens.drifts + i, n) < numbers.least_drift));
    if (tokens.corrections != nullptr) correct(term, load(tokens.corrections + i, n));
    const F16 ref_kl =
        tokens.ref_logprobs != nullptr ? penalise(term, token, load(tokens.ref_logprobs + i, n), numbers) : zero();
    return {load_weights(tokens.weights, i, n), token, term, ref_kl};
}

} // namespace gimbal::GB_ISA
