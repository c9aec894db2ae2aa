// The table of the CUDA launchers.
#include "cuda/cuda.h"

namespace gimbal {

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
