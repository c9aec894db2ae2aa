// attention of bfloat16, forward and backward; attention.cu has the formula. q, k, v, y and their gradients bfloat16,
// lse float32. Heads of up to 128 channels, padded with zeros to 64 or 128; attention_bf16_wide.cu has the wider ones.
//
// Products go through the tensor cores. Scores, sums and softmax are float32, weights are rounded to bfloat16 before
// they meet the values (their sum is of the unrounded ones), and so are p and ds in the backward. A warp holds 16 rows.
// Prefill: 64 rows (token, head of a key head's group) to a block, whose warps share keys and values. Decoding: a warp
// to a split of 256 keys of 16 rows, merged by a second launch. Backward: D of every row, then a block owns 64 keys and
// walks the queries that see them, and another owns 64 queries and walks their keys. Bound: mma.sync and the
// exponentials; in decoding the bytes of keys and values.
//
// Order of additions, the same in prefill and decoding: 16 channels or 16 keys to an instruction, ascending; blocks of
// 32 keys with running maximum, sum and accumulator; splits of 256 keys, merged ascending. A row depends on no other
// row, as long as the later keys of its block are finite: their weights are 0, and 0 times infinity is not.
#include "attention.h"

#include "attention/backward.h"
#include "attention/merge.h"
#include "attention/tensor_backward.h"
#include "attention/tensor_forward.h"

using namespace gimbal;
using namespace gimbal::device;

#define GB_ATTENTION(name, arguments, memory, body)                                                                    \
    extern "C" __global__ void __launch_bounds__(kAttentionThreads) name(arguments a) {                                \
        GB_DYNAMIC_SHARED(memory, shared);                                                                             \
        body(a, shared);                                                                                               \
    }
GB_ATTENTION(attention_kernel_bf16_64, AttentionArguments, bf16, attend_tensor<kAttentionNarrow>)
GB_ATTENTION(attention_kernel_bf16_128, AttentionArguments, bf16, attend_tensor<kAttentionWide>)
GB_ATTENTION(attention_kernel_bf16_few_64, AttentionArguments, bf16, attend_tensor_few<kAttentionNarrow>)
GB_ATTENTION(attention_kernel_bf16_few_128, AttentionArguments, bf16, attend_tensor_few<kAttentionWide>)
GB_ATTENTION(attention_backward_kernel_bf16_keys_64, AttentionBackwardArguments, bf16,
             attend_tensor_keys<kAttentionNarrow>)
GB_ATTENTION(attention_backward_kernel_bf16_keys_128, AttentionBackwardArguments, bf16,
             attend_tensor_keys<kAttentionWide>)
GB_ATTENTION(attention_backward_kernel_bf16_queries_64, AttentionBackwardArguments, bf16,
             attend_tensor_queries<kAttentionNarrow>)
GB_ATTENTION(attention_backward_kernel_bf16_queries_128, AttentionBackwardArguments, bf16,
             attend_tensor_queries<kAttentionWide>)
#undef GB_ATTENTION

extern "C" __global__ void __launch_bounds__(kAttentionThreads) attention_kernel_bf16_merge(AttentionArguments a) {
    merge_splits<bf16>(a);
}

extern "C" __global__ void __launch_bounds__(kAttentionThreads)
    attention_backward_kernel_bf16_dots(AttentionBackwardArguments a) {
    dot_outputs<bf16>(a);
}
