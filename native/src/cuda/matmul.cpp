// Which kernel multiplies is a matter of speed: all of them add in the same order. cuBLASLt does not, and multiplies
// only where the order is free.
#include "cuda/matrix_product.h"

#include <algorithm>
#include <utility>

namespace gimbal {
namespace {

int64_t tiles(int64_t m, int64_t n, int64_t tile) {
    return ((m + tile - 1) / tile) * ((n + tile - 1) / tile);
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
    const int64_t large = tiles(product.m, product.n, kMatmulLargeTile);
    if (product.m > kMatmulSmallTile && product.n > kMatmulSmallTile && large >= cuda.multiprocessors())
        return cuda.launch({"matmul", "matmul_kernel_large"}, {large}, kMatmulLargeThreads, product);
    cuda.launch({"matmul", "matmul_kernel_small"}, {tiles(product.m, product.n, kMatmulSmallTile)}, kMatmulSmallThreads,
                product);
}

void multiply(Cuda& cuda, const MatmulBf16Arguments& product, bool a_is_float, bool trans_a, bool trans_b) {
    if (product.m == 0 || product.n == 0) return;
    if (product.m <= kMatmulBf16FewRows && !trans_a && !a_is_float) {
        const int64_t blocks = (product.k + kMatmulBf16Depth - 1) / kMatmulBf16Depth;
        const int64_t fitting = std::min<int64_t>(kMatmulBf16FewWarps, cuda.shared_limit() / matmul_bf16_few_bytes(1));
        const int warps = static_cast<int>(std::clamp<int64_t>(blocks, 1, fitting));
        const char* name = trans_b ? "matmul_kernel_bf16_few_nt" : "matmul_kernel_bf16_few_nn";
        return cuda.launch({"matmul_bf16", name}, {(product.n + kMatmulBf16FewColumns - 1) / kMatmulBf16FewColumns},
                           32 * warps, product, matmul_bf16_few_bytes(warps));
    }
    // By type of A, size of the tiles, and layout.
    static constexpr const char* kNames[2][2][4] = {{{"matmul_kernel_bf16_small_nn", "matmul_kernel_bf16_small_nt",
                                                      "matmul_kernel_bf16_small_tn", "matmul_kernel_bf16_small_tt"},
                                                     {"matmul_kernel_bf16_large_nn", "matmul_kernel_bf16_large_nt",
                                                      "matmul_kernel_bf16_large_tn", "matmul_kernel_bf16_large_tt"}},
                                                    {{"matmul_kernel_mixed_small_nn", "matmul_kernel_mixed_small_nt",
                                                      "matmul_kernel_mixed_small_tn", "matmul_kernel_mixed_small_tt"},
                                                     {"matmul_kernel_mixed_large_nn", "matmul_kernel_mixed_large_nt",
                                                      "matmul_kernel_mixed_large_tn", "matmul_kernel_mixed_large_tt"}}};
    const bool large = product.m > kMatmulBf16SmallTile && product.n > kMatmulBf16SmallTile &&
                       tiles(product.m, product.n, kMatmulBf16LargeTile) >= cuda.multiprocessors() &&
                       matmul_bf16_bytes(kMatmulBf16LargeTile, a_is_float) <= cuda.shared_limit();
    const int tile = large ? kMatmulBf16LargeTile : kMatmulBf16SmallTile;
    cuda.launch({a_is_float ? "matmul_mixed" : "matmul_bf16", kNames[a_is_float][large][2 * trans_a + trans_b]},
                {tiles(product.m, product.n, tile)}, large ? kMatmulBf16LargeThreads : kMatmulBf16SmallThreads, product,
                matmul_bf16_bytes(tile, a_is_float));
}

void cuda_matmul(Cuda& cuda, const void* a, const void* b, const void* bias, void* c, int64_t m, int64_t n, int64_t k,
                 int64_t lda, int64_t ldb, int64_t ldc, int32_t trans_a, int32_t trans_b, int32_t accumulate,
                 gb_dtype a_dtype, gb_dtype b_dtype, gb_dtype c_dtype) {
    FreeProducts* free = a_dtype == b_dtype && bias == nullptr ? cuda.free_products() : nullptr;
    if (free != nullptr && free->multiply({.m = m,
                                           .n = n,
                                           .k = k,
                                           .lda = lda,
                                           .ldb = ldb,
                                           .ldc = ldc,
                                           .trans_a = trans_a != 0,
                                           .trans_b = trans_b != 0,
                                           .accumulate = accumulate != 0,
                                           .ab = a_dtype,
                                           .c = c_dtype},
                                          a, b, c))
        return;
    if (b_dtype == GB_BFLOAT16)
        return multiply(cuda,
                        MatmulBf16Arguments{.a = a,
                                            .b = b,
                                            .bias = static_cast<const float*>(bias),
                                            .c = c,
                                            .needed = nullptr,
                                            .m = m,
                                            .n = n,
                                            .k = k,
                                            .lda = lda,
                                            .ldb = ldb,
                                            .ldc = ldc,
                                            .accumulate = accumulate != 0,
                                            .c_is_float = c_dtype == GB_FLOAT32},
                        a_dtype == GB_FLOAT32, trans_a != 0, trans_b != 0);
    multiply(cuda, MatmulArguments{.a = {static_cast<const float*>(a), lda, trans_a == 0},
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
