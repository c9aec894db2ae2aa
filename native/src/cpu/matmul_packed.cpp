// matmul with the right-hand matrix already in panels: the weights are read once, and nothing is packed but rows of A.
#include "cpu/cpu.h"
#include "cpu/matmul/pack.h"
#include "cpu/matmul/product.h"
#include "packed.h"

namespace gimbal::GB_ISA {

void pack_columns(const float* b, int64_t ldb, bool transposed, int64_t first, int64_t columns, int64_t k,
                  float* panel) {
    pack_panel({b, ldb, transposed}, first, 0, static_cast<int>(columns), k, kPanelColumns, panel);
}

void cpu_matmul_packed(Cpu& cpu, const void* a, const gb_packed* packed, const void* bias, void* c, int64_t m,
                       int64_t lda, int64_t ldc, int32_t accumulate, gb_dtype, gb_dtype) {
    multiply(cpu, {.a = static_cast<const float*>(a),
                   .b = nullptr,
                   .packed = packed->panels,
                   .bias = static_cast<const float*>(bias),
                   .c = static_cast<float*>(c),
                   .m = m,
                   .n = packed->n,
                   .k = packed->k,
                   .lda = lda,
                   .ldb = 0,
                   .ldc = ldc,
                   .trans_a = false,
                   .trans_b = false,
                   .accumulate = accumulate != 0});
}

} // namespace gimbal::GB_ISA
