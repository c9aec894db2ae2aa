// gelu: y = x Phi(x), by erf or by the tanh form, and its backward; formulas in common/gelu.h.
// All (count) float32. Grid-stride over packs of four. Bounds: one read and one write; two reads and one write. Each
// element is computed by itself: no order to keep.
#include "gelu.h"

#include "common/vec.h"

#include "common/gelu.h"

using namespace gimbal;
using namespace gimbal::device;

template <class Form> GB_DEVICE void gelu(const GeluArguments& a) {
    for_packs(a.count, aligned4(a.x) && aligned4(a.y), [&](int64_t i, auto n) {
        auto v = load(a.x + i, n);
#pragma unroll
        for (int k = 0; k < n.value; ++k)
            v[k] = v[k] * Form::cdf(v[k]);
        store(a.y + i, v, n);
    });
}

extern "C" __global__ void __launch_bounds__(kGeluThreads) gelu_kernel_tanh(GeluArguments a) {
    gelu<GeluTanh>(a);
}
extern "C" __global__ void __launch_bounds__(kGeluThreads) gelu_kernel_erf(GeluArguments a) {
    gelu<GeluErf>(a);
}

template <class Form> GB_DEVICE void gelu_backward(const GeluBackwardArguments& a) {
    for_packs(a.count, aligned4(a.dy) && aligned4(a.x) && aligned4(a.dx), [&](int64_t i, auto n) {
        auto g = load(a.dy + i, n);
        const auto v = load(a.x + i, n);
#pragma unroll
        for (int k = 0; k < n.value; ++k)
            g[k] = g[k] * Form::slope(v[k]);
        store(a.dx + i, g, n);
    });
}

extern "C" __global__ void __launch_bounds__(kGeluThreads) gelu_backward_kernel_tanh(GeluBackwardArguments a) {
    gelu_backward<GeluTanh>(a);
}
extern "C" __global__ void __launch_bounds__(kGeluThreads) gelu_backward_kernel_erf(GeluBackwardArguments a) {
    gelu_backward<GeluErf>(a);
}
