// matmul with the right-hand matrix already in panels: the weights are read once, and nothing is packed but rows of A.
#include "cpu/cpu.h"
#include "cpu/matmul/pack.h"
#include "cpu/matmul/product.h"
#include "cpu/storage.h"
#include "packed.h"

namespace gimbal::GB_ISA {

void pack_columns(const void* b, int64_t ldb, bool transposed, int64_t first, int64_t columns, int64_t k, float* panel,
                  gb_dtype b_dtype, gb_dtype dtype) {
    const int count = static_cast<int>(columns);
    as_stored(b_dtype, [&](auto stored) {
        const PanelSource source{stored(b), ldb, transposed};
        if (dtype == GB_BFLOAT16)
            pack_panel<EmulatedPairChain>(source, first, 0, count, k, kPanelColumns, panel);
        else
            pack_panel<FloatChain>(source, first, 0, count, k, kPanelColumns, panel);
    });
}

void cpu_matmul_packed(Cpu& cpu, const void* a, const gb_packed* packed, const void* bias, void* c, int64_t m,
                       int64_t lda, int64_t ldc, int32_t accumulate, gb_dtype a_dtype, gb_dtype c_dtype) {
    multiply(cpu, {.a = a,
                   .b = nullptr,
                   .packed = packed->panels,
                   .bias = static_cast<const float*>(bias),
                   .c = c,
                   .m = m,
                   .n = packed->n,
                   .k = packed->k,
                   .lda = lda,
                   .ldb = 0,
                   .ldc = ldc,
                   .trans_a = false,
                   .trans_b = false,
                   .accumulate = accumulate != 0,
                   .a_dtype = a_dtype,
                   .b_dtype = packed->dtype,
                   .c_dtype = c_dtype});
}

} // namespace gimbal::GB_ISA
