// softcap: y = cap tanh(scale x / cap), scale x if cap <= 0, and its backward dx = dy scale (1 - (y / cap)^2).
// All (count), float32 or bfloat16; dx may be dy or y. Grid-stride over packs of four. Bounds: one read and one write;
// two reads and one write. Each element is computed by itself: no order to keep.
#include "softcap.h"

#include "common/vec.h"

using namespace gimbal;
using namespace gimbal::device;

namespace {

template <class T> GB_DEVICE void forward(const SoftcapArguments& a) {
    const T* x = static_cast<const T*>(a.x);
    T* y = static_cast<T*>(a.y);
    for_packs(a.count, aligned4(x) && aligned4(y), [&](int64_t i, auto n) {
        auto v = load(x + i, n);
#pragma unroll
        for (int k = 0; k < n.value; ++k) {
            v[k] = a.scale * v[k];
            if (a.cap > 0.0f) v[k] = a.cap * device::tanh(v[k] / a.cap);
        }
        store(y + i, v, n);
    });
}

template <class T> GB_DEVICE void backward(const SoftcapBackwardArguments& a) {
    const bool capped = a.cap > 0.0f;
    const float divisor = capped ? a.cap : 1.0f;
    const T *dy = static_cast<const T*>(a.dy), *y = static_cast<const T*>(capped ? a.y : a.dy);
    T* dx = static_cast<T*>(a.dx);
    for_packs(a.count, aligned4(dy) && aligned4(y) && aligned4(dx), [&](int64_t i, auto n) {
        auto g = load(dy + i, n);
        Pack<n.value> v{}; // x times 1 is x
        if (capped) v = load(y + i, n);
#pragma unroll
        for (int k = 0; k < n.value; ++k) {
            const float t = v[k] / divisor;
            g[k] = a.scale * g[k] * fma(-t, t, 1.0f);
        }
        store(dx + i, g, n);
    });
}

} // namespace

extern "C" __global__ void __launch_bounds__(kSoftcapThreads) softcap_kernel(SoftcapArguments a) {
    forward<float>(a);
}
extern "C" __global__ void __launch_bounds__(kSoftcapThreads) softcap_kernel_bf16(SoftcapArguments a) {
    forward<bf16>(a);
}

extern "C" __global__ void __launch_bounds__(kSoftcapThreads) softcap_backward_kernel(SoftcapBackwardArguments a) {
    backward<float>(a);
}
extern "C" __global__ void __launch_bounds__(kSoftcapThreads) softcap_backward_kernel_bf16(SoftcapBackwardArguments a) {
    backward<bf16>(a);
}
