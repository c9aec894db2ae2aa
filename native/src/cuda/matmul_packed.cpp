// The handle refers to the matrix as it lies: the one path of matmul.
#include "cuda/cuda.h"
#include "packed.h"

namespace gimbal {

void cuda_matmul_packed(Cuda& cuda, const void* a, const gb_packed* packed, const void* bias, void* c, int64_t m,
                        int64_t lda, int64_t ldc, int32_t accumulate, gb_dtype a_dtype, gb_dtype c_dtype) {
    cuda_matmul(cuda, a, packed->source, bias, c, m, packed->n, packed->k, lda, packed->source_stride, ldc, 0,
                packed->source_transposed ? 1 : 0, accumulate, a_dtype, packed->dtype, c_dtype);
}

} // namespace gimbal
