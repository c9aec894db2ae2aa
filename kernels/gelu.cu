// gelu: y = x Phi(x), by erf or by the tanh form, and its backward; formulas in common/gelu.h.
// All (count), float32 or bfloat16. Grid-stride over packs of four. Bounds: one read and one write; two reads and one
// write. Each element is computed by itself: no order to keep.
#include "gelu.h"

#include "common/vec.h"

#include "common/gelu.h"

using namespace gimbal;
using namespace gimbal::device;

namespace {

template <class T, class Form> GB_DEVICE void gelu(const GeluArguments& a) {
    const T* x = static_cast<const T*>(a.x);
    T* y = static_cast<T*>(a.y);
    for_packs(a.count, aligned4(x) && aligned4(y), [&](int64_t i, auto n) {
        auto v = load(x + i, n);
#pragma unroll
        for (int k = 0; k < n.value; ++k)
            v[k] = v[k] * Form::cdf(v[k]);
        store(y + i, v, n);
    });
}

template <class T, class Form> GB_DEVICE void gelu_backward(const GeluBackwardArguments& a) {
    const T *dy = static_cast<const T*>(a.dy), *x = static_cast<const T*>(a.x);
    T* dx = static_cast<T*>(a.dx);
    for_packs(a.count, aligned4(dy) && aligned4(x) && aligned4(dx), [&](int64_t i, auto n) {
        auto g = load(dy + i, n);
        const auto v = load(x + i, n);
#pragma unroll
        for (int k = 0; k < n.value; ++k)
            g[k] = g[k] * Form::slope(v[k]);
        store(dx + i, g, n);
    });
}

} // namespace

extern "C" __global__ void __launch_bounds__(kGeluThreads) gelu_kernel_tanh(GeluArguments a) {
    gelu<float, GeluTanh>(a);
}
extern "C" __global__ void __launch_bounds__(kGeluThreads) gelu_kernel_tanh_bf16(GeluArguments a) {
    gelu<bf16, GeluTanh>(a);
}
extern "C" __global__ void __launch_bounds__(kGeluThreads) gelu_kernel_erf(GeluArguments a) {
    gelu<float, GeluErf>(a);
}
extern "C" __global__ void __launch_bounds__(kGeluThreads) gelu_kernel_erf_bf16(GeluArguments a) {
    gelu<bf16, GeluErf>(a);
}

extern "C" __global__ void __launch_bounds__(kGeluThreads) gelu_backward_kernel_tanh(GeluBackwardArguments a) {
    gelu_backward<float, GeluTanh>(a);
}
extern "C" __global__ void __launch_bounds__(kGeluThreads) gelu_backward_kernel_tanh_bf16(GeluBackwardArguments a) {
    gelu_backward<bf16, GeluTanh>(a);
}
extern "C" __global__ void __launch_bounds__(kGeluThreads) gelu_backward_kernel_erf(GeluBackwardArguments a) {
    gelu_backward<float, GeluErf>(a);
}
extern "C" __global__ void __launch_bounds__(kGeluThreads) gelu_backward_kernel_erf_bf16(GeluBackwardArguments a) {
    gelu_backward<bf16, GeluErf>(a);
}
