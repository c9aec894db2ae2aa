// policy_loss_with_logits: logprob_gather, policy_loss's gradient and logprob_gather_backward of one row by one block.
// logits, dlogits (rows, vocabulary) at logits_stride, float32 or bfloat16; all others (rows). dlogits may be logits.
//
// A block to a row: the log-sum-exp of common/log_sum_exp.h, whose logits stay in shared memory as far as it goes, so
// that two blocks share a multiprocessor; every thread computes the token's gradient from what is broadcast; then the
// gradient of the row, the logits that were not held read again, out of the second cache. Bound: one read and one
// write, about 50 instructions a logit. Losses and statistics are policy_loss's own, afterwards. The bits of the three
// ops it stands for.
#include "policy_loss_with_logits.h"

#include "common/log_sum_exp.h"
#include "common/logprob_row.h"
#include "common/policy_token.h"

using namespace gimbal;
using namespace gimbal::device;

namespace {

// dloss/dlogprob of row r, not weighted.
GB_DEVICE float token_gradient(const PolicyLossWithLogitsArguments& a, int64_t r, float logprob) {
    const auto numbers = policy_numbers<float>(a.objective);
    const float log_ratio = logprob - a.old_logprobs[r];
    const PolicyToken<float> token{logprob, log_ratio, exp(log_ratio), a.advantages[r]};
    SurrogateTerm<float> term = a.objective.surrogate == 0   ? ClipSurrogate::term(token, numbers)
                                : a.objective.surrogate == 1 ? CispoSurrogate::term(token, numbers)
                                                             : SapoSurrogate::term(token, numbers);
    if (a.corrections != nullptr) correct(term, a.corrections[r]);
    if (a.ref_logprobs != nullptr) penalise(term, token, a.ref_logprobs[r], numbers);
    return term.through_ratio + term.direct;
}

template <class T> GB_DEVICE void policy_loss_with_logits(const PolicyLossWithLogitsArguments& a) {
    GB_DYNAMIC_SHARED(T, held);
    const int64_t r = blockIdx.x, target = a.targets[r];
    const T* logits = static_cast<const T*>(a.logits) + r * a.logits_stride;
    T* dlogits = static_cast<T*>(a.dlogits) + r * a.logits_stride;
    const bool kept = target >= 0 && target < a.vocabulary, sound = kept || target == -1;
    float logprob = sound ? 0.0f : kInfinity - kInfinity, entropy = logprob, lse = logprob;
    if (kept) {
        const LogSumExp total =
            log_sum_exp<true>(logits, a.vocabulary, a.inverse_temperature, false, [&](int64_t j, float z) {
                if (j < a.held) store(held + j, z);
            });
        logprob = total.logprob(load(logits + target) * a.inverse_temperature);
        entropy = total.entropy();
        lse = total.lse();
        __syncthreads(); // dlogits may be logits: the target's has been read
    }
    if (threadIdx.x == 0) {
        if (!sound) raise(a.fault, r, target, a.vocabulary);
        a.logprobs[r] = logprob;
        if (a.entropies != nullptr) a.entropies[r] = entropy;
    }
    const float weight = a.weights != nullptr ? a.weights[r] : 1.0f;
    LogprobRow row{lse, entropy, 0.0f, 0.0f, a.inverse_temperature};
    if (kept && weight != 0.0f) {
        row.dlogprob = weight * token_gradient(a, r, logprob);
        row.dentropy = weight * -a.entropy_coefficient;
    } else if (!sound) {
        row.dlogprob = logprob;
    }
    for_packs_of_block(a.vocabulary, aligned4(logits) && aligned4(dlogits), [&](int64_t j, auto n) {
        if (row.is_zero())
            store(dlogits + j, Pack<n.value>{}, n);
        else
            store(dlogits + j, row.backward(kept && j < a.held ? load(held + j, n) : load(logits + j, n), target - j),
                  n);
    });
}

} // namespace

extern "C" __global__ void __launch_bounds__(kLogSumExpThreads)
    policy_loss_with_logits_kernel(PolicyLossWithLogitsArguments a) {
    policy_loss_with_logits<float>(a);
}
extern "C" __global__ void __launch_bounds__(kLogSumExpThreads)
    policy_loss_with_logits_kernel_bf16(PolicyLossWithLogitsArguments a) {
    policy_loss_with_logits<bf16>(a);
}
