// From a row of logits to the token's loss and the row's gradient while the row is in the second cache; losses and
// statistics of all rows then, which is little beside them.
#include "cpu/checks.h"
#include "cpu/cpu.h"
#include "cpu/logprob_row.h"
#include "cpu/policy_tokens.h"
#include "cpu/rows.h"
#include "cpu/storage.h"

namespace gimbal::GB_ISA {

CpuSignature<decltype(gb_policy_loss)>::type cpu_policy_loss;

namespace {

struct TokenGradient {
    float logprob, weight;
};

template <class Surrogate>
TokenGradient token_gradient(const PolicyTokens& tokens, const PolicyNumbers<F16>& numbers, int64_t r) {
    const PolicyTokenLoss loss = policy_token_loss<Surrogate>(tokens, numbers, r, 1);
    return {first_lane(loss.weight.times(loss.term.through_ratio + loss.term.direct)), first_lane(loss.weight.value)};
}

} // namespace

void cpu_policy_loss_with_logits(Cpu& cpu, const void* logits, const int32_t* targets, const float* old_logprobs,
                                 const float* ref_logprobs, const float* advantages, const float* corrections,
                                 const float* weights, float* logprobs, float* entropies, float* losses, void* dlogits,
                                 double* statistics, int64_t rows, int64_t vocabulary, int64_t logits_stride,
                                 float temperature, float entropy_coefficient, const gb_policy_objective* objective,
                                 gb_dtype dtype) {
    // In the order of GB_SURROGATE_*; the shell refuses the last.
    static constexpr decltype(&token_gradient<ClipSurrogate>) kGradients[] = {
        token_gradient<ClipSurrogate>, token_gradient<CispoSurrogate>, token_gradient<SapoSurrogate>};
    require_targets(targets, rows, vocabulary, -1);
    const float inverse_temperature = 1.0f / temperature;
    const PolicyTokens tokens{logprobs, old_logprobs, nullptr, ref_logprobs, advantages, corrections, nullptr, weights};
    const auto numbers = policy_numbers<F16>(*objective);
    const auto gradient_of = kGradients[objective->surrogate];
    as_stored(dtype, [&](auto stored) {
        for_rows(cpu.threads, rows, vocabulary, [&](int64_t r) {
            const auto* z = stored(logits) + r * logits_stride;
            const bool kept = targets[r] >= 0;
            LogSumExp total;
            if (kept) total = log_sum_exp(z, vocabulary, inverse_temperature);
            const float entropy = kept ? total.entropy() : 0.0f;
            logprobs[r] = kept ? total.logprob(load1(z + targets[r]) * inverse_temperature) : 0.0f;
            if (entropies != nullptr) entropies[r] = entropy;
            const TokenGradient gradient = gradient_of(tokens, numbers, r);
            logprob_row_backward(z, stored(dlogits) + r * logits_stride, vocabulary,
                                 {targets[r], kept ? total.lse() : 0.0f, entropy, gradient.logprob,
                                  gradient.weight * -entropy_coefficient},
                                 inverse_temperature);
        });
    });
    cpu_policy_loss(cpu, logprobs, old_logprobs, nullptr, ref_logprobs, advantages, corrections, nullptr, weights,
                    losses, nullptr, nullptr, statistics, rows, objective);
}

} // namespace gimbal::GB_ISA
