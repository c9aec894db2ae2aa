// grad_norm: state.gradient_norm = sqrt(sum g^2) in double, state.clip_coefficient = min(1, max_norm / (norm + 1e-6)),
// 1 if max_norm <= 0. gradients (count) float32, the state on the device.
//
// The CPU's order, by GradNormPlan: at most 256 pieces, a piece in sixteen double lanes and the fixed tree, the pieces
// ascending. A block to a piece: one warp holds the lanes and does nothing but add, from shared memory; the others
// bring the next tile there meanwhile. The last block adds the pieces and writes the state. Bound: one read; the chains
// of additions keep up with about 3 TB/s.
#include "grad_norm.h"

#include "common/reduce.h"
#include "common/ticket.h"
#include "common/vec.h"

using namespace gimbal;
using namespace gimbal::device;

namespace {

// The fetching threads bring x[0 .. count - 1] to shared memory, sixteen to a thread where aligned.
GB_DEVICE void fetch(const float* x, int count, float* shared) {
    const int thread = static_cast<int>(threadIdx.x) - 32;
    if (aligned4(x) && count == kGradNormTile) {
        constexpr int kPacks = kGradNormTile / 4 / kGradNormFetching;
        Pack<4> held[kPacks];
#pragma unroll
        for (int k = 0; k < kPacks; ++k)
            held[k] = load(x + 4 * (thread + k * kGradNormFetching), Width<4>{});
#pragma unroll
        for (int k = 0; k < kPacks; ++k)
            store(shared + 4 * (thread + k * kGradNormFetching), held[k], Width<4>{});
        return;
    }
#pragma unroll 8
    for (int i = thread; i < count; i += kGradNormFetching)
        shared[i] = x[i];
}

} // namespace

extern "C" __global__ void __launch_bounds__(kGradNormThreads) grad_norm_kernel(GradNormArguments a) {
    GB_SHARED(float, tiles, 2 * kGradNormTile);
    GB_SHARED(double, sums, GradNormPlan::kPieces);
    const int64_t begin = static_cast<int64_t>(blockIdx.x) * a.plan.length;
    const int64_t left = a.count - begin, length = left < a.plan.length ? left : a.plan.length;
    const bool adds = threadIdx.x < 32;
    const auto size = [&](int64_t tile) {
        const int64_t rest = length - tile * kGradNormTile;
        return static_cast<int>(rest < kGradNormTile ? rest : kGradNormTile);
    };
    const int64_t count = (length + kGradNormTile - 1) / kGradNormTile;
    double sum = 0;
    if (!adds && count > 0) fetch(a.gradients + begin, size(0), tiles);
    for (int64_t tile = 0; tile < count; ++tile) {
        __syncthreads();
        if (adds) {
            // A float32 squared is exact in double, so that the fused sum rounds as the CPU's does.
            const float* x = tiles + tile % 2 * kGradNormTile;
            const int elements = size(tile);
#pragma unroll 16
            for (int i = team_lane(); i < elements; i += kLanes)
                sum = ::fma(static_cast<double>(x[i]), static_cast<double>(x[i]), sum);
        } else if (tile + 1 < count) {
            fetch(a.gradients + begin + (tile + 1) * kGradNormTile, size(tile + 1),
                  tiles + (tile + 1) % 2 * kGradNormTile);
        }
    }
    if (adds) {
        sum = sum_team(sum);
        if (threadIdx.x == 0 && count > 0) a.squares[blockIdx.x] = sum;
    }
    if (!is_last_block(a.ticket, gridDim.x)) return;
    for (int64_t piece = threadIdx.x; piece < a.plan.pieces; piece += kGradNormThreads)
        sums[piece] = a.squares[piece];
    __syncthreads();
    if (threadIdx.x != 0) return;
    double total = 0;
#pragma unroll 8
    for (int64_t piece = 0; piece < a.plan.pieces; ++piece)
        total += sums[piece];
    const double norm = ::sqrt(total);
    const double coefficient = static_cast<double>(a.max_norm) / (norm + 1e-6);
    *a.gradient_norm = static_cast<float>(norm);
    // 0 for an infinite norm, NaN for NaN.
    *a.clip_coefficient = a.max_norm <= 0 || coefficient >= 1 ? 1.0f : static_cast<float>(coefficient);
}
