using System.Runtime.InteropServices;

namespace Gimbal.Native;

/// <summary>The imports, one for each function of gimbal.h, under its C name. Nothing else lives here.</summary>
internal static unsafe partial class NativeMethods
{
    internal const string Library = "gimbal_native";

    [LibraryImport(Library)]
    internal static partial int gb_abi_version();

    [LibraryImport(Library)]
    internal static partial byte* gb_last_error();

    [LibraryImport(Library)]
    internal static partial byte* gb_op_names();

    [LibraryImport(Library)]
    internal static partial int gb_context_create(in ContextOptions options, out ContextHandle context);

    [LibraryImport(Library)]
    internal static partial void gb_context_destroy(nint context);

    [LibraryImport(Library)]
    internal static partial int gb_context_info(ContextHandle context, ref DeviceInfo info);

    [LibraryImport(Library)]
    internal static partial int gb_context_synchronize(ContextHandle context);

    [LibraryImport(Library)]
    internal static partial int gb_context_set_exact(ContextHandle context, int exact);

    [LibraryImport(Library)]
    internal static partial int gb_context_set_workspace(ContextHandle context, void* memory, long bytes);

    [LibraryImport(Library)]
    internal static partial int gb_context_workspace_required(ContextHandle context, out long bytes);

    [LibraryImport(Library)]
    internal static partial int gb_graph_begin(ContextHandle context);

    [LibraryImport(Library)]
    internal static partial int gb_graph_end(ContextHandle context, out GraphHandle graph);

    [LibraryImport(Library)]
    internal static partial int gb_graph_launch(ContextHandle context, GraphHandle graph);

    [LibraryImport(Library)]
    internal static partial void gb_graph_destroy(nint graph);

    [LibraryImport(Library)]
    internal static partial int gb_memory_allocate(ContextHandle context, long bytes, out void* memory);

    [LibraryImport(Library)]
    internal static partial int gb_memory_free(ContextHandle context, void* memory);

    [LibraryImport(Library)]
    internal static partial int gb_memory_copy(ContextHandle context, void* source, void* destination, long bytes, int kind);

    [LibraryImport(Library)]
    internal static partial int gb_memory_fill(ContextHandle context, void* destination, int value, long bytes);

    [LibraryImport(Library)]
    internal static partial int gb_skeleton(ContextHandle context, float* x, float* y, long count, float factor);

    [LibraryImport(Library)]
    internal static partial int gb_skeleton_backward(ContextHandle context, float* dy, float* dx, long count, float factor);

    [LibraryImport(Library)]
    internal static partial int gb_embedding(ContextHandle context, void* table, int* ids, void* y, long rows,
        long width, long vocabulary, int tableDtype, int yDtype);

    [LibraryImport(Library)]
    internal static partial int gb_embedding_backward(ContextHandle context, void* dy, int* ids, float* dtable,
        long rows, long width, long vocabulary, int dyDtype);

    [LibraryImport(Library)]
    internal static partial int gb_scatter_rows(ContextHandle context, void* x, int* indices, void* y, long rows,
        long width, long yRows, long xStride, int xDtype, int yDtype);

    [LibraryImport(Library)]
    internal static partial int gb_rmsnorm(ContextHandle context, void* x, void* weight, void* y, float* rstd,
        long rows, long width, float epsilon, int xDtype, int weightDtype, int yDtype);

    [LibraryImport(Library)]
    internal static partial int gb_rmsnorm_backward(ContextHandle context, void* dy, void* x, void* weight, float* rstd,
        void* dx, float* dweight, long rows, long width, int accumulate, int xDtype, int weightDtype, int yDtype);

    [LibraryImport(Library)]
    internal static partial int gb_layernorm(ContextHandle context, void* x, void* weight, void* bias, void* y,
        float* mean, float* rstd, long rows, long width, float epsilon, int xDtype, int weightDtype, int yDtype);

    [LibraryImport(Library)]
    internal static partial int gb_layernorm_backward(ContextHandle context, void* dy, void* x, void* weight,
        float* mean, float* rstd, void* dx, float* dweight, float* dbias, long rows, long width, int accumulate,
        int xDtype, int weightDtype, int yDtype);

    [LibraryImport(Library)]
    internal static partial int gb_rope(ContextHandle context, void* x, int* positions, float* table, void* y,
        long rows, long heads, long headDim, long rotaryDim, long tablePositions, long xStride, long yStride,
        int interleaved, int dtype);

