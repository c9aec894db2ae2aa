// matmul of bfloat16 matrices on the tensor cores: C = op(A) op(B) + bias, C in bfloat16 or float32, sums in float32.
//
// Order of additions, which every kernel here keeps: K in blocks of 768 from 0; a block starts from 0 and adds 16
// columns at a time, ascending, by one shape of instruction (m16n8k16), within which the order is the hardware's; the
// blocks are added in order, onto C with accumulate; then the bias; then one rounding. M, N and K are padded with zeros
// to the instruction's shape. So a row's bits depend on neither the other rows, nor m, n, layout, alignment and kernel.
//
// matmul_kernel_bf16_large (tiles of 128 x 128, a warp 64 x 32) and _small (64 x 64, a warp 32 x 32): pieces of 32
// columns of both operands go through shared memory, four under way. Bound: mma.sync, about 60 % of the 990 TFLOP/s
// that an H100 reaches through wgmma only.
//
// matmul_kernel_bf16_few (up to 16 rows, decoding): a warp computes 16 rows x 32 columns over one block of K; the
// blocks, taken by the warps side by side, are added ascending at the end. B is read once. Bound: memory.
#include "matmul/tensor_tile.h"

using namespace gimbal;
using namespace gimbal::device;

namespace {

// A (m, k) as it lies.
template <bool RightAlong> GB_DEVICE void multiply_few(const MatmulBf16Arguments& a, bf16* shared) {
    if (a.needed != nullptr && *a.needed == 0) return;
    constexpr int kFewStep = kMatmulBf16FewStep, kColumns = kMatmulBf16FewColumns;
    constexpr int kLeft = matmul_piece(kMatmulBf16FewRows, kFewStep), kRight = matmul_piece(kColumns, kFewStep);
    constexpr int kOutputs = kMatmulBf16FewRows * kColumns;
    using Left = AsyncStage<bf16, kMatmulBf16FewRows, kFewStep, 32, true>;
    using Right = AsyncStage<bf16, kColumns, kFewStep, 32, RightAlong>;
    const int warps = static_cast<int>(blockDim.x) / 32;
    const int64_t j0 = static_cast<int64_t>(blockIdx.x) * kColumns;
    const int64_t blocks = (a.k + kMatmulBf16Depth - 1) / kMatmulBf16Depth;
    bf16* pieces = shared + warp_of_block() * kStages * (kLeft + kRight);
    float* partial = reinterpret_cast<float*>(shared + warps * kStages * (kLeft + kRight)); // (warps, 16, 32)

    const auto chain_of_block = [&](int64_t begin) {
        const int64_t end = begin + kMatmulBf16Depth < a.k ? begin + kMatmulBf16Depth : a.k;
        WarpTile<1, kColumns / 8> chain;
        clear<1, kColumns / 8>(chain);
        Left left(a.a, a.lda, 0, a.m, begin, end, lane_of_warp());
        Right right(a.b, a.ldb, j0, a.n, begin, end, lane_of_warp());
        const auto fetch = [&](int slot) {
            left.fetch(pieces + slot * (kLeft + kRight));
            right.fetch(pieces + slot * (kLeft + kRight) + kLeft);
            cp_async_commit();
        };
#pragma unroll 1
        for (int slot = 0; slot < kStages - 1; ++slot)
            fetch(slot);
        int slot = 0;
        for (int64_t k = begin; k < end; k += kFewStep) {
            cp_async_wait<kStages - 2>();
            __syncwarp();
            fetch((slot + kStages - 1) % kStages);
            const bf16* piece = pieces + slot * (kLeft + kRight);
            slot = (slot + 1) % kStages;
#pragma unroll
            for (int d = 0; d < kFewStep; d += 16)
                if (k + d < end)
                    add_product<1, kColumns / 8, true, RightAlong>(chain, piece, Left::kPitch, 0, piece + kLeft,
                                                                   Right::kPitch, 0, d);
        }
        cp_async_wait<0>();
        __syncwarp();
        add_chains<1, kColumns / 8>(chain, partial + warp_of_block() * kOutputs, kColumns, true);
    };

    float* sums = partial + warps * kOutputs;
    begin_sums<kMatmulBf16FewRows, kColumns>(a, 0, j0, sums, kColumns);
    for (int64_t round = 0; round < blocks; round += warps) {
        if (round + warp_of_block() < blocks) chain_of_block((round + warp_of_block()) * kMatmulBf16Depth);
        __syncthreads();
        const int done = static_cast<int>(blocks - round < warps ? blocks - round : warps);
        for (int o = static_cast<int>(threadIdx.x); o < kOutputs; o += static_cast<int>(blockDim.x)) {
            float sum = sums[o];
            for (int w = 0; w < done; ++w)
                sum = sum + partial[w * kOutputs + o];
            sums[o] = sum;
        }
        __syncthreads();
    }
    write_sums<kMatmulBf16FewRows, kColumns>(a, 0, j0, sums, kColumns);
}

} // namespace

// The suffix names the layouts: n as in op(X) = X, t for the transposed.
#define GB_MATMUL(layout, left_along, right_along)                                                                     \
    extern "C" __global__ void __launch_bounds__(kMatmulBf16LargeThreads)                                              \
        matmul_kernel_bf16_large_##layout(MatmulBf16Arguments a) {                                                     \
        GB_DYNAMIC_SHARED(unsigned char, shared);                                                                      \
        multiply_tile<bf16, kMatmulBf16LargeTile, kMatmulBf16LargeThreads, 4, 4, left_along, right_along>(a, shared);  \
    }                                                                                                                  \
    extern "C" __global__ void __launch_bounds__(kMatmulBf16SmallThreads)                                              \
        matmul_kernel_bf16_small_##layout(MatmulBf16Arguments a) {                                                     \
        GB_DYNAMIC_SHARED(unsigned char, shared);                                                                      \
        multiply_tile<bf16, kMatmulBf16SmallTile, kMatmulBf16SmallThreads, 2, 4, left_along, right_along>(a, shared);  \
    }
GB_MATMUL(nn, true, false)
GB_MATMUL(nt, true, true)
GB_MATMUL(tn, false, false)
GB_MATMUL(tt, false, true)
#undef GB_MATMUL

#define GB_MATMUL_FEW(layout, right_along)                                                                             \
    extern "C" __global__ void __launch_bounds__(32 * kMatmulBf16FewWarps)                                             \
        matmul_kernel_bf16_few_##layout(MatmulBf16Arguments a) {                                                       \
        GB_DYNAMIC_SHARED(bf16, shared);                                                                               \
        multiply_few<right_along>(a, shared);                                                                          \
    }
GB_MATMUL_FEW(nn, false)
GB_MATMUL_FEW(nt, true)
#undef GB_MATMUL_FEW
