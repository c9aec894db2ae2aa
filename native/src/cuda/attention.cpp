// Kernels by the shape alone: where the sequences begin is known to the device only.
#include "attention_workspace.h"
#include "cuda/cuda.h"

#include <algorithm>
#include <limits>

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
            .max_length = std::numeric_limits<int64_t>::max(),
            .q_starts_fault = cuda.fault("q_starts"),
            .k_starts_fault = cuda.fault("k_starts"),
            .k_lengths_fault = cuda.fault("k_lengths"),
            .pages_fault = cuda.fault("pages")};
}

bool is_narrow(const gb_attention_shape& shape) {
    return shape.head_dim <= kAttentionNarrow;
}

int width_of(const gb_attention_shape& shape) {
    return is_narrow(shape) ? kAttentionNarrow : kAttentionWide;
}

int64_t slices_of(const gb_attention_shape& shape) {
    return (shape.head_dim + width_of(shape) - 1) / width_of(shape);
}

int64_t bytes(int64_t floats) {
    return floats * static_cast<int64_t>(sizeof(float));
}

// A head that the kernels for the tensor cores take: bfloat16, and not too wide.
bool is_tensor(const gb_attention_shape& shape) {
    return shape.dtype == GB_BFLOAT16 && shape.head_dim <= kAttentionWide;
}

AttentionPartials partials_of(const Cuda& cuda, const AttentionWorkspace& workspace) {
    const int64_t count = workspace.rows * workspace.splits;
    auto* maxima = static_cast<float*>(cuda.workspace);
    return {.sums = maxima + 2 * count, .maxima = maxima, .weights = maxima + count};
}

// How a forward is started: the kernel, its tiles, and the blocks that its splits take.
struct Plan {
    Kernel kernel;
    int tile, threads;
    int64_t slices, splits, shared;
};

Plan plan_tensor(const Cuda& cuda, const gb_attention_shape& shape, int64_t splits) {
    const bool narrow = is_narrow(shape), few = AttentionWorkspace::is_few(shape);
    if (!few)
        return {{"attention_bf16", narrow ? "attention_kernel_bf16_64" : "attention_kernel_bf16_128"},
                kAttentionRows,
                kAttentionThreads,
                1,
                1,
                attention_tensor_bytes(kAttentionThreads / 32, width_of(shape), true)};
    const int64_t of_warp = attention_tensor_bytes(1, width_of(shape), splits == 1);
    const int64_t warps = std::min({splits, int64_t{kAttentionThreads / 32}, cuda.shared_limit() / of_warp});
    return {{"attention_bf16", narrow ? "attention_kernel_bf16_few_64" : "attention_kernel_bf16_few_128"},
            kAttentionFewRows,
            static_cast<int>(32 * warps),
            1,
            (splits + warps - 1) / warps,
            warps * of_warp};
}

Plan plan_simt(const Cuda& cuda, const gb_attention_shape& shape, int64_t splits) {
    const int64_t few_bytes = bytes(attention_floats(kAttentionFewRows, width_of(shape)));
    if (shape.dtype == GB_BFLOAT16)
        return {{"attention_bf16_wide", "attention_kernel_bf16_wide"},
                kAttentionFewRows,
                kAttentionThreads,
                slices_of(shape),
                splits,
                few_bytes};
    const bool narrow = is_narrow(shape);
    const int64_t many_bytes = bytes(attention_floats(kAttentionRows, width_of(shape)));
    if (AttentionWorkspace::is_few(shape) || many_bytes > cuda.shared_limit())
        return {{"attention", narrow ? "attention_kernel_few_64" : "attention_kernel_few_128"},
                kAttentionFewRows,
                kAttentionThreads,
                slices_of(shape),
                splits,
                few_bytes};
    return {{"attention", narrow ? "attention_kernel_64" : "attention_kernel_128"},
            kAttentionRows,
            kAttentionThreads,
            slices_of(shape),
            splits,
            many_bytes};
}

} // namespace

void cuda_attention(Cuda& cuda, const void* q, const void* k, const void* v, const int32_t* q_starts,
                    const int32_t* k_starts, const int32_t* k_lengths, const int32_t* pages, void* y, float* lse,
                    const gb_attention_shape* shape) {
    if (shape->tokens == 0 || shape->sequences == 0) return;
    const AttentionWorkspace workspace(*shape);
    const bool split = AttentionWorkspace::is_split(*shape), half = shape->dtype == GB_BFLOAT16;
    AttentionArguments arguments{
        q, k, v, y, lse, sequences_of(cuda, *shape, q_starts, k_starts, k_lengths, pages), sizes_of(*shape), {}};
    if (split) {
        arguments.partials = partials_of(cuda, workspace);
        arguments.sequences.max_length = shape->max_length;
    }
    const int64_t splits = split ? workspace.splits : 1;
    const Plan plan = is_tensor(*shape) ? plan_tensor(cuda, *shape, splits) : plan_simt(cuda, *shape, splits);
    const int64_t rows = shape->tokens * (shape->q_heads / shape->kv_heads);
    cuda.launch(plan.kernel,
                {attention_tiles(rows, shape->sequences, plan.tile), shape->kv_heads * plan.slices, plan.splits},
                plan.threads, arguments, plan.shared);
    if (split)
        cuda.launch(
            {half ? "attention_bf16" : "attention", half ? "attention_kernel_bf16_merge" : "attention_kernel_merge"},
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
    const bool half = shape->dtype == GB_BFLOAT16, narrow = is_narrow(*shape), tensor = is_tensor(*shape);
    const int64_t dots = shape->tokens * shape->q_heads, dots_of_block = kAttentionThreads / 16;
    cuda.launch({half ? "attention_bf16" : "attention",
                 half ? "attention_backward_kernel_bf16_dots" : "attention_backward_kernel_dots"},
                {(dots + dots_of_block - 1) / dots_of_block}, kAttentionThreads, arguments);
    // One launch for the gradients of keys and values, one for those of queries.
    static constexpr Kernel kKernels[][2] = {
        {{"attention", "attention_backward_kernel_keys_64"}, {"attention", "attention_backward_kernel_queries_64"}},
        {{"attention", "attention_backward_kernel_keys_128"}, {"attention", "attention_backward_kernel_queries_128"}},
        {{"attention_bf16", "attention_backward_kernel_bf16_keys_64"},
         {"attention_bf16", "attention_backward_kernel_bf16_queries_64"}},
        {{"attention_bf16", "attention_backward_kernel_bf16_keys_128"},
         {"attention_bf16", "attention_backward_kernel_bf16_queries_128"}},
        {{"attention_bf16_wide", "attention_backward_kernel_bf16_keys_wide"},
         {"attention_bf16_wide", "attention_backward_kernel_bf16_queries_wide"}}};
    const auto& kernels = kKernels[half ? tensor ? narrow ? 2 : 3 : 4 : narrow ? 0 : 1];
    const int tile = tensor ? kAttentionRows : kAttentionBackwardRows;
    const int64_t slices = tensor ? 1 : slices_of(*shape);
    const int64_t shared = tensor ? attention_tensor_backward_bytes(kAttentionThreads / 32, width_of(*shape))
                                  : bytes(attention_backward_floats(width_of(*shape)));
    const int64_t tiles = attention_tiles(shape->tokens, shape->sequences, tile);
    cuda.launch(kernels[0], {tiles, shape->kv_heads * slices}, kAttentionThreads, arguments, shared);
    cuda.launch(kernels[1], {tiles, shape->q_heads * slices}, kAttentionThreads, arguments, shared);
}

} // namespace gimbal
