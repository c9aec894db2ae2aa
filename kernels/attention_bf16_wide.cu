// attention of bfloat16 with heads wider than 128 channels: computed as in float32, order of additions included, and
// rounded when stored; see attention.cu. Such heads are rare, so there is one tile for prefill and decoding, of 16
// rows.
#include "attention.h"

#include "attention/backward.h"
#include "attention/forward.h"

using namespace gimbal;
using namespace gimbal::device;

extern "C" __global__ void __launch_bounds__(kAttentionThreads) attention_kernel_bf16_wide(AttentionArguments a) {
    GB_DYNAMIC_SHARED(float, shared);
    attend<kAttentionFewRows / kThreadsDown, kAttentionWide, bf16, bf16>(a, shared);
}

extern "C" __global__ void __launch_bounds__(kAttentionThreads)
    attention_backward_kernel_bf16_keys_wide(AttentionBackwardArguments a) {
    GB_DYNAMIC_SHARED(float, shared);
    attend_backward_keys<kAttentionWide, bf16, bf16>(a, shared);
}

extern "C" __global__ void __launch_bounds__(kAttentionThreads)
    attention_backward_kernel_bf16_queries_wide(AttentionBackwardArguments a) {
    GB_DYNAMIC_SHARED(float, shared);
    attend_backward_queries<kAttentionWide, bf16, bf16>(a, shared);
}
