// multiply: y = a b, and 0 where b is 0, even if a is not finite.
// All (count) float32; y may be a or b. Grid-stride over packs of four. Bound: two reads and one write. Each element is
// computed by itself: no order to keep.
#include "multiply.h"

#include "common/statistics.h"

using namespace gimbal;
using namespace gimbal::device;

extern "C" __global__ void __launch_bounds__(kMultiplyThreads) multiply_kernel(MultiplyArguments p) {
    for_packs(p.count, aligned4(p.a) && aligned4(p.b) && aligned4(p.y), [&](int64_t i, auto n) {
        const auto a = load(p.a + i, n), b = load(p.b + i, n);
        auto y = a;
#pragma unroll
        for (int k = 0; k < n.value; ++k)
            y[k] = Weight{b[k]}.times(a[k]);
        store(p.y + i, y, n);
    });
}
