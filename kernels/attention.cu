// attention: y_i = sum_{j <= p_i} softmax_j(scale q_i . k_j) v_j for every head, and its backward; gimbal.h has the
// shapes and the formulas.
// q, y and their gradients, k, v and theirs: float32. head_dim is any: 128 channels at most are summed by one block of
// threads, in tiles 64 or 128 wide. lse float32.
//
// Forward: a block of threads owns 64 rows (token, head of a key head's group) of one sequence, 16 when decoding, and
// walks their keys 32 at a time through shared memory, as FlashAttention does (Dao et al. 2022). Backward: first D of
// every row, then a block owns 32 keys and walks the queries that see them, and another owns 32 queries and walks their
// keys: 7 products instead of 5, for which nothing is added by two blocks. Bound: FFMA in prefill and training; in
// decoding, where each split has a block and a second launch merges them, the bytes of keys and values.
//
// Order of additions: the CPU's, native/src/cpu/attention/. A score is one chain over the channels; blocks of 32 keys,
// splits of 256, merged ascending; weights of a row are summed in 16 lanes (lane = key mod 16). It depends on neither
// the tile, the neighbours nor the device.
#include "attention.h"

#include "attention/backward.h"
#include "attention/forward.h"
#include "attention/merge.h"

using namespace gimbal;
using namespace gimbal::device;

#define GB_ATTENTION_FORWARD(name, rows, width, type)                                                                  \
    extern "C" __global__ void __launch_bounds__(kAttentionThreads) name(AttentionArguments a) {                       \
        GB_DYNAMIC_SHARED(float, shared);                                                                              \
        attend<rows / kThreadsDown, width, type, type>(a, shared);                                                     \
    }
#define GB_ATTENTION_BACKWARD(name, body, width, type)                                                                 \
    extern "C" __global__ void __launch_bounds__(kAttentionThreads) name(AttentionBackwardArguments a) {               \
        GB_DYNAMIC_SHARED(float, shared);                                                                              \
        body<width, type, type>(a, shared);                                                                            \
    }
#define GB_ATTENTION(suffix, width, type)                                                                              \
    GB_ATTENTION_FORWARD(attention_kernel##suffix, kAttentionRows, width, type)                                        \
    GB_ATTENTION_FORWARD(attention_kernel_few##suffix, kAttentionFewRows, width, type)                                 \
    GB_ATTENTION_BACKWARD(attention_backward_kernel_keys##suffix, attend_backward_keys, width, type)                   \
    GB_ATTENTION_BACKWARD(attention_backward_kernel_queries##suffix, attend_backward_queries, width, type)
GB_ATTENTION(_64, kAttentionNarrow, float)
GB_ATTENTION(_128, kAttentionWide, float)

extern "C" __global__ void __launch_bounds__(kAttentionThreads) attention_kernel_merge(AttentionArguments a) {
    merge_splits<float>(a);
}

extern "C" __global__ void __launch_bounds__(kAttentionThreads)
    attention_backward_kernel_dots(AttentionBackwardArguments a) {
    dot_outputs<float>(a);
}
