// Language-model head and logprob_gather over chunks of 128 counting rows.
// Which rows count is known to the device only, so the host starts the chunks
// that there may be; one without rows costs its launches.
#include "linear_logprob.h"
#include "cuda/matrix_product.h"
#include "linear_logprob_chunk.h"
#include "packed.h"

namespace gimbal {
namespace {

LinearLogprobWorkspace workspace_of(const Cuda& cuda, int64_t rows, int64_t width, int64_t vocabulary) {
    const int64_t chunk = LinearLogprobChunk::rows_of(rows);
    LinearLogprobWorkspace w{};
    w.rows = chunk;
    w.logits = static_cast<float*>(cuda.workspace);
    w.hidden = w.logits + chunk * vocabulary;
    w.dhidden = w.hidden + chunk * width;
    w.list = reinterpret_cast<int32_t*>(w.dhidden + chunk * width);
    w.counts = w.list + rows;
    w.targets = w.counts + LinearLogprobChunk::chunks(rows);
    w.logprob = reinterpret_cast<float*>(w.targets + chunk);
    w.entropy = w.logprob + chunk;
    w.lse = w.entropy + chunk;
    w.dlogprob = w.lse + chunk;
    w.dentropy = w.dlogprob + chunk;
    return w;
}

struct Head {
    MatmulOperand rows; // head^T: element (i, d) is the d-th weight of token i
    int64_t width, vocabulary;

    Head(const void* head, const gb_packed* packed, int64_t w, int64_t v)
        : rows{static_cast<const float*>(head), w, true}, width(w), vocabulary(v) {
        if (packed == nullptr) return;
        rows = {static_cast<const float*>(packed->source), packed->source_stride, packed->source_transposed};
    }

    // logits = hidden head^T
    MatmulArguments projection(const LinearLogprobWorkspace& w, int64_t chunk) const {
        return {.a = {w.hidden, width, true},
                .b = rows,
                .bias = nullptr,
                .c = w.logits,
                .needed = w.counts + chunk,
                .m = w.rows,
                .n = vocabulary,
                .k = width,
                .bias_row_step = 0,
                .bias_column_step = 0,
                .c_row_step = vocabulary,
                .c_column_step = 1,
                .accumulate = false};
    }
};

Kernel kernel(const char* name) {
    return {"linear_logprob", name};
}

Grid warps_for(const LinearLogprobWorkspace& w) {
    return {(w.rows + kLinearLogprobWarps - 1) / kLinearLogprobWarps};
}

} // namespace

void cuda_linear_logprob(Cuda& cuda, const void* hidden, const void* head, const gb_packed* packed_head,
                         const int32_t* targets, float* logprob, float* entropy, float* lse, int64_t rows,
                         int64_t width, int64_t vocabulary, int64_t hidden_stride, float temperature,
                         gb_dtype hidden_dtype, gb_dtype) {
    if (rows == 0) return;
    const LinearLogprobWorkspace w = workspace_of(cuda, rows, width, vocabulary);
    const Head weights(head, packed_head, width, vocabulary);
    LinearLogprobArguments a{static_cast<const float*>(hidden),
                             targets,
                             logprob,
                             entropy,
                             lse,
                             rows,
                             width,
                             vocabulary,
                             hidden_stride,
                             0,
                             w,
                             cuda.fault("targets")};
    cuda.launch(kernel("linear_logprob_kernel_plan"), {1}, kLinearLogprobPlanThreads, a);
    for (; a.chunk < LinearLogprobChunk::chunks(rows); ++a.chunk) {
        cuda.launch(kernel("linear_logprob_kernel_gather"), warps_for(w), kLinearLogprobThreads, a);
        multiply(cuda, weights.projection(w, a.chunk));
        cuda_logprob_gather(cuda, w.logits, w.targets, w.logprob, w.entropy, w.lse, w.rows, vocabulary, vocabulary,
                            temperature, hidden_dtype);
        cuda.launch(kernel("linear_logprob_kernel_scatter"), {1}, kLinearLogprobThreads, a);
    }
}

void cuda_linear_logprob_backward(Cuda& cuda, const void* hidden, const void* head, const gb_packed* packed_head,
                                  const int32_t* targets, const float* lse, const float* entropy, const float* dlogprob,
                                  const float* dentropy, void* dhidden, float* dhead, int64_t rows, int64_t width,
                                  int64_t vocabulary, int64_t hidden_stride, float temperature, gb_dtype hidden_dtype,
                                  gb_dtype) {
    if (rows == 0) return;
    const LinearLogprobWorkspace w = workspace_of(cuda, rows, width, vocabulary);
    const Head weights(head, packed_head, width, vocabulary);
    LinearLogprobBackwardArguments a{static_cast<const float*>(hidden),
                                     targets,
                                     lse,
                                     entropy,
                                     dlogprob,
                                     dentropy,
                                     static_cast<float*>(dhidden),
                                     rows,
                                     width,
                                     vocabulary,
                                     hidden_stride,
                                     0,
                                     w,
                                     cuda.fault("targets")};
    cuda.fill(dhidden, 0, rows * width * static_cast<int64_t>(sizeof(float)));
    cuda.launch(kernel("linear_logprob_backward_kernel_plan"), {1}, kLinearLogprobPlanThreads, a);
    for (; a.chunk < LinearLogprobChunk::chunks(rows); ++a.chunk) {
        cuda.launch(kernel("linear_logprob_backward_kernel_gather"), warps_for(w), kLinearLogprobThreads, a);
        MatmulArguments product = weights.projection(w, a.chunk);
        multiply(cuda, product);
        cuda_logprob_gather_backward(cuda, w.logits, w.targets, w.lse, w.entropy, w.dlogprob, w.dentropy, w.logits,
                                     w.rows, vocabulary, vocabulary, temperature, hidden_dtype);
        // dhidden = dlogits head
        product.a = {w.logits, vocabulary, true};
        product.b = {static_cast<const float*>(head), width, false};
        product.c = w.dhidden;
        product.n = width;
        product.k = vocabulary;
        product.c_row_step = width;
        multiply(cuda, product);
        cuda.launch(kernel("linear_logprob_backward_kernel_scatter"), warps_for(w), kLinearLogprobThreads, a);
        if (dhead == nullptr) continue;
        // dhead += dlogits^T hidden
        product.a = {w.logits, vocabulary, false};
        product.b = {w.hidden, width, false};
        product.c = dhead;
        product.m = vocabulary;
        product.k = w.rows;
        product.accumulate = true;
        multiply(cuda, product);
    }
}

} // namespace gimbal
