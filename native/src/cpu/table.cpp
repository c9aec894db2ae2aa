// Compiled once per instruction set: the table of this set's backend functions.
#include "cpu/cpu.h"

namespace gimbal::GB_ISA {

#define GB_OP(name) CpuSignature<decltype(gb_##name)>::type cpu_##name;
#define GB_BACKWARD(name) CpuSignature<decltype(gb_##name##_backward)>::type cpu_##name##_backward;
#include "ops.def"
#undef GB_OP
#undef GB_BACKWARD
void pack_columns(const void* b, int64_t ldb, bool transposed, int64_t first, int64_t columns, int64_t k, float* panel,
                  gb_dtype b_dtype, gb_dtype dtype);

extern const CpuOps table;
const CpuOps table = {
#define GB_OP(name) &cpu_##name,
#define GB_BACKWARD(name) &cpu_##name##_backward,
#include "ops.def"
#undef GB_OP
#undef GB_BACKWARD
    &pack_columns,
};

} // namespace gimbal::GB_ISA
