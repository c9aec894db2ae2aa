// The losses over pairs: loss, both gradients and statistics in one pass. The formula is called through a pointer,
// sixteen pairs at a time: pairs are few, and one loop for each formula took a minute to compile.
#include "cpu/cpu.h"
#include "cpu/math.h"
#include "cpu/statistics.h"

#include "common/preference.h"

namespace gimbal::GB_ISA {

namespace {

struct Pairs {
    const float *chosen, *rejected, *ref_chosen, *ref_rejected, *weights;
    float *losses, *dchosen, *drejected;
    double* statistics;
    int64_t count;
};

using Formula = PairTerm<F16> (*)(const Pair<F16>&, const PairScalars<F16>&);

// Out of line, as the formulas are.
using Scoring = Score<F16> (*)(F16, Divergence, float);
constexpr Scoring kScore = [](F16 ratio, Divergence divergence, float alpha) {
    return score(ratio, divergence, alpha);
};

void over_pairs(int threads, Formula formula, Scoring score_of, const Pairs& pairs, const gb_preference& preference) {
    const PairScalars<F16> scalars{broadcast(preference.beta), broadcast(preference.label_smoothing),
                                   broadcast(preference.margin), broadcast(preference.temperature)};
    const F16 coefficient = broadcast(preference.coefficient);
    const auto divergence = static_cast<Divergence>(preference.divergence);
    const F16 origin = score_of(zero(), divergence, preference.alpha).value; // of the reference itself
    sum_pieces<6>(
        threads, pairs.count, kElementGrain, pairs.statistics, [&](int64_t begin, int64_t end, double(&sums)[6]) {
            D16 loss_sum, weight_sum, chosen_sum, rejected_sum;
            int64_t elements = 0, right = 0;
            for_lanes(begin, end, [&](int64_t i, auto n) {
                const Weights weight = load_weights(pairs.weights, i, n);
                F16 h_chosen = load(pairs.chosen + i, n), h_rejected = load(pairs.rejected + i, n);
                if (pairs.ref_chosen != nullptr) {
                    h_chosen = h_chosen - load(pairs.ref_chosen + i, n);
                    h_rejected = h_rejected - load(pairs.ref_rejected + i, n);
                }
                const Score<F16> chosen = score_of(h_chosen, divergence, preference.alpha);
                const Score<F16> rejected = score_of(h_rejected, divergence, preference.alpha);
                const PairTerm<F16> term = formula({chosen.value, rejected.value}, scalars);
                const F16 loss = weight.times(coefficient * term.loss);
                if (pairs.losses != nullptr) store(pairs.losses + i, loss, n);
                if (pairs.dchosen != nullptr)
                    store(pairs.dchosen + i, weight.times(coefficient * (term.dchosen * chosen.slope)), n);
                if (pairs.drejected != nullptr)
                    store(pairs.drejected + i, weight.times(coefficient * (term.drejected * rejected.slope)), n);
                loss_sum.add(loss);
                weight_sum.add(weight.value);
                chosen_sum.add(weight.only(scalars.beta * (chosen.value - origin)));
                rejected_sum.add(weight.only(scalars.beta * (rejected.value - origin)));
                elements += weight.count();
                right += weight.count(h_chosen > h_rejected);
            });
            sums[0] = reduce_add(loss_sum);
            sums[1] = reduce_add(weight_sum);
            sums[2] = static_cast<double>(elements);
            sums[3] = reduce_add(chosen_sum);
            sums[4] = reduce_add(rejected_sum);
            sums[5] = static_cast<double>(right);
        });
}

} // namespace

void cpu_preference_loss(Cpu& cpu, const float* chosen, const float* rejected, const float* ref_chosen,
                         const float* ref_rejected, const float* weights, float* losses, float* dchosen,
                         float* drejected, double* statistics, int64_t pairs, const gb_preference* preference) {
    // In the order of GB_PREFERENCE_*.
    static constexpr Formula kFormulas[] = {
        sigmoid_pair<F16>,  robust_pair<F16>, hinge_pair<F16>,    ipo_pair<F16>,
        exo_pair<F16>,      nca_pair<F16>,    bco_pair<F16>,      apo_zero_pair<F16>,
        apo_down_pair<F16>, sppo_pair<F16>,   discopop_pair<F16>, odds_ratio_pair<F16>,
    };
    static_assert(sizeof kFormulas / sizeof *kFormulas == GB_PREFERENCE_ODDS_RATIO + 1);
    static_assert(static_cast<int>(Divergence::alpha) == GB_DIVERGENCE_ALPHA);
    over_pairs(cpu.threads, kFormulas[preference->form], kScore,
               {chosen, rejected, ref_chosen, ref_rejected, weights, losses, dchosen, drejected, statistics, pairs},
               *preference);
}

} // namespace gimbal::GB_ISA
