// Which kernel multiplies is a matter of speed: all of them add in the same order.
#include "cuda/multiply.h"

#include <algorithm>
#include <utility>

namespace gimbal {
namespace {

int64_t tiles(const MatmulArguments& a, int64_t tile) {
    return ((a.m + tile - 1) / tile) * ((a.n + tile - 1) / tile);
}

// C^T = op(B)^T op(A)^T, so that few columns become few rows.
MatmulArguments transposed(MatmulArguments a) {
    std::swap(a.a, a.b);
    std::swap(a.m, a.n);
    std::swap(a.bias_row_step, a.bias_column_step);
    std::swap(a.c_row_step, a.c_column_step);
    return a;
}

void multiply_few(Cuda& cuda, const MatmulArguments& a) {
    const int64_t blocks = (a.k + kMatmulDepth - 1) / kMatmulDepth;
    const int warps = static_cast<int>(std::clamp<int64_t>(blocks, 1, kMatmulFewWarps));
    const char* name = a.m <= 4 ? "matmul_kernel_few4" : a.m <= 8 ? "matmul_kernel_few8" : "matmul_kernel_few16";
    cuda.launch({"matmul", name}, {(a.n + kMatmulFewColumns - 1) / kMatmulFewColumns}, 32 * warps, a);
}

} // namespace

void multiply(Cuda& cuda, const MatmulArguments& product) {
    if (product.m == 0 || product.n == 0) return;
    if (product.m <= kMatmulFewRows) return multiply_few(cuda, product);
    if (product.n <= kMatmulFewRows) return multiply_few(cuda, transposed(product));
    const int64_t large = tiles(product, kMatmulLargeTile);
    if (product.m > kMatmulSmallTile && product.n > kMatmulSmallTile && large >= cuda.multiprocessors())
        return cuda.launch({"matmul", "matmul_kernel_large"}, {large}, kMatmulLargeThreads, product);
    cuda.launch({"matmul", "matmul_kernel_small"}, {tiles(product, kMatmulSmallTile)}, kMatmulSmallThreads, product);
}

void cuda_matmul(Cuda& cuda, const void* a, const void* b, const void* bias, void* c, int64_t m, int64_t n, int64_t k,
                 int64_t lda, int64_t ldb, int64_t ldc, int32_t trans_a, int32_t trans_b, int32_t accumulate, gb_dtype,
                 gb_dtype, gb_dtype) {
    multiply(cuda, {.a = {static_cast<const float*>(a), lda, trans_a == 0},
                    .b = {static_cast<const float*>(b), ldb, trans_b != 0},
                    .bias = static_cast<const float*>(bias),
                    .c = static_cast<float*>(c),
                    .needed = nullptr,
                    .m = m,
                    .n = n,
                    .k = k,
                    .bias_row_step = 0,
                    .bias_column_step = 1,
                    .c_row_step = ldc,
                    .c_column_step = 1,
                    .accumulate = accumulate != 0});
}

} // namespace gimbal
