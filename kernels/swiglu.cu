// swiglu: y_j = gate_j sigmoid(gate_j) up_j, and its backward. With s = sigmoid(gate):
// dgate = dy up (s + gate s (1 - s)), dup = dy gate s.
// x, dx (rows, 2 width) gate | up, y, dy (rows, width), float32; dx may be x: an index reads its gate and up before it
// writes them. Grid-stride over packs of four. Bounds: three floats of traffic per output, five in the backward. Each
// element is computed by itself: no order to keep.
#include "swiglu.h"

#include "common/row_packs.h"

using namespace gimbal;
using namespace gimbal::device;

extern "C" __global__ void __launch_bounds__(kSwigluThreads) swiglu_kernel(SwigluArguments a) {
    for_row_packs(a.rows, a.width, aligned4(a.x) && aligned4(a.y), [&](int64_t r, int64_t j, auto n) {
        const float* gates = a.x + r * 2 * a.width + j;
        auto v = load(gates, n);
        const auto up = load(gates + a.width, n);
#pragma unroll
        for (int k = 0; k < n.value; ++k)
            v[k] = v[k] * sigmoid(v[k]) * up[k];
        store(a.y + r * a.width + j, v, n);
    });
}

extern "C" __global__ void __launch_bounds__(kSwigluThreads) swiglu_backward_kernel(SwigluBackwardArguments a) {
    const bool aligned = aligned4(a.dy) && aligned4(a.x) && aligned4(a.dx);
    for_row_packs(a.rows, a.width, aligned, [&](int64_t r, int64_t j, auto n) {
        const int64_t gates = r * 2 * a.width + j, ups = gates + a.width;
        const auto g = load(a.dy + r * a.width + j, n);
        auto gate = load(a.x + gates, n), up = load(a.x + ups, n);
#pragma unroll
        for (int k = 0; k < n.value; ++k) {
            float slope;
            const float s = sigmoid(gate[k], slope);
            const float dgate = g[k] * up[k] * fma(gate[k], slope, s);
            up[k] = g[k] * (gate[k] * s);
            gate[k] = dgate;
        }
        store(a.dx + gates, gate, n);
        store(a.dx + ups, up, n);
    });
}
