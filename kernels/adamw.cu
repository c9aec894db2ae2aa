// adamw: g = clip gradient; m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2;
// w = w (1 - lr decay) - lr (m / bias1) / (sqrt(v / bias2) + epsilon); the first decay_count elements decay.
// All (count) float32, the optional copy of the weights float32 or bfloat16. What changes from step to step is read
// from the step state on the device, and worked out in double once per block, as on the CPU.
//
// Grid-stride over packs of four. Bound: four reads and three writes, and the copy. Each element is computed by itself:
// no order to keep.
#include "adamw.h"

#include "common/vec.h"

using namespace gimbal;
using namespace gimbal::device;

namespace {

// What depends on the step alone.
struct Step {
    float clip, rate, root_bias2, decayed; // rate: -lr / bias1
};

template <class Copy> GB_DEVICE void adamw(const AdamwArguments& a) {
    GB_SHARED(Step, shared, 1);
    if (threadIdx.x == 0) {
        const double rate = static_cast<double>(*a.learning_rate);
        shared[0].clip = *a.clip_coefficient;
        shared[0].rate = static_cast<float>(-rate / static_cast<double>(*a.bias_correction1));
        shared[0].root_bias2 = static_cast<float>(::sqrt(static_cast<double>(*a.bias_correction2)));
        shared[0].decayed = static_cast<float>(1.0 - rate * static_cast<double>(a.weight_decay));
    }
    __syncthreads();
    const Step step = shared[0];
    const float keep1 = 1.0f - a.beta1, keep2 = 1.0f - a.beta2;
    Copy* copy = static_cast<Copy*>(a.copy);
    const bool aligned = aligned4(a.weights) && aligned4(a.gradients) && aligned4(a.m) && aligned4(a.v) &&
                         (copy == nullptr || aligned4(copy));
    for_packs(a.count, aligned, [&](int64_t i, auto n) {
        const auto gradient = load(a.gradients + i, n);
        auto w = load(a.weights + i, n), m = load(a.m + i, n), v = load(a.v + i, n);
#pragma unroll
        for (int k = 0; k < n.value; ++k) {
            const float g = step.clip * gradient[k];
            m[k] = fma(a.beta1, m[k], keep1 * g);
            v[k] = fma(a.beta2, v[k], keep2 * g * g);
            const float denominator = sqrt(v[k]) / step.root_bias2 + a.epsilon;
            const float shrink = i + k < a.decay_count ? step.decayed : 1.0f;
            w[k] = fma(step.rate, m[k] / denominator, w[k] * shrink);
        }
        store(a.m + i, m, n);
        store(a.v + i, v, n);
        store(a.weights + i, w, n);
        if (copy != nullptr) store(copy + i, w, n);
    });
}

} // namespace

extern "C" __global__ void __launch_bounds__(kAdamwThreads) adamw_kernel(AdamwArguments a) {
    adamw<float>(a);
}
extern "C" __global__ void __launch_bounds__(kAdamwThreads) adamw_kernel_bf16(AdamwArguments a) {
    adamw<bf16>(a);
}
