// preference_loss: the losses over pairs of common/preference.h, both gradients and the statistics.
// All (pairs) float32; statistics (6) double. One pass, a block of threads to a block of statistics, a pair to a
// thread: there are few. The form is the same for all, so its branch costs next to nothing. Bound: 32 bytes a pair.
// Order: common/cut.h, the CPU's bits.
#include "preference_loss.h"

#include "common/statistics.h"

#include "common/preference.h"

using namespace gimbal;
using namespace gimbal::device;

namespace {

GB_DEVICE PairTerm<float> pair_term(PairForm form, const Pair<float>& scores, const PairScalars<float>& a) {
    switch (form) {
    case PairForm::sigmoid:
        return sigmoid_pair(scores, a);
    case PairForm::robust:
        return robust_pair(scores, a);
    case PairForm::hinge:
        return hinge_pair(scores, a);
    case PairForm::ipo:
        return ipo_pair(scores, a);
    case PairForm::exo:
        return exo_pair(scores, a);
    case PairForm::nca:
        return nca_pair(scores, a);
    case PairForm::bco:
        return bco_pair(scores, a);
    case PairForm::apo_zero:
        return apo_zero_pair(scores, a);
    case PairForm::apo_down:
        return apo_down_pair(scores, a);
    case PairForm::sppo:
        return sppo_pair(scores, a);
    case PairForm::discopop:
        return discopop_pair(scores, a);
    default:
        return odds_ratio_pair(scores, a);
    }
}

} // namespace

extern "C" __global__ void __launch_bounds__(kStatisticsThreads) preference_loss_kernel(PreferenceLossArguments a) {
    const PairScalars<float> scalars{a.beta, a.label_smoothing, a.margin, a.temperature};
    const auto divergence = static_cast<Divergence>(a.divergence);
    const float origin = score(0.0f, divergence, a.alpha).value; // of the reference itself
    for_elements<kPreferenceLossStatistics, 0b100100u, 1>(
        a.pairs, false, a.statistics, [&](int64_t i, auto width, auto& contribution) {
            const Weight weight{load_or(a.weights, i, width, 1.0f)[0]};
            const float h_chosen = a.chosen[i] - load_or(a.ref_chosen, i, width, 0.0f)[0];
            const float h_rejected = a.rejected[i] - load_or(a.ref_rejected, i, width, 0.0f)[0];
            const Score<float> chosen = score(h_chosen, divergence, a.alpha);
            const Score<float> rejected = score(h_rejected, divergence, a.alpha);
            const PairTerm<float> term = pair_term(a.form, {chosen.value, rejected.value}, scalars);
            const float loss = weight.times(a.coefficient * term.loss);
            if (a.losses != nullptr) a.losses[i] = loss;
            if (a.dchosen != nullptr) a.dchosen[i] = weight.times(a.coefficient * (term.dchosen * chosen.slope));
            if (a.drejected != nullptr)
                a.drejected[i] = weight.times(a.coefficient * (term.drejected * rejected.slope));
            contribution.set(0, loss, weight.value, weight.present(), weight.only(a.beta * (chosen.value - origin)),
                             weight.only(a.beta * (rejected.value - origin)), weight.has(h_chosen > h_rejected));
        });
}
