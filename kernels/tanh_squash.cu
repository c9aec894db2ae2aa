// tanh_squash: y = tanh(x), logprob_r -= sum_d log(1 - y_d^2 + epsilon).
// x, y (rows, dims), y nullable or x, logprob (rows), float32. Sixteen lanes to a row, a lane to every sixteenth
// dimension: the bits of the CPU. Bound: one read and one write.
#include "tanh_squash.h"

#include "common/reduce.h"

using namespace gimbal;
using namespace gimbal::device;

extern "C" __global__ void __launch_bounds__(kTanhSquashThreads) tanh_squash_kernel(TanhSquashArguments a) {
    const int64_t r = static_cast<int64_t>(blockIdx.x) * kTanhSquashRows + threadIdx.x / kLanes, at = r * a.dims;
    float sum = 0.0f;
    for_team(r < a.rows ? a.dims : 0, [&](int64_t d) {
        const float action = device::tanh(a.x[at + d]);
        if (a.y != nullptr) a.y[at + d] = action;
        sum = sum + log(fma(-action, action, 1.0f) + a.epsilon);
    });
    sum = sum_team(sum);
    if (r < a.rows && team_lane() == 0) a.logprob[r] = a.logprob[r] - sum;
}
