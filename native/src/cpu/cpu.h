// What every CPU backend function gets, and the table of them.
#pragma once

#include "gimbal.h"

#include <cstdint>

namespace gimbal {

// The CPU as an op sees it.
struct Cpu {
    int threads = 1;
    void* workspace = nullptr;
    int64_t workspace_bytes = 0;
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
};

// The table of the instruction set chosen at load.
const CpuOps& cpu_ops();

} // namespace gimbal
