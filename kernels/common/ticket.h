// The end of a sum over blocks: each leaves its part in the workspace and draws a ticket; the block that draws the last
// one adds the parts, in an order of its own choosing. Who is last differs from run to run, what it computes does not.
#pragma once

#include "simt/simt.h"

namespace gimbal::device {

// True in every thread of the last of `blocks` blocks to call; what the others wrote before is then visible. The
// counter is 0 before the launch and after it. All threads of a block call together.
GB_DEVICE bool is_last_block(unsigned* ticket, unsigned blocks) {
    GB_SHARED(unsigned, drawn, 1);
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0) {
        drawn[0] = atomicAdd(ticket, 1u);
        if (drawn[0] == blocks - 1) *ticket = 0;
    }
    __syncthreads();
    __threadfence();
    return drawn[0] == blocks - 1;
}

} // namespace gimbal::device
