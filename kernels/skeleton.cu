// skeleton: y_i = factor x_i, and its backward, which is the same map.
// x, y (count) float32; y may be x. Grid-stride over packs of four. Bound: one read and one write. Each element is
// computed by itself: no order to keep.
#include "skeleton.h"

#include "common/vec.h"

using namespace gimbal;
using namespace gimbal::device;

extern "C" __global__ void __launch_bounds__(kSkeletonThreads) skeleton_kernel(SkeletonArguments a) {
    for_packs(a.count, aligned4(a.x) && aligned4(a.y), [&](int64_t i, auto width) {
        auto x = load(a.x + i, width);
        for (int j = 0; j < width.value; ++j)
            x[j] = a.factor * x[j];
        store(a.y + i, x, width);
    });
}
