// gaussian_logprob: sum_d -z^2/2 - log s - log(2 pi)/2 with z = (a - mean) / s, and the entropy; backward: dmean =
// dlogprob z / s, dlog_std_d += sum_r dlogprob (z^2 - 1) + dentropy.
// mean, actions, dmean (rows, dims), log_std, dlog_std (dims), logprob, entropy, dlogprob, dentropy (rows), float32.
//
// Forward: sixteen lanes to a row, a lane to every sixteenth dimension. Backward: a thread follows a dimension down the
// rows of a block (common/cut.h), a block of threads has sixteen dimensions of sixteen such blocks; the last one adds
// the blocks up. Bound: 8 bytes an element forward, 12 backward. The CPU's bits.
#include "gaussian_logprob.h"

#include "common/statistics.h"

using namespace gimbal;
using namespace gimbal::device;

namespace {

constexpr float kHalfLogTwoPi = 0.918938533204673f;
constexpr int kHeld = 8; // rows that a thread reads before it writes

} // namespace

extern "C" __global__ void __launch_bounds__(kGaussianLogprobThreads)
    gaussian_logprob_kernel(GaussianLogprobArguments a) {
    const int64_t r = static_cast<int64_t>(blockIdx.x) * kGaussianLogprobRows + threadIdx.x / kLanes;
    const int64_t at = r * a.dims;
    float density = 0.0f, disorder = 0.0f;
    for_team(r < a.rows ? a.dims : 0, [&](int64_t d) {
        const float log_s = a.log_std[d];
        const float z = (a.actions[at + d] - a.mean[at + d]) * exp(-log_s);
        density = density + fma(-0.5f * z, z, -(log_s + kHalfLogTwoPi));
        disorder = disorder + (log_s + kHalfLogTwoPi);
    });
    density = sum_team(density);
    disorder = sum_team(disorder);
    if (r >= a.rows || team_lane() != 0) return;
    a.logprob[r] = density;
    if (a.entropy != nullptr) a.entropy[r] = disorder + 0.5f * static_cast<float>(a.dims);
}

extern "C" __global__ void __launch_bounds__(kGaussianLogprobThreads)
    gaussian_logprob_backward_kernel(GaussianLogprobBackwardArguments a) {
    GB_SHARED(double, pieces, 1024);
    const int thread = static_cast<int>(threadIdx.x);
    const int64_t slices = (a.dims + kGaussianColumns - 1) / kGaussianColumns;
    const int64_t slice = blockIdx.x % slices, d = slice * kGaussianColumns + thread % kGaussianColumns;
    const int64_t block =
        blockIdx.x / slices * (kGaussianLogprobThreads / kGaussianColumns) + thread / kGaussianColumns;
    if (d < a.dims && block < a.cut.blocks) {
        const float inverse = exp(-a.log_std[d]);
        const int64_t begin = block * a.cut.block;
        const int64_t end = a.rows - begin < a.cut.block ? a.rows : begin + a.cut.block;
        double sum = 0.0;
        for (int64_t first = begin; first < end; first += kHeld) {
            float distance[kHeld], g[kHeld], h[kHeld];
#pragma unroll
            for (int k = 0; k < kHeld; ++k) {
                const int64_t r = first + k < end ? first + k : end - 1, at = r * a.dims + d;
                distance[k] = a.actions[at] - a.mean[at];
                g[k] = a.dlogprob[r];
                h[k] = a.dentropy != nullptr ? a.dentropy[r] : 0.0f;
            }
#pragma unroll
            for (int k = 0; k < kHeld; ++k) {
                if (first + k >= end) continue;
                const float z = distance[k] * inverse;
                a.dmean[(first + k) * a.dims + d] = g[k] * (z * inverse);
                sum += static_cast<double>(fma(g[k], fma(z, z, -1.0f), h[k]));
            }
        }
        a.partials[block * a.dims + d] = sum;
    }
    if (!is_last_block(a.ticket, gridDim.x)) return;
    for (int64_t first = 0; first < a.dims; first += kGaussianColumns) {
        const int columns = static_cast<int>(a.dims - first < kGaussianColumns ? a.dims - first : kGaussianColumns);
        const double sum = sum_blocks(a.cut.blocks, columns, 0.0, pieces,
                                      [&](int64_t b, int column) { return a.partials[b * a.dims + first + column]; });
        if (thread < columns) a.dlog_std[first + thread] += static_cast<float>(sum);
    }
}
