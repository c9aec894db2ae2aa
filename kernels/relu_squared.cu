// relu_squared: y = max(x, 0)^2, and its backward dx = 2 dy max(x, 0).
// All (count), float32 or bfloat16; dx may be dy or x. Grid-stride over packs of four. Bounds: one read and one write;
// two reads and one write. Each element is computed by itself: no order to keep.
#include "relu_squared.h"

#include "common/vec.h"

using namespace gimbal;
using namespace gimbal::device;

namespace {

// NaN stays NaN: max gives its second operand where one is.
template <class T> GB_DEVICE void forward(const ReluSquaredArguments& a) {
    const T* x = static_cast<const T*>(a.x);
    T* y = static_cast<T*>(a.y);
    for_packs(a.count, aligned4(x) && aligned4(y), [&](int64_t i, auto n) {
        auto v = load(x + i, n);
#pragma unroll
        for (int k = 0; k < n.value; ++k) {
            const float above = max(0.0f, v[k]);
            v[k] = above * above;
        }
        store(y + i, v, n);
    });
}

template <class T> GB_DEVICE void backward(const ReluSquaredBackwardArguments& a) {
    const T *dy = static_cast<const T*>(a.dy), *x = static_cast<const T*>(a.x);
    T* dx = static_cast<T*>(a.dx);
    for_packs(a.count, aligned4(dy) && aligned4(x) && aligned4(dx), [&](int64_t i, auto n) {
        auto g = load(dy + i, n);
        const auto v = load(x + i, n);
#pragma unroll
        for (int k = 0; k < n.value; ++k) {
            const float above = max(0.0f, v[k]);
            g[k] = g[k] * (above + above);
        }
        store(dx + i, g, n);
    });
}

} // namespace

extern "C" __global__ void __launch_bounds__(kReluSquaredThreads) relu_squared_kernel(ReluSquaredArguments a) {
    forward<float>(a);
}
extern "C" __global__ void __launch_bounds__(kReluSquaredThreads) relu_squared_kernel_bf16(ReluSquaredArguments a) {
    forward<bf16>(a);
}

extern "C" __global__ void __launch_bounds__(kReluSquaredThreads)
    relu_squared_backward_kernel(ReluSquaredBackwardArguments a) {
    backward<float>(a);
}
extern "C" __global__ void __launch_bounds__(kReluSquaredThreads)
    relu_squared_backward_kernel_bf16(ReluSquaredBackwardArguments a) {
    backward<bf16>(a);
}
