// sde_logprob: a Gaussian of variance v_d = sum_k f_k^2 exp(2 log_std_dk) + epsilon, its log-probability and entropy.
// Backward, with z^2 = (a - mean)^2 / v: dmean = dlogprob (a - mean) / v,
// dlog_std_dk += sum_r (dlogprob (z^2 - 1) + dentropy) / v f_k^2 exp(2 log_std_dk).
// mean, actions, variance, dmean (rows, dims), features (rows, width), log_std, dlog_std (dims, width), others (rows).
//
// Forward: sixteen lanes to a row, a lane to every sixteenth feature, and to every sixteenth dimension of the density.
// Backward: a thread to an element of dmean; a thread to a column of log_std, common/column_sum.h. The CPU's bits,
// those of dlog_std up to 128 rows.
#include "sde_logprob.h"

#include "common/column_sum.h"
#include "common/reduce.h"

using namespace gimbal;
using namespace gimbal::device;

namespace {

constexpr float kHalfLogTwoPi = 0.918938533204673f;

} // namespace

extern "C" __global__ void __launch_bounds__(kSdeLogprobThreads) sde_logprob_kernel(SdeLogprobArguments a) {
    const int64_t r = static_cast<int64_t>(blockIdx.x) * kSdeLogprobRows + threadIdx.x / kLanes;
    const bool exists = r < a.rows;
    float squares = 0.0f, logs = 0.0f;
    for (int64_t d = 0; d < a.dims; ++d) {
        float sum = 0.0f;
        for_team(exists ? a.width : 0, [&](int64_t k) {
            const float f = a.features[r * a.width + k], log_s = a.log_std[d * a.width + k];
            sum = fma(f * f, exp(log_s + log_s), sum);
        });
        const float v = sum_team(sum) + a.epsilon;
        if (!exists || team_lane() != d % kLanes) continue;
        const int64_t at = r * a.dims + d;
        const float distance = a.actions[at] - a.mean[at];
        a.variance[at] = v;
        squares = squares + distance * distance / v;
        logs = logs + log(v);
    }
    squares = sum_team(squares);
    logs = sum_team(logs);
    if (!exists || team_lane() != 0) return;
    const float dims = static_cast<float>(a.dims);
    a.logprob[r] = fma(-0.5f, squares + logs, -dims * kHalfLogTwoPi);
    if (a.entropy != nullptr) a.entropy[r] = fma(0.5f, logs, dims * (kHalfLogTwoPi + 0.5f));
}

extern "C" __global__ void __launch_bounds__(kSdeLogprobThreads)
    sde_logprob_backward_kernel(SdeLogprobBackwardArguments a) {
    const int64_t at = static_cast<int64_t>(blockIdx.x) * kSdeLogprobThreads + threadIdx.x;
    if (at >= a.rows * a.dims) return;
    a.dmean[at] = a.dlogprob[at / a.dims] * (a.actions[at] - a.mean[at]) / a.variance[at];
}

extern "C" __global__ void __launch_bounds__(kColumnThreads)
    sde_logprob_backward_kernel_log_std(SdeLogprobBackwardArguments a) {
    float* const outputs[] = {a.dlog_std};
    sum_columns<1>(a.plan, outputs, a.partials, a.tickets, [&](int64_t r, int64_t j, Pack<1>& sum) {
        const int64_t at = r * a.dims + j / a.width;
        const float f = a.features[r * a.width + j % a.width], log_s = a.log_std[j], v = a.variance[at];
        const float distance = a.actions[at] - a.mean[at], disorder = a.dentropy != nullptr ? a.dentropy[r] : 0.0f;
        const float dlog_v = fma(a.dlogprob[r], distance * distance / v - 1.0f, disorder) / v;
        sum[0] = fma(dlog_v * (f * f), exp(log_s + log_s), sum[0]);
    });
}
