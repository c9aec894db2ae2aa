// tanh: y = tanh(x), and its backward dx = dy (1 - y^2).
// All (count) float32; dx may be dy. Grid-stride over packs of four. Bounds: one read and one write;
// two reads and one write. Each element is computed by itself: no order to keep.
#include "tanh.h"

#include "common/vec.h"

using namespace gimbal;
using namespace gimbal::device;

extern "C" __global__ void __launch_bounds__(kTanhThreads) tanh_kernel(TanhArguments a) {
    for_packs(a.count, aligned4(a.x) && aligned4(a.y), [&](int64_t i, auto width) {
        auto v = load(a.x + i, width);
#pragma unroll
        for (int k = 0; k < width.value; ++k)
            v[k] = device::tanh(v[k]);
        store(a.y + i, v, width);
    });
}

extern "C" __global__ void __launch_bounds__(kTanhThreads) tanh_backward_kernel(TanhBackwardArguments a) {
    for_packs(a.count, aligned4(a.dy) && aligned4(a.y) && aligned4(a.dx), [&](int64_t i, auto width) {
        auto g = load(a.dy + i, width);
        const auto y = load(a.y + i, width);
#pragma unroll
        for (int k = 0; k < width.value; ++k)
            g[k] = g[k] * fma(-y[k], y[k], 1.0f);
        store(a.dx + i, g, width);
    });
}
