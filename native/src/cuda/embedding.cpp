#include "embedding.h"
#include "cuda/cuda.h"

namespace gimbal {
namespace {

Grid grid_of(int64_t rows) {
    return {(rows + kEmbeddingRows - 1) / kEmbeddingRows};
}

} // namespace

void cuda_embedding(Cuda& cuda, const void* table, const int32_t* ids, void* y, int64_t rows, int64_t width,
                    int64_t vocabulary, gb_dtype, gb_dtype) {
    cuda.launch({"embedding", "embedding_kernel"}, grid_of(rows), kEmbeddingThreads,
                EmbeddingArguments{table, ids, y, rows, width, vocabulary, cuda.fault("ids")});
}

void cuda_embedding_backward(Cuda& cuda, const void* dy, const int32_t* ids, float* dtable, int64_t rows, int64_t width,
                             int64_t vocabulary, gb_dtype) {
    cuda.launch({"embedding", "embedding_backward_kernel"}, grid_of(rows), kEmbeddingThreads,
                EmbeddingBackwardArguments{dy, ids, dtable, rows, width, vocabulary, cuda.fault("ids")});
}

} // namespace gimbal
