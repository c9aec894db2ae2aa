// The table of the CUDA launchers.
#include "cuda/cuda.h"

namespace gimbal {

// Until every op has a launcher, a missing one is null, and the op answers GB_UNSUPPORTED.
#define GB_OP(name) __attribute__((weak)) CudaSignature<decltype(gb_##name)>::type cuda_##name;
#define GB_BACKWARD(name)                                                                                              \
    __attribute__((weak)) CudaSignature<decltype(gb_##name##_backward)>::type cuda_##name##_backward;
#include "ops.def"
#undef GB_OP
#undef GB_BACKWARD

const CudaOps& cuda_ops() {
    static const CudaOps table = {
#define GB_OP(name) &cuda_##name,
#define GB_BACKWARD(name) &cuda_##name##_backward,
#include "ops.def"
#undef GB_OP
#undef GB_BACKWARD
    };
    return table;
}

} // namespace gimbal