    [LibraryImport(Library)]
    internal static partial int gb_rope_backward(ContextHandle context, void* dy, int* positions, float* table,
        void* dx, long rows, long heads, long headDim, long rotaryDim, long tablePositions, long dyStride,
        long dxStride, int interleaved, int dtype);

    [LibraryImport(Library)]
    internal static partial int gb_swiglu(ContextHandle context, void* x, void* y, long rows, long width, int dtype);

    [LibraryImport(Library)]
    internal static partial int gb_swiglu_backward(ContextHandle context, void* dy, void* x, void* dx, long rows,
        long width, int dtype);

    [LibraryImport(Library)]
    internal static partial int gb_gelu(ContextHandle context, void* x, void* y, long count, int form, int dtype);

    [LibraryImport(Library)]
    internal static partial int gb_gelu_backward(ContextHandle context, void* dy, void* x, void* dx, long count,
        int form, int dtype);

    [LibraryImport(Library)]
    internal static partial int gb_tanh(ContextHandle context, void* x, void* y, long count, int dtype);

    [LibraryImport(Library)]
    internal static partial int gb_tanh_backward(ContextHandle context, void* dy, void* y, void* dx, long count,
        int dtype);

    [LibraryImport(Library)]
    internal static partial int gb_add(ContextHandle context, void* a, void* b, void* y, long count, int aDtype,
        int bDtype, int yDtype);

    [LibraryImport(Library)]
    internal static partial int gb_segment_sum(ContextHandle context, float* x, int* starts, float* y, long count,
        long segments);

    [LibraryImport(Library)]
    internal static partial int gb_segment_sum_backward(ContextHandle context, float* dy, int* starts, float* dx,
        long count, long segments);

    [LibraryImport(Library)]
    internal static partial int gb_adamw(ContextHandle context, float* weights, float* gradients, float* m, float* v,
        void* copy, StepState* state, long count, long decayCount, float beta1, float beta2, float epsilon,
        float weightDecay, int copyDtype);

    [LibraryImport(Library)]
    internal static partial int gb_grad_norm(ContextHandle context, float* gradients, StepState* state, long count,
        float maxNorm);

    [LibraryImport(Library)]
    internal static partial int gb_scale(ContextHandle context, float* x, long count, float factor);

    [LibraryImport(Library)]
    internal static partial int gb_matmul(ContextHandle context, void* a, void* b, void* bias, void* c, long m, long n,
        long k, long lda, long ldb, long ldc, int transA, int transB, int accumulate, int aDtype, int bDtype, int cDtype);

    [LibraryImport(Library)]
    internal static partial long gb_packed_bytes(long n, long k, int dtype);

    [LibraryImport(Library)]
    internal static partial int gb_packed_create(ContextHandle context, long n, long k, int dtype, out PackedHandle packed);

    [LibraryImport(Library)]
    internal static partial void gb_packed_destroy(nint packed);

    [LibraryImport(Library)]
    internal static partial int gb_packed_update(ContextHandle context, PackedHandle packed, void* b, long ldb, int transB,
        int bDtype, ulong version);

    [LibraryImport(Library)]
    internal static partial int gb_matmul_packed(ContextHandle context, void* a, PackedHandle packed, void* bias, void* c,
        long m, long lda, long ldc, int accumulate, int aDtype, int cDtype);

    [LibraryImport(Library)]
    internal static partial int gb_sum_rows(ContextHandle context, void* x, float* y, long rows, long width, long xStride,
        int accumulate, int dtype);

    [LibraryImport(Library)]
    internal static partial int gb_attention(ContextHandle context, void* q, void* k, void* v, int* qStarts, int* kStarts,
        int* kLengths, int* pages, void* y, float* lse, in AttentionShape shape);

    [LibraryImport(Library)]
    internal static partial int gb_attention_backward(ContextHandle context, void* q, void* k, void* v, void* y, float* lse,
        void* dy, int* qStarts, void* dq, void* dk, void* dv, in AttentionShape shape);

    [LibraryImport(Library)]
    internal static partial int gb_linear_logprob(ContextHandle context, void* hidden, void* head, PackedHandle packedHead,
        int* targets, float* logprob, float* entropy, float* lse, long rows, long width, long vocabulary, long hiddenStride,
        float temperature, int hiddenDtype, int headDtype);

    [LibraryImport(Library)]
    internal static partial int gb_linear_logprob_backward(ContextHandle context, void* hidden, void* head,
        PackedHandle packedHead, int* targets, float* lse, float* entropy, float* dlogprob, float* dentropy, void* dhidden,
        float* dhead, long rows, long width, long vocabulary, long hiddenStride, float temperature, int hiddenDtype,
        int headDtype);
}
