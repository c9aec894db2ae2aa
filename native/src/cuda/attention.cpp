// Kernels by the shape alone: where the sequences begin is known to the device only.
#include "attention_workspace.h"
#include "cuda/cuda.h"

namespace gimbal {
namespace {

AttentionSizes sizes_of(const gb_attention_shape& shape) {
    return {shape.q_heads,   shape.kv_heads, shape.head_dim, shape.q_stride,
            shape.kv_stride, shape.y_stride, shape.scale};
}

AttentionSequences sequences_of(const Cuda& cuda, const gb_attention_shape& shape, const int32_t* q_starts,
                                const int32_t* k_starts, const int32_t* k_lengths, const int32_t* pages) {
    return {.q_starts = q_starts,
            .k_starts = k_starts,
            .k_lengths = k_lengths,
            .pages = pages,
            .sequences = shape.sequences,
            .tokens = shape.tokens,
            .kv_rows = shape.kv_rows,
            .page_size = shape.page_size,
            .max_pages = shape.max_pages,
            .max_length = shape.max_length,
            .q_starts_fault = cuda.fault("q_starts"),
            .k_starts_fault = cuda.fault("k_starts"),
            .k_lengths_fault = cuda.fault("k_lengths"),
            .pages_fault = cuda.fault("pages")};
}

int width_of(const gb_attention_shape& shape) {
    return shape.head_dim <= kAttentionNarrow ? kAttentionNarrow : kAttentionWide;
}

int64_t slices_of(const gb_attention_shape& shape) {
    return (shape.head_dim + width_of(shape) - 1) / width_of(shape);
}

int64_t bytes(int64_t floats) {
    return floats * static_cast<int64_t>(sizeof(float));
}

} // namespace

void cuda_attention(Cuda& cuda, const void* q, const void* k, const void* v, const int32_t* q_starts,
                    const int32_t* k_starts, const int32_t* k_lengths, const int32_t* pages, void* y, float* lse,
                    const gb_attention_shape* shape) {
    if (shape->tokens == 0 || shape->sequences == 0) return;
    const int64_t group = shape->q_heads / shape->kv_heads;
    const bool few = AttentionWorkspace::is_few(*shape), narrow = width_of(*shape) == kAttentionNarrow;
    const int tile = few ? kAttentionFewRows : kAttentionRows;
    const char* name = few      ? narrow ? "attention_kernel_few_64" : "attention_kernel_few_128"
                       : narrow ? "attention_kernel_64"
                                : "attention_kernel_128";
    AttentionArguments arguments{
        q, k, v, y, lse, sequences_of(cuda, *shape, q_starts, k_starts, k_lengths, pages), sizes_of(*shape), {}};
    Grid grid{attention_tiles(shape->tokens * group, shape->sequences, tile), shape->kv_heads * slices_of(*shape)};
    const AttentionWorkspace workspace(*shape);
    const bool split = AttentionWorkspace::is_split(*shape);
    if (split) {
        arguments.partials.maxima = static_cast<float*>(cuda.workspace);
        arguments.partials.weights = arguments.partials.maxima + workspace.rows * workspace.splits;
        arguments.partials.sums = arguments.partials.weights + workspace.rows * workspace.splits;
        grid.z = workspace.splits;
    }
    cuda.launch({"attention", name}, grid, kAttentionThreads, arguments,
                bytes(attention_floats(tile, width_of(*shape))));
    if (split)
        cuda.launch({"attention", "attention_kernel_merge"},
                    {(workspace.rows * 32 + kAttentionThreads - 1) / kAttentionThreads}, kAttentionThreads, arguments);
}

void cuda_attention_backward(Cuda& cuda, const void* q, const void* k, const void* v, const void* y, const float* lse,
                             const void* dy, const int32_t* q_starts, void* dq, void* dk, void* dv,
                             const gb_attention_shape* shape) {
    if (shape->tokens == 0 || shape->sequences == 0) return;
    const AttentionBackwardArguments arguments{q,
                                               k,
                                               v,
                                               y,
                                               lse,
                                               dy,
                                               dq,
                                               dk,
                                               dv,
                                               static_cast<float*>(cuda.workspace),
                                               sequences_of(cuda, *shape, q_starts, q_starts, nullptr, nullptr),
                                               sizes_of(*shape)};
    const bool narrow = width_of(*shape) == kAttentionNarrow;
    const int64_t shared = bytes(attention_backward_floats(width_of(*shape))), slices = slices_of(*shape);
    const int64_t dots = shape->tokens * shape->q_heads, dots_of_block = kAttentionThreads / 16;
    cuda.launch({"attention", "attention_backward_kernel_dots"}, {(dots + dots_of_block - 1) / dots_of_block},
                kAttentionThreads, arguments);
    cuda.launch({"attention", narrow ? "attention_backward_kernel_keys_64" : "attention_backward_kernel_keys_128"},
                {attention_tiles(shape->tokens, shape->sequences, kAttentionKeys), shape->kv_heads * slices},
                kAttentionThreads, arguments, shared);
    cuda.launch(
        {"attention", narrow ? "attention_backward_kernel_queries_64" : "attention_backward_kernel_queries_128"},
        {attention_tiles(shape->tokens, shape->sequences, kAttentionBackwardRows), shape->q_heads * slices},
        kAttentionThreads, arguments, shared);
}

} // namespace gimbal
