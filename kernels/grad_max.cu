// grad_max: state.gradient_norm = max |g|, NaN if one is, state.clip_coefficient = min(1, max_norm / (norm + 1e-6)), 1
// if max_norm <= 0. gradients (count) float32, the state on the device. Grid-stride over packs of four; the last block
// takes the largest of the blocks. Bound: one read. A maximum has the same bits in any order.
#include "grad_max.h"

#include "common/ticket.h"
#include "common/vec.h"

using namespace gimbal;
using namespace gimbal::device;

namespace {

// Without their sign, floats are ordered as their bits are, and NaN is above infinity.
GB_DEVICE unsigned larger(unsigned a, unsigned b) {
    return a > b ? a : b;
}

// In the block's first thread.
GB_DEVICE unsigned largest_of_block(unsigned own, unsigned* shared) {
    for (int offset = 16; offset > 0; offset /= 2)
        own = larger(own, __shfl_xor_sync(~0u, own, offset));
    if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = own;
    __syncthreads();
    if (threadIdx.x == 0)
        for (int w = 1; w < kGradMaxThreads / 32; ++w)
            own = larger(own, shared[w]);
    return own;
}

} // namespace

extern "C" __global__ void __launch_bounds__(kGradMaxThreads) grad_max_kernel(GradMaxArguments a) {
    GB_SHARED(unsigned, shared, kGradMaxThreads / 32);
    unsigned own = 0;
    for_packs(a.count, aligned4(a.gradients), [&](int64_t i, auto n) {
        const auto g = load(a.gradients + i, n);
#pragma unroll
        for (int k = 0; k < n.value; ++k)
            own = larger(own, __float_as_uint(abs(g[k])));
    });
    own = largest_of_block(own, shared);
    if (threadIdx.x == 0) a.largest[blockIdx.x] = own;
    if (!is_last_block(a.ticket, gridDim.x)) return;
    own = 0;
    for (unsigned block = threadIdx.x; block < gridDim.x; block += kGradMaxThreads)
        own = larger(own, a.largest[block]);
    own = largest_of_block(own, shared);
    if (threadIdx.x != 0) return;
    const float norm = __uint_as_float(own);
    const double coefficient = static_cast<double>(a.max_norm) / (static_cast<double>(norm) + 1e-6);
    *a.gradient_norm = norm;
    *a.clip_coefficient = a.max_norm <= 0.0f || coefficient >= 1 ? 1.0f : static_cast<float>(coefficient);
}
