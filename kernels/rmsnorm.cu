// rmsnorm: rstd = 1/sqrt(mean_j x_j^2 + epsilon), y_j = (x_j rstd) weight_j, and its backward:
// dx_j = rstd (g_j - xhat_j mean(g xhat)) with g = dy weight, xhat = x rstd; dweight_j += sum_r dy xhat.
// x, y, dy, dx (rows, width), weight, dweight (width), rstd (rows), float32.
//
// Rows by common/rows.h, the bits of the CPU; dweight in a pass of its own by common/column_sum.h, the bits of the CPU
// up to 128 rows. Bounds: forward one read and one write of the rows; backward two reads and one write, then two reads.
#include "rmsnorm.h"

#include "common/column_sum.h"
#include "common/rows.h"

using namespace gimbal;
using namespace gimbal::device;

namespace {

template <int kThreads> GB_DEVICE void rmsnorm(const RmsnormArguments& a) {
    GB_DYNAMIC_SHARED(float, shared);
    const Row<kThreads> row(a.rows, a.width);
    const float* x = a.x + row.index() * a.width;
    float* y = a.y + row.index() * a.width;
    float* staged = row.staged(shared);
    const bool aligned = aligned4(x) && aligned4(y) && aligned4(a.weight);
    row.for_packs(aligned, [&](int j, auto n) { store(staged + j, load(x + j, n), n); });
    const Pack<1> squares =
        row.template sum<1>([&](int j, Pack<1>& sum) { sum[0] = fma(staged[j], staged[j], sum[0]); });
    const float scale = 1.0f / sqrt(squares[0] / static_cast<float>(a.width) + a.epsilon);
    if (a.rstd != nullptr && row.is_first_thread()) a.rstd[row.index()] = scale;
    row.for_packs(aligned, [&](int j, auto n) {
        auto v = load(staged + j, n);
        const auto w = load(a.weight + j, n);
#pragma unroll
        for (int k = 0; k < n.value; ++k)
            v[k] = v[k] * scale * w[k];
        store(y + j, v, n);
    });
}

// Staged: g and xhat.
template <int kThreads> GB_DEVICE void rmsnorm_backward(const RmsnormBackwardArguments& a) {
    GB_DYNAMIC_SHARED(float, shared);
    const Row<kThreads> row(a.rows, a.width);
    const float *dy = a.dy + row.index() * a.width, *x = a.x + row.index() * a.width;
    float* dx = a.dx + row.index() * a.width;
    float *weighted = row.staged(shared, 0), *normalised = row.staged(shared, 1);
    const float scale = row.width() > 0 ? a.rstd[row.index()] : 0.0f;
    const bool aligned = aligned4(dy) && aligned4(x) && aligned4(dx) && aligned4(a.weight);
    row.for_packs(aligned, [&](int j, auto n) {
        auto g = load(dy + j, n), v = load(x + j, n);
        const auto w = load(a.weight + j, n);
#pragma unroll
        for (int k = 0; k < n.value; ++k) {
            g[k] = g[k] * w[k];
            v[k] = v[k] * scale;
        }
        store(weighted + j, g, n);
        store(normalised + j, v, n);
    });
    const Pack<1> products =
        row.template sum<1>([&](int j, Pack<1>& sum) { sum[0] = fma(weighted[j], normalised[j], sum[0]); });
    const float mean = products[0] / static_cast<float>(a.width);
    row.for_packs(aligned, [&](int j, auto n) {
        const auto g = load(weighted + j, n);
        auto v = load(normalised + j, n);
#pragma unroll
        for (int k = 0; k < n.value; ++k)
            v[k] = scale * fma(-v[k], mean, g[k]);
        store_gradient(dx + j, v, a.accumulate != 0, n);
    });
}

} // namespace

extern "C" __global__ void __launch_bounds__(kRowThreads) rmsnorm_kernel(RmsnormArguments a) {
    rmsnorm<kRowThreads>(a);
}
extern "C" __global__ void __launch_bounds__(kRowThreads) rmsnorm_kernel_team(RmsnormArguments a) {
    rmsnorm<kTeamThreads>(a);
}

extern "C" __global__ void __launch_bounds__(kRowThreads) rmsnorm_backward_kernel(RmsnormBackwardArguments a) {
    rmsnorm_backward<kRowThreads>(a);
}
extern "C" __global__ void __launch_bounds__(kRowThreads) rmsnorm_backward_kernel_team(RmsnormBackwardArguments a) {
    rmsnorm_backward<kTeamThreads>(a);
}

extern "C" __global__ void __launch_bounds__(kColumnThreads) rmsnorm_backward_kernel_weight(RmsnormWeightArguments a) {
    float* const outputs[] = {a.dweight};
    sum_columns<1>(a.plan, outputs, a.partials, a.tickets, [&](int64_t r, int64_t j, Pack<1>& sum) {
        const int64_t i = r * a.plan.width + j;
        sum[0] = fma(a.dy[i], a.x[i] * a.rstd[r], sum[0]);
    });
}
