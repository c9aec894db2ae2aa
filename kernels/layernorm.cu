// layernorm: y_j = (x_j - mean) rstd weight_j + bias_j, biased variance, in two passes over the row: the mean, then the
// squares about it. Backward: dx_j = rstd (g_j - mean g - xhat_j mean(g xhat)) with g = dy weight, xhat = (x - mean)
// rstd; dweight_j += sum_r dy xhat, dbias_j += sum_r dy. x, y, dy, dx (rows, width), weight, bias (width), mean, rstd
// (rows), float32.
//
// Rows by common/rows.h, the bits of the CPU; dweight and dbias in a pass of their own by common/column_sum.h, the bits
// of the CPU up to 128 rows. Bounds: forward one read and one write of the rows; backward two reads and one write, then
// two reads.
#include "layernorm.h"

#include "common/column_sum.h"
#include "common/rows.h"
#include "common/storage.h"

using namespace gimbal;
using namespace gimbal::device;

namespace {

template <int kThreads> GB_DEVICE void layernorm(const LayernormArguments& a) {
    GB_DYNAMIC_SHARED(float, shared);
    const Row<kThreads> row(a.rows, a.width);
    const int64_t first = row.index() * a.width;
    float* staged = row.staged(shared);
    as_stored(a.x, a.x_bf16, [&](auto* x) {
        row.for_packs(aligned4(x + first), [&](int j, auto n) { store(staged + j, load(x + first + j, n), n); });
    });
    const float count = static_cast<float>(a.width);
    const Pack<1> total = row.template sum<1>([&](int j, Pack<1>& sum) { sum[0] = sum[0] + staged[j]; });
    const float centre = total[0] / count;
    const Pack<1> squares = row.template sum<1>([&](int j, Pack<1>& sum) {
        const float v = staged[j] - centre;
        sum[0] = fma(v, v, sum[0]);
    });
    const float scale = 1.0f / sqrt(squares[0] / count + a.epsilon);
    if (a.rstd != nullptr && row.is_first_thread()) {
        a.mean[row.index()] = centre;
        a.rstd[row.index()] = scale;
    }
    as_stored(a.weight, a.weight_bf16, [&](auto* weight) {
        const auto* bias = static_cast<decltype(weight)>(a.bias);
        as_stored(a.y, a.y_bf16, [&](auto* y) {
            const bool aligned = aligned4(weight) && aligned4(y + first) && (bias == nullptr || aligned4(bias));
            row.for_packs(aligned, [&](int j, auto n) {
                auto v = load(staged + j, n);
                const auto w = load(weight + j, n);
#pragma unroll
                for (int k = 0; k < n.value; ++k)
                    v[k] = (v[k] - centre) * scale * w[k];
                if (bias != nullptr) {
                    const auto b = load(bias + j, n);
#pragma unroll
                    for (int k = 0; k < n.value; ++k)
                        v[k] = v[k] + b[k];
                }
                store(y + first + j, v, n);
            });
        });
    });
}

// Staged: g and xhat.
template <int kThreads> GB_DEVICE void layernorm_backward(const LayernormBackwardArguments& a) {
    GB_DYNAMIC_SHARED(float, shared);
    const Row<kThreads> row(a.rows, a.width);
    const int64_t first = row.index() * a.width;
    float *weighted = row.staged(shared, 0), *normalised = row.staged(shared, 1);
    const float centre = row.width() > 0 ? a.mean[row.index()] : 0.0f;
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
                v[k] = (v[k] - centre) * scale;
            store(normalised + j, v, n);
        });
    });
    const Pack<2> sums = row.template sum<2>([&](int j, Pack<2>& sum) {
        sum[0] = sum[0] + weighted[j];
        sum[1] = fma(weighted[j], normalised[j], sum[1]);
    });
    const float count = static_cast<float>(a.width);
    const float mean_gradient = sums[0] / count, mean_product = sums[1] / count;
    as_stored(a.dx, a.x_bf16, [&](auto* dx) {
        row.for_packs(aligned4(dx + first), [&](int j, auto n) {
            const auto g = load(weighted + j, n);
            auto v = load(normalised + j, n);
#pragma unroll
            for (int k = 0; k < n.value; ++k)
                v[k] = scale * fma(-v[k], mean_product, g[k] - mean_gradient);
            store_gradient(dx + first + j, v, a.accumulate, n);
        });
    });
}

} // namespace

extern "C" __global__ void __launch_bounds__(kRowThreads) layernorm_kernel(LayernormArguments a) {
    layernorm<kRowThreads>(a);
}
extern "C" __global__ void __launch_bounds__(kRowThreads) layernorm_kernel_team(LayernormArguments a) {
    layernorm<kTeamThreads>(a);
}

extern "C" __global__ void __launch_bounds__(kRowThreads) layernorm_backward_kernel(LayernormBackwardArguments a) {
    layernorm_backward<kRowThreads>(a);
}
extern "C" __global__ void __launch_bounds__(kRowThreads) layernorm_backward_kernel_team(LayernormBackwardArguments a) {
    layernorm_backward<kTeamThreads>(a);
}

extern "C" __global__ void __launch_bounds__(kColumnThreads)
    layernorm_backward_kernel_weight(LayernormWeightArguments a) {
    float* const outputs[] = {a.dweight, a.dbias};
    as_stored(a.dy, a.y_bf16, [&](auto* dy) {
        as_stored(a.x, a.x_bf16, [&](auto* x) {
            sum_columns<2>(a.plan, outputs, a.partials, a.tickets, [&](int64_t r, int64_t j, Pack<2>& sum) {
                const int64_t i = r * a.plan.width + j;
                const float g = load(dy + i);
                sum[0] = fma(g, (load(x + i) - a.mean[r]) * a.rstd[r], sum[0]);
                sum[1] = sum[1] + g;
            });
        });
    });
}
