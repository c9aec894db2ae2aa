// swiglu: y_j = gate_j sigmoid(gate_j) up_j, and its backward. With s = sigmoid(gate):
// dgate = dy up (s + gate s (1 - s)), dup = dy gate s.
// x, dx (rows, 2 width) gate | up, y, dy (rows, width), float32 or bfloat16; dx may be x: an index reads its gate and
// up before it writes them. Grid-stride over packs of four. Bounds: three elements of traffic per output, five in the
// backward. Each element is computed by itself: no order to keep.
#include "swiglu.h"

#include "common/row_packs.h"

using namespace gimbal;
using namespace gimbal::device;

namespace {

template <class T> GB_DEVICE void swiglu(const SwigluArguments& a) {
    const T* x = static_cast<const T*>(a.x);
    T* y = static_cast<T*>(a.y);
    for_row_packs(a.rows, a.width, aligned4(x) && aligned4(y), [&](int64_t r, int64_t j, auto n) {
        const T* gates = x + r * 2 * a.width + j;
        auto v = load(gates, n);
        const auto up = load(gates + a.width, n);
#pragma unroll
        for (int k = 0; k < n.value; ++k)
            v[k] = v[k] * sigmoid(v[k]) * up[k];
        store(y + r * a.width + j, v, n);
    });
}

template <class T> GB_DEVICE void swiglu_backward(const SwigluBackwardArguments& a) {
    const T *dy = static_cast<const T*>(a.dy), *x = static_cast<const T*>(a.x);
    T* dx = static_cast<T*>(a.dx);
    const bool aligned = aligned4(dy) && aligned4(x) && aligned4(dx);
    for_row_packs(a.rows, a.width, aligned, [&](int64_t r, int64_t j, auto n) {
        const int64_t gates = r * 2 * a.width + j, ups = gates + a.width;
        const auto g = load(dy + r * a.width + j, n);
        auto gate = load(x + gates, n), up = load(x + ups, n);
#pragma unroll
        for (int k = 0; k < n.value; ++k) {
            float slope;
            const float s = sigmoid(gate[k], slope);
            const float dgate = g[k] * up[k] * fma(gate[k], slope, s);
            up[k] = g[k] * (gate[k] * s);
            gate[k] = dgate;
        }
        store(dx + gates, gate, n);
        store(dx + ups, up, n);
    });
}

} // namespace

extern "C" __global__ void __launch_bounds__(kSwigluThreads) swiglu_kernel(SwigluArguments a) {
    swiglu<float>(a);
}
extern "C" __global__ void __launch_bounds__(kSwigluThreads) swiglu_kernel_bf16(SwigluArguments a) {
    swiglu<bf16>(a);
}

extern "C" __global__ void __launch_bounds__(kSwigluThreads) swiglu_backward_kernel(SwigluBackwardArguments a) {
    swiglu_backward<float>(a);
}
extern "C" __global__ void __launch_bounds__(kSwigluThreads) swiglu_backward_kernel_bf16(SwigluBackwardArguments a) {
    swiglu_backward<bf16>(a);
}
