// What every CPU backend function gets, and the table of them.
#pragma once

#include "gimbal.h"

#include <cstdint>

namespace gimbal {

// The CPU as an op sees it.
struct Cpu {
    int threads = 1;
    void* workspace = nullptr;
};

// cpu_<op> has the parameters of gb_<op>, with the context replaced by the Cpu, and no status: the shell has checked the
// arguments. What only the data can tell (a token id out of range) is thrown as an Error before anything is written.
template <class> struct CpuSignature;
template <class... Args> struct CpuSignature<gb_status(gb_context*, Args...)> {
    using type = void(Cpu&, Args...);
};

struct CpuOps {
#define GB_OP(name) CpuSignature<decltype(gb_##name)>::type* name;
#define GB_BACKWARD(name) CpuSignature<decltype(gb_##name##_backward)>::type* name##_backward;
#include "ops.def"
#undef GB_OP
#undef GB_BACKWARD
    // Columns first .. first+columns-1 (at most 16) of a right-hand matrix as a panel of packed.h, of `dtype`.
    void (*pack_columns)(const void* b, int64_t ldb, bool transposed, int64_t first, int64_t columns, int64_t k,
                         float* panel, gb_dtype b_dtype, gb_dtype dtype);
};

// The table of the instruction set chosen at load.
const CpuOps& cpu_ops();

} // namespace gimbal
