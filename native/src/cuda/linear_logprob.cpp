// Language-model head and logprob_gather over chunks of 128 counting rows. Which rows count is known to the device
// only, so the host starts the chunks that there may be; one without rows costs its launches.
//
// The forward of bfloat16 goes without chunks and without logits in memory (kernels/linear_logprob_bf16.cu) where there
// is more than one chunk, the head lies as (vocabulary, width), the vocabulary fills a block of 512, and a block of
// threads may have 225 KiB of shared memory (compute capability 9.0 and later). The bits are the same.
#include "linear_logprob.h"
#include "cuda/matrix_product.h"
#include "linear_logprob_bf16.h"
#include "linear_logprob_chunk.h"
#include "packed.h"

#include <algorithm>

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

struct Matrix {
    const void* data;
    int64_t stride;
    bool transposed;
    gb_dtype dtype;
};

// head^T: (width, vocabulary).
Matrix projection_of(const void* head, gb_dtype dtype, const gb_packed* packed, int64_t width) {
    if (packed == nullptr) return {head, width, true, dtype};
    return {packed->source, packed->source_stride, packed->source_transposed, packed->dtype};
}

struct Product {
    Matrix a, b;
    float* c;
    int64_t m, n, k;
    bool accumulate = false;
};

// C = A B, unless the chunk has no rows.
void multiply(Cuda& cuda, const Product& p, const int32_t* needed) {
    if (p.b.dtype == GB_BFLOAT16)
        return multiply(cuda,
                        MatmulBf16Arguments{.a = p.a.data,
                                            .b = p.b.data,
                                            .bias = nullptr,
                                            .c = p.c,
                                            .needed = needed,
                                            .m = p.m,
                                            .n = p.n,
                                            .k = p.k,
                                            .lda = p.a.stride,
                                            .ldb = p.b.stride,
                                            .ldc = p.n,
                                            .accumulate = p.accumulate,
                                            .c_is_float = true},
                        p.a.dtype == GB_FLOAT32, p.a.transposed, p.b.transposed);
    multiply(cuda, MatmulArguments{.a = {static_cast<const float*>(p.a.data), p.a.stride, !p.a.transposed},
                                   .b = {static_cast<const float*>(p.b.data), p.b.stride, p.b.transposed},
                                   .bias = nullptr,
                                   .c = p.c,
                                   .needed = needed,
                                   .m = p.m,
                                   .n = p.n,
                                   .k = p.k,
                                   .bias_row_step = 0,
                                   .bias_column_step = 0,
                                   .c_row_step = p.n,
                                   .c_column_step = 1,
                                   .accumulate = p.accumulate});
}

Kernel kernel(const char* name) {
    return {"linear_logprob", name};
}

Grid warps_for(const LinearLogprobWorkspace& w) {
    return {(w.rows + kLinearLogprobWarps - 1) / kLinearLogprobWarps};
}

// False where the chunked form has to serve.
bool has_tiles(const Cuda& cuda, const Product& logits, int64_t rows) {
    return logits.a.dtype == GB_BFLOAT16 && logits.b.dtype == GB_BFLOAT16 && logits.b.transposed &&
           rows > LinearLogprobChunk::kRows && logits.n >= kVocabularyBlock && kHeadTileBytes <= cuda.shared_limit();
}

// The rows that `w` lists, as many at a time as the workspace's partial results have room for.
void run_tiles(Cuda& cuda, HeadTilesArguments a, const LinearLogprobWorkspace& w, int64_t rows) {
    const int64_t room = w.rows * (a.vocabulary + 2 * a.width),
                  blocks = (a.vocabulary + kVocabularyBlock - 1) / kVocabularyBlock;
    const int64_t pass = room / head_floats_of_row(a.vocabulary) / w.rows * w.rows;
    a.partials = w.logits;
    a.target_logits = w.logits + pass * 3 * blocks;
    for (a.first = 0; a.first < rows; a.first += pass) {
        a.rows = std::min(pass, rows - a.first);
        const int64_t tiles = (a.rows + kHeadTileRows - 1) / kHeadTileRows * blocks;
        const int64_t warps = kHeadFinishThreads / 32;
        cuda.launch({"linear_logprob_bf16", "linear_logprob_kernel_bf16_tiles"}, {tiles}, kHeadTileThreads, a,
                    kHeadTileBytes);
        cuda.launch({"linear_logprob_bf16", "linear_logprob_kernel_bf16_finish"}, {(a.rows + warps - 1) / warps},
                    kHeadFinishThreads, a);
    }
}

} // namespace

