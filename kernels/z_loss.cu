// z_loss: losses_r += coefficient lse_r^2, and its backward dlogits_j = 2 coefficient dlosses lse p_j, 0 where dlosses
// is 0. lse, losses, dlosses (rows) float32; logits (rows, vocabulary) at logits_stride, dlogits dense, float32 or
// bfloat16. Forward: grid-stride over packs of four. Backward: a block to 4096 columns of a row. Bound of the backward:
// one read and one write of the logits. Each element is computed by itself: no order to keep.
#include "z_loss.h"

#include "common/vec.h"

using namespace gimbal;
using namespace gimbal::device;

namespace {

template <class T> GB_DEVICE void backward(const ZLossBackwardArguments& a) {
    const int64_t r = blockIdx.x, first = blockIdx.y * kZLossColumns;
    const T* z = static_cast<const T*>(a.logits) + r * a.logits_stride + first;
    T* dz = static_cast<T*>(a.dlogits) + r * a.vocabulary + first;
    const int64_t left = a.vocabulary - first, count = left < kZLossColumns ? left : kZLossColumns;
    const float lse = a.lse[r], dloss = a.dlosses[r], factor = 2.0f * a.coefficient * dloss * lse;
    const auto column = [&](int64_t j, auto n) {
        Pack<n.value> v{};
        if (dloss != 0.0f) { // else its logits are not read
            v = load(z + j, n);
#pragma unroll
            for (int k = 0; k < n.value; ++k)
                v[k] = factor * exp(v[k] - lse);
        }
        store(dz + j, v, n);
    };
    const int64_t packs = aligned4(z) && aligned4(dz) ? count / 4 : 0;
    for (int64_t i = threadIdx.x; i < packs; i += kZLossThreads)
        column(4 * i, Width<4>{});
    for (int64_t j = 4 * packs + threadIdx.x; j < count; j += kZLossThreads)
        column(j, Width<1>{});
}

} // namespace

extern "C" __global__ void __launch_bounds__(kZLossThreads) z_loss_kernel(ZLossArguments a) {
    for_packs(a.rows, aligned4(a.lse) && aligned4(a.losses), [&](int64_t i, auto n) {
        const auto lse = load(a.lse + i, n);
        auto losses = load(a.losses + i, n);
#pragma unroll
        for (int k = 0; k < n.value; ++k)
            losses[k] = fma(a.coefficient * lse[k], lse[k], losses[k]);
        store(a.losses + i, losses, n);
    });
}

extern "C" __global__ void __launch_bounds__(kZLossThreads) z_loss_backward_kernel(ZLossBackwardArguments a) {
    backward<float>(a);
}
extern "C" __global__ void __launch_bounds__(kZLossThreads) z_loss_backward_kernel_bf16(ZLossBackwardArguments a) {
    backward<bf16>(a);
}
