// add: y_i = a_i + b_i.
// a, b, y (count), each float32 or bfloat16; y may be a or b. Grid-stride over packs of four. Bound: two reads and one
// write. Each element is computed by itself: no order to keep.
#include "add.h"

#include "common/storage.h"

using namespace gimbal;
using namespace gimbal::device;

extern "C" __global__ void __launch_bounds__(kAddThreads) add_kernel(AddArguments arguments) {
    const int64_t count = arguments.count;
    as_stored(arguments.a, arguments.a_bf16, [&](auto* a) {
        as_stored(arguments.b, arguments.b_bf16, [&](auto* b) {
            as_stored(arguments.y, arguments.y_bf16, [&](auto* y) {
                for_packs(count, aligned4(a) && aligned4(b) && aligned4(y), [&](int64_t i, auto n) {
                    auto sum = load(a + i, n);
                    const auto other = load(b + i, n);
#pragma unroll
                    for (int k = 0; k < n.value; ++k)
                        sum[k] = sum[k] + other[k];
                    store(y + i, sum, n);
                });
            });
        });
    });
}