void cuda_linear_logprob(Cuda& cuda, const void* hidden, const void* head, const gb_packed* packed_head,
                         const int32_t* targets, float* logprob, float* entropy, float* lse, int64_t rows,
                         int64_t width, int64_t vocabulary, int64_t hidden_stride, float temperature,
                         gb_dtype hidden_dtype, gb_dtype head_dtype) {
    if (rows == 0) return;
    const LinearLogprobWorkspace w = workspace_of(cuda, rows, width, vocabulary);
    const bool half = hidden_dtype == GB_BFLOAT16;
    const Product logits{{w.hidden, width, false, hidden_dtype},
                         projection_of(head, head_dtype, packed_head, width),
                         w.logits,
                         w.rows,
                         vocabulary,
                         width};
    LinearLogprobArguments a{hidden, targets,    logprob,       entropy, lse, rows,
                             width,  vocabulary, hidden_stride, 0,       w,   cuda.fault("targets")};
    cuda.launch(kernel("linear_logprob_kernel_plan"), {1}, kLinearLogprobPlanThreads, a);
    if (has_tiles(cuda, logits, rows))
        return run_tiles(cuda,
                         {.hidden = hidden,
                          .head = logits.b.data,
                          .targets = targets,
                          .list = w.list,
                          .counts = w.counts,
                          .chunk = w.rows,
                          .partials = nullptr,
                          .target_logits = nullptr,
                          .logprob = logprob,
                          .entropy = entropy,
                          .lse = lse,
                          .first = 0,
                          .rows = 0,
                          .width = width,
                          .vocabulary = vocabulary,
                          .hidden_stride = hidden_stride,
                          .head_stride = logits.b.stride,
                          .inverse_temperature = 1.0f / temperature},
                         w, rows);
    for (; a.chunk < LinearLogprobChunk::chunks(rows); ++a.chunk) {
        cuda.launch(kernel(half ? "linear_logprob_kernel_gather_bf16" : "linear_logprob_kernel_gather"), warps_for(w),
                    kLinearLogprobThreads, a);
        multiply(cuda, logits, w.counts + a.chunk);
        cuda_logprob_gather(cuda, w.logits, w.targets, w.logprob, w.entropy, w.lse, w.rows, vocabulary, vocabulary,
                            temperature, GB_FLOAT32);
        cuda.launch(kernel("linear_logprob_kernel_scatter"), {1}, kLinearLogprobThreads, a);
    }
}

void cuda_linear_logprob_backward(Cuda& cuda, const void* hidden, const void* head, const gb_packed* packed_head,
                                  const int32_t* targets, const float* lse, const float* entropy, const float* dlogprob,
                                  const float* dentropy, void* dhidden, float* dhead, int64_t rows, int64_t width,
                                  int64_t vocabulary, int64_t hidden_stride, float temperature, gb_dtype hidden_dtype,
                                  gb_dtype head_dtype) {
    if (rows == 0) return;
    const LinearLogprobWorkspace w = workspace_of(cuda, rows, width, vocabulary);
    const bool half = hidden_dtype == GB_BFLOAT16;
    const Matrix chunk{w.hidden, width, false, hidden_dtype};
    const Product logits{chunk, projection_of(head, head_dtype, packed_head, width), w.logits, w.rows, vocabulary,
                         width};
    const Product dhidden_of_chunk{{w.logits, vocabulary, false, GB_FLOAT32},
                                   {head, width, false, head_dtype},
                                   w.dhidden,
                                   w.rows,
                                   width,
                                   vocabulary};
    const Product dhead_of_chunk{
        {w.logits, vocabulary, true, GB_FLOAT32}, chunk, dhead, vocabulary, width, w.rows, true};
    LinearLogprobBackwardArguments a{
        hidden, targets, lse,        entropy,       dlogprob, dentropy, dhidden,
        rows,   width,   vocabulary, hidden_stride, 0,        w,        cuda.fault("targets")};
    cuda.fill(dhidden, 0, rows * width * (half ? 2 : 4));
    cuda.launch(kernel("linear_logprob_backward_kernel_plan"), {1}, kLinearLogprobPlanThreads, a);
    for (; a.chunk < LinearLogprobChunk::chunks(rows); ++a.chunk) {
        const int32_t* needed = w.counts + a.chunk;
        cuda.launch(
            kernel(half ? "linear_logprob_backward_kernel_gather_bf16" : "linear_logprob_backward_kernel_gather"),
            warps_for(w), kLinearLogprobThreads, a);
        multiply(cuda, logits, needed);
        cuda_logprob_gather_backward(cuda, w.logits, w.targets, w.lse, w.entropy, w.dlogprob, w.dentropy, w.logits,
                                     w.rows, vocabulary, vocabulary, temperature, GB_FLOAT32);
        multiply(cuda, dhidden_of_chunk, needed);
        cuda.launch(
            kernel(half ? "linear_logprob_backward_kernel_scatter_bf16" : "linear_logprob_backward_kernel_scatter"),
            warps_for(w), kLinearLogprobThreads, a);
        if (dhead != nullptr) multiply(cuda, dhead_of_chunk, needed);
    }
}

} // namespace gimbal
