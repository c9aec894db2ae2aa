// add: y_i = a_i + b_i.
// a, b, y (count) float32; y may be a or b. Grid-stride over packs of four. Bound: two reads and one write. Each
// element is computed by itself: no order to keep.
#include "add.h"

#include "common/vec.h"

using namespace gimbal;
using namespace gimbal::device;

extern "C" __global__ void __launch_bounds__(kAddThreads) add_kernel(AddArguments a) {
    for_packs(a.count, aligned4(a.a) && aligned4(a.b) && aligned4(a.y), [&](int64_t i, auto width) {
        auto sum = load(a.a + i, width);
        const auto b = load(a.b + i, width);
        for (int k = 0; k < width.value; ++k)
            sum[k] = sum[k] + b[k];
        store(a.y + i, sum, width);
    });
}
