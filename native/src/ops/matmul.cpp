#include "gimbal.h"
#include "op.h"

using namespace gimbal;

gb_status gb_matmul(gb_context* context, const void* a, const void* b, const void* bias, void* c, int64_t m, int64_t n,
                    int64_t k, int64_t lda, int64_t ldb, int64_t ldc, int32_t trans_a, int32_t trans_b,
                    int32_t accumulate, gb_dtype a_dtype, gb_dtype b_dtype, gb_dtype c_dtype) {
    return run(
        "matmul", context,
        [&](const Arguments& check) {
            check.size("m", m);
            check.size("n", n);
            check.size("k", k);
            check.flag("trans_a", trans_a);
            check.flag("trans_b", trans_b);
            check.flag("accumulate", accumulate);
            check.stride("lda", lda, trans_a != 0 ? m : k);
            check.stride("ldb", ldb, trans_b != 0 ? k : n);
            check.stride("ldc", ldc, n);
            check.product("m * k", {trans_a != 0 ? k : m, lda, 4});
            check.product("n * k", {trans_b != 0 ? n : k, ldb, 4});
            check.product("m * n", {m, ldc, 4});
            const bool some = m > 0 && n > 0;
            check.pointer("a", a, some && k > 0);
            check.pointer("b", b, some && k > 0);
            check.pointer("c", c, some);
            check.storage("b_dtype", b_dtype);
            check.beside(b_dtype, "a_dtype", a_dtype);
            check.beside(b_dtype, "c_dtype", c_dtype);
        },
        [](const auto& ops) { return ops.matmul; }, a, b, bias, c, m, n, k, lda, ldb, ldc, trans_a, trans_b, accumulate,
        a_dtype, b_dtype, c_dtype);
}
