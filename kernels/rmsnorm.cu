// rmsnorm: rstd = 1/sqrt(mean_j x_j^2 + epsilon), y_j = (x_j rstd) weight_j, and its backward:
// dx_j = rstd (g_j - xhat_j mean(g xhat)) with g = dy weight, xhat = x rstd; dweight_j += sum_r dy xhat.
// x, dx (rows, width), y, dy (rows, width), weight (width), each float32 or bfloat16; dweight (width), rstd (rows)
// float32.
//
// Rows by common/rows.h, the bits of the CPU; dweight in a pass of its own by common/column_sum.h, the bits of the CPU
// up to 128 rows. Bounds: forward one read and one write of the rows; backward two reads and one write, then two reads.
#include "rmsnorm.h"

#include "common/column_sum.h"
#include "common/rows.h"
#include "common/storage.h"

using namespace gimbal;
using namespace gimbal::device;

namespace {

template <int kThreads> GB_DEVICE void rmsnorm(const RmsnormArguments& a) {
    GB_DYNAMIC_SHARED(float, shared);
    const Row<kThreads> row(a.rows, a.width);
    const int64_t first = row.index() * a.width;
    float* staged = row.staged(shared);
    as_stored(a.x, a.x_bf16, [&](auto* x) {
        row.for_packs(aligned4(x + first), [&](int j, auto n) { store(staged + j, load(x + first + j, n), n); });
    });
    const Pack<1> squares =
        row.template sum<1>([&](int j, Pack<1>& sum) { sum[0] = fma(staged[j], staged[j], sum[0]); });
    const float scale = 1.0f / sqrt(squares[0] / static_cast<float>(a.width) + a.epsilon);
    if (a.rstd != nullptr && row.is_first_thread()) a.rstd[row.index()] = scale;
    as_stored(a.weight, a.weight_bf16, [&](auto* weight) {
        as_stored(a.y, a.y_bf16, [&](auto* y) {
            row.for_packs(aligned4(weight) && aligned4(y + first), [&](int j, auto n) {
                auto v = load(staged + j, n);
                const auto w = load(weight + j, n);
#pragma unroll
                for (int k = 0; k < n.value; ++k)
                    v[k] = v[k] * scale * w[k];
                store(y + first + j, v, n);
            });
        });
    });
}

// Staged: g and xhat.
template <int kThreads> GB_DEVICE void rmsnorm_backward(const RmsnormBackwardArguments& a) {
    GB_DYNAMIC_SHARED(float, shared);
    const Row<kThreads> row(a.rows, a.width);
    const int64_t first = row.index() * a.width;
    float *weighted = row.staged(shared, 0), *normalised = row.staged(shared, 1);
    const float scale = row.width() > 0 ? a.rstd[row.index()] : 0.0f;
    as_stored(a.dy, a.y_bf16, [&](auto* dy) {
        as_stored(a.weight, a.weight_bf16, [&](auto* weight) {
            row.for_packs(aligned4(dy + first) && aligned4(weight), [&](int j, auto n) {
                auto g = load(dy + first + j, n);
                const auto w = load(weight + j, n);
#pragma unroll
                for (int k = 0; k < n.value; ++k)
                    g[k] = g[k] * w[k];
                store(weighted + j, g, n);
            });
        });
    });
    as_stored(a.x, a.x_bf16, [&](auto* x) {
        row.for_packs(aligned4(x + first), [&](int j, auto n) {
            auto v = load(x + first + j, n);
#pragma unroll
            for (int k = 0; k < n.value; ++k)
                v[k] = v[k] * scale;
            store(normalised + j, v, n);
        });
    });
    const Pack<1> products =
        row.template sum<1>([&](int j, Pack<1>& sum) { sum[0] = fma(weighted[j], normalised[j], sum[0]); });
    const float mean = products[0] / static_cast<float>(a.width);
    as_stored(a.dx, a.x_bf16, [&](auto* dx) {
        row.for_packs(aligned4(dx + first), [&](int j, auto n) {
            const auto g = load(weighted + j, n);
            auto v = load(normalised + j, n);
#pragma unroll
            for (int k = 0; k < n.value; ++k)
                v[k] = scale * fma(-v[k], mean, g[k]);
            store_gradient(dx + first + j, v, a.accumulate, n);
        });
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
    as_stored(a.dy, a.y_bf16, [&](auto* dy) {
        as_stored(a.x, a.x_bf16, [&](auto* x) {
            sum_columns<1>(a.plan, outputs, a.partials, a.tickets, [&](int64_t r, int64_t j, Pack<1>& sum) {
                const int64_t i = r * a.plan.width + j;
                sum[0] = fma(load(dy + i), load(x + i) * a.rstd[r], sum[0]);
            });
        });
    });
}
