#include "cuda/statistics.h"
#include "op.h"

#include "preference_loss.h"

using namespace gimbal;

gb_status gb_preference_loss(gb_context* context, const float* chosen, const float* rejected, const float* ref_chosen,
                             const float* ref_rejected, const float* weights, float* losses, float* dchosen,
                             float* drejected, double* statistics, int64_t pairs, const gb_preference* preference) {
    return run(
        "preference_loss", context,
        [&](const Arguments& check) {
            check.size("pairs", pairs);
            check.pointer("preference", preference);
            const gb_preference& p = *preference;
            check.require(p.struct_size == static_cast<int32_t>(sizeof p), "preference.struct_size",
                          "the size of gb_preference", p.struct_size);
            check.require(p.form >= GB_PREFERENCE_SIGMOID && p.form <= GB_PREFERENCE_ODDS_RATIO, "preference.form",
                          "a GB_PREFERENCE_*", p.form);
            check.require(p.divergence >= GB_DIVERGENCE_REVERSE_KL && p.divergence <= GB_DIVERGENCE_ALPHA,
                          "preference.divergence", "a GB_DIVERGENCE_*", p.divergence);
            const bool of_ratios = p.form == GB_PREFERENCE_APO_ZERO || p.form == GB_PREFERENCE_APO_DOWN ||
                                   p.form == GB_PREFERENCE_ODDS_RATIO;
            check.require(!of_ratios || p.divergence == GB_DIVERGENCE_REVERSE_KL, "preference.divergence",
                          "GB_DIVERGENCE_REVERSE_KL, the only one this form has", p.divergence);
            check.finite("preference.beta", p.beta);
            check.require(p.beta != 0 || (p.form != GB_PREFERENCE_IPO && p.form != GB_PREFERENCE_SPPO),
                          "preference.beta", "a number other than 0, which this form divides by", p.beta);
            check.finite("preference.margin", p.margin);
            check.finite("preference.coefficient", p.coefficient);
            const float e = p.label_smoothing;
            if (p.form == GB_PREFERENCE_ROBUST)
                check.require(e >= 0 && e < 0.5f, "preference.label_smoothing", "0 to below 0.5", e);
            else if (p.form == GB_PREFERENCE_EXO)
                check.require(e > 0 && e < 1, "preference.label_smoothing", "above 0 and below 1", e);
            else
                check.require(e >= 0 && e <= 1, "preference.label_smoothing", "0 to 1", e);
            check.require(p.form != GB_PREFERENCE_DISCOPOP || p.temperature > 0, "preference.temperature", "above 0",
                          p.temperature);
            check.require(p.divergence != GB_DIVERGENCE_ALPHA || (p.alpha == p.alpha && p.alpha != 1),
                          "preference.alpha", "a number other than 1, whose limit is GB_DIVERGENCE_REVERSE_KL",
                          p.alpha);
            check.pointer("chosen", chosen, pairs > 0);
            check.pointer("rejected", rejected, pairs > 0);
            check.pointer("ref_chosen", ref_chosen, pairs > 0 && ref_rejected != nullptr);
            check.pointer("ref_rejected", ref_rejected, pairs > 0 && ref_chosen != nullptr);
            if (statistics != nullptr)
                context->require_workspace(partials_bytes(pairs, kBlockUnit, kPreferenceLossStatistics));
        },
        [](const auto& ops) { return ops.preference_loss; }, chosen, rejected, ref_chosen, ref_rejected, weights,
        losses, dchosen, drejected, statistics, pairs, preference);
}
