// tanh: y = tanh(x), and its backward dx = dy (1 - y^2).
// All (count), float32 or bfloat16; dx may be dy. Grid-stride over packs of four. Bounds: one read and one write; two
// reads and one write. Each element is computed by itself: no order to keep.
#include "tanh.h"

#include "common/vec.h"

using namespace gimbal;
using namespace gimbal::device;

namespace {

template <class T> GB_DEVICE void forward(const TanhArguments& a) {
    const T* x = static_cast<const T*>(a.x);
    T* y = static_cast<T*>(a.y);
    for_packs(a.count, aligned4(x) && aligned4(y), [&](int64_t i, auto n) {
        auto v = load(x + i, n);
#pragma unroll
        for (int k = 0; k < n.value; ++k)
            v[k] = device::tanh(v[k]);
        store(y + i, v, n);
    });
}

template <class T> GB_DEVICE void backward(const TanhBackwardArguments& a) {
    const T *dy = static_cast<const T*>(a.dy), *y = static_cast<const T*>(a.y);
    T* dx = static_cast<T*>(a.dx);
    for_packs(a.count, aligned4(dy) && aligned4(y) && aligned4(dx), [&](int64_t i, auto n) {
        auto g = load(dy + i, n);
        const auto v = load(y + i, n);
#pragma unroll
        for (int k = 0; k < n.value; ++k)
            g[k] = g[k] * fma(-v[k], v[k], 1.0f);
        store(dx + i, g, n);
    });
}

} // namespace

extern "C" __global__ void __launch_bounds__(kTanhThreads) tanh_kernel(TanhArguments a) {
    forward<float>(a);
}
extern "C" __global__ void __launch_bounds__(kTanhThreads) tanh_kernel_bf16(TanhArguments a) {
    forward<bf16>(a);
}

extern "C" __global__ void __launch_bounds__(kTanhThreads) tanh_backward_kernel(TanhBackwardArguments a) {
    backward<float>(a);
}
extern "C" __global__ void __launch_bounds__(kTanhThreads) tanh_backward_kernel_bf16(TanhBackwardArguments a) {
    backward<bf16>(a);
}
