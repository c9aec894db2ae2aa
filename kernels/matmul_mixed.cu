// matmul of a float32 A and a bfloat16 B on the tensor cores: A is rounded to bfloat16 on its way out of shared memory.
// Gradients that stay in float32 (of logits, of the residual stream) meet weights and activations in bfloat16 here.
//
// Shapes, order of additions and tiles are those of matmul_bf16.cu: the bits are those of A rounded beforehand. Bound:
// as there, with twice the bytes of A.
#include "matmul/tensor_tile.h"

using namespace gimbal;
using namespace gimbal::device;

// The suffix names the layouts: n as in op(X) = X, t for the transposed.
#define GB_MATMUL(layout, left_along, right_along)                                                                     \
    extern "C" __global__ void __launch_bounds__(kMatmulBf16LargeThreads)                                              \
        matmul_kernel_mixed_large_##layout(MatmulBf16Arguments a) {                                                    \
        GB_DYNAMIC_SHARED(unsigned char, shared);                                                                      \
        multiply_tile<float, kMatmulBf16LargeTile, kMatmulBf16LargeThreads, 4, 4, left_along, right_along>(a, shared); \
    }                                                                                                                  \
    extern "C" __global__ void __launch_bounds__(kMatmulBf16SmallThreads)                                              \
        matmul_kernel_mixed_small_##layout(MatmulBf16Arguments a) {                                                    \
        GB_DYNAMIC_SHARED(unsigned char, shared);                                                                      \
        multiply_tile<float, kMatmulBf16SmallTile, kMatmulBf16SmallThreads, 2, 4, left_along, right_along>(a, shared); \
    }
GB_MATMUL(nn, true, false)
GB_MATMUL(nt, true, true)
GB_MATMUL(tn, false, false)
GB_MATMUL(tt, false, true)
#undef GB_MATMUL
