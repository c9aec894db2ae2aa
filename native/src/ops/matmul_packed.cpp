#include "gimbal.h"
#include "op.h"
#include "packed.h"

using namespace gimbal;

gb_status gb_matmul_packed(gb_context* context, const void* a, const gb_packed* packed, const void* bias, void* c,
                           int64_t m, int64_t lda, int64_t ldc, int32_t accumulate, gb_dtype a_dtype,
                           gb_dtype c_dtype) {
    return run(
        "matmul_packed", context,
        [&](const Arguments& check) {
            check.pointer("packed", packed);
            if (!packed->filled)
                throw Error(GB_INVALID_ARGUMENT, "packed holds no weights yet; call gb_packed_update first");
            check.size("m", m);
            check.flag("accumulate", accumulate);
            check.stride("lda", lda, packed->k);
            check.stride("ldc", ldc, packed->n);
            check.product("m * k", {m, lda, 4});
            check.product("m * n", {m, ldc, 4});
            const bool some = m > 0 && packed->n > 0;
            check.pointer("a", a, some && packed->k > 0);
            check.pointer("c", c, some);
            check.beside(packed->dtype, "a_dtype", a_dtype);
            check.beside(packed->dtype, "c_dtype", c_dtype);
        },
        [](const auto& ops) { return ops.matmul_packed; }, a, packed, bias, c, m, lda, ldc, accumulate, a_dtype,
        c_dtype);
}
