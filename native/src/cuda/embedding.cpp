#include "embedding.h"
#include "cuda/cuda.h"

namespace gimbal {
namespace {

Grid grid_of(int64_t rows) {
    return {(rows + kEmbeddingRows - 1) / kEmbeddingRows};
}

} // namespace

void cuda_embedding(Cuda& cuda, const void* table, const int32_t* ids, void* y, int64_t rows, int64_t width,
                    int64_t vocabulary, gb_dtype table_dtype, gb_dtype y_dtype) {
    const bool half = y_dtype == GB_BFLOAT16;
    const char* name = table_dtype == GB_BFLOAT16 ? half ? "embedding_kernel_bf16_bf16" : "embedding_kernel_bf16_f32"
                       : half                     ? "embedding_kernel_f32_bf16"
                                                  : "embedding_kernel";
    cuda.launch({"embedding", name}, grid_of(rows), kEmbeddingThreads,
                EmbeddingArguments{table, ids, y, rows, width, vocabulary, cuda.fault("ids")});
}

void cuda_embedding_backward(Cuda& cuda, const void* dy, const int32_t* ids, float* dtable, int64_t rows, int64_t width,
                             int64_t vocabulary, gb_dtype dy_dtype) {
    const char* name = dy_dtype == GB_BFLOAT16 ? "embedding_backward_kernel_bf16" : "embedding_backward_kernel";
    cuda.launch({"embedding", name}, grid_of(rows), kEmbeddingThreads,
                EmbeddingBackwardArguments{dy, ids, dtable, rows, width, vocabulary, cuda.fault("ids")});
}

} // namespace gimbal
