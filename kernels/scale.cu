// scale: x_i *= factor, in place.
// x (count) float32. Grid-stride over packs of four. Bound: one read and one write. Each element is computed by itself:
// no order to keep.
#include "scale.h"

#include "common/vec.h"

using namespace gimbal;
using namespace gimbal::device;

extern "C" __global__ void __launch_bounds__(kScaleThreads) scale_kernel(ScaleArguments a) {
    for_packs(a.count, aligned4(a.x), [&](int64_t i, auto width) {
        auto x = load(a.x + i, width);
        for (int k = 0; k < width.value; ++k)
            x[k] = a.factor * x[k];
        store(a.x + i, x, width);
    });
}
