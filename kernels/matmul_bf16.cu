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
#include "matmul_bf16.h"

#include "common/vec.h"
#include "matmul/fragment.h"

using namespace gimbal;
using namespace gimbal::device;

namespace {

constexpr int kStep = kMatmulBf16Step, kStages = kMatmulBf16Stages;
constexpr int kTileGroup = 8; // tiles down before the next column of tiles: their operands stay in the cache

GB_DEVICE int lane_of_warp() {
    return static_cast<int>(threadIdx.x) & 31;
}
GB_DEVICE int warp_of_block() {
    return static_cast<int>(threadIdx.x) >> 5;
}

// Sums in shared memory, Rows x Columns of them, row-major at a pitch: what C holds, or 0.
template <int Rows, int Columns>
GB_DEVICE void begin_sums(const MatmulBf16Arguments& a, int64_t i0, int64_t j0, float* sums, int pitch) {
#pragma unroll 1
    for (int o = static_cast<int>(threadIdx.x); o < Rows * Columns; o += static_cast<int>(blockDim.x)) {
        const int64_t i = i0 + o / Columns, j = j0 + o % Columns;
        float sum = 0.0f;
        if (a.accumulate && i < a.m && j < a.n)
            sum = a.c_is_float ? static_cast<const float*>(a.c)[i * a.ldc + j]
                               : load(static_cast<const bf16*>(a.c) + i * a.ldc + j);
        sums[o / Columns * pitch + o % Columns] = sum;
    }
}

template <class T> GB_DEVICE void write_four(T* c, const float* bias, int count, bool aligned, Pack<4> sum) {
    if (bias != nullptr)
#pragma unroll
        for (int v = 0; v < 4; ++v)
            if (v < count) sum[v] = sum[v] + bias[v];
    if (aligned && count >= 4) return store(c, sum, Width<4>{});
#pragma unroll
    for (int v = 0; v < 4; ++v)
        if (v < count) store(c + v, sum[v]);
}

// C = sums [+ bias]
template <int Rows, int Columns>
GB_DEVICE void write_sums(const MatmulBf16Arguments& a, int64_t i0, int64_t j0, const float* sums, int pitch) {
    float* c_float = static_cast<float*>(a.c);
    bf16* c_bf16 = static_cast<bf16*>(a.c);
    const bool aligned = a.ldc % 4 == 0 && (a.c_is_float ? aligned4(c_float) : aligned4(c_bf16));
#pragma unroll 1
    for (int o = static_cast<int>(threadIdx.x); o < Rows * Columns / 4; o += static_cast<int>(blockDim.x)) {
        const int row = o / (Columns / 4), column = o % (Columns / 4) * 4;
        const int64_t i = i0 + row, j = j0 + column;
        if (i >= a.m || j >= a.n) continue;
        const int count = a.n - j < 4 ? static_cast<int>(a.n - j) : 4;
        const float* bias = a.bias != nullptr ? a.bias + j : nullptr;
        const Pack<4> sum = load(sums + row * pitch + column, Width<4>{});
        if (a.c_is_float)
            write_four(c_float + i * a.ldc + j, bias, count, aligned, sum);
        else
            write_four(c_bf16 + i * a.ldc + j, bias, count, aligned, sum);
    }
}

// sums += the warp's part, or = with `first`; `sums` points to its first row and column.
template <int Down, int Across>
GB_DEVICE void add_chains(const WarpTile<Down, Across>& chain, float* sums, int pitch, bool first) {
    sums += lane_of_warp() / 4 * pitch + lane_of_warp() % 4 * 2;
#pragma unroll
    for (int i = 0; i < Down; ++i)
#pragma unroll
        for (int j = 0; j < Across; ++j)
#pragma unroll
            for (int v = 0; v < 4; v += 2) {
                float2* pair = reinterpret_cast<float2*>(sums + (16 * i + v / 2 * 8) * pitch + 8 * j);
                const float2 before = first ? make_float2(0.0f, 0.0f) : *pair;
                *pair = make_float2(before.x + chain[i][j][v], before.y + chain[i][j][v + 1]);
            }
}

template <int Tile, int Threads, int Down, int Across, bool LeftAlong, bool RightAlong>
GB_DEVICE void multiply_tile(const MatmulBf16Arguments& a, bf16* shared) {
    if (a.needed != nullptr && *a.needed == 0) return;
    using Left = AsyncStage<Tile, kStep, Threads, LeftAlong>;
    using Right = AsyncStage<Tile, kStep, Threads, RightAlong>;
    constexpr int kPiece = matmul_piece(Tile, kStep), kWarpsAcross = Tile / (8 * Across);
    static_assert(Tile / (16 * Down) * kWarpsAcross * 32 == Threads);

    const int64_t down = (a.m + Tile - 1) / Tile, across = (a.n + Tile - 1) / Tile;
    const int64_t group = blockIdx.x / (kTileGroup * across), within = blockIdx.x % (kTileGroup * across);
    const int64_t rest = down - group * kTileGroup, height = rest < kTileGroup ? rest : kTileGroup;
    const int64_t i0 = (group * kTileGroup + within % height) * Tile, j0 = within / height * Tile;
    const int row = warp_of_block() / kWarpsAcross * 16 * Down, column = warp_of_block() % kWarpsAcross * 8 * Across;
    constexpr int kPitch = Tile + kMatmulBf16Pad;
    float* sums = reinterpret_cast<float*>(shared + kStages * 2 * kPiece);

    begin_sums<Tile, Tile>(a, i0, j0, sums, kPitch);
    WarpTile<Down, Across> chain;
    clear<Down, Across>(chain);
    Left left(a.a, a.lda, i0, a.m, 0, a.k, static_cast<int>(threadIdx.x));
    Right right(a.b, a.ldb, j0, a.n, 0, a.k, static_cast<int>(threadIdx.x));
    const auto fetch = [&](int slot) {
        left.fetch(shared + slot * 2 * kPiece);
        right.fetch(shared + slot * 2 * kPiece + kPiece);
        cp_async_commit();
    };
#pragma unroll 1
    for (int slot = 0; slot < kStages - 1; ++slot)
        fetch(slot);
    int slot = 0;
    for (int64_t k = 0; k < a.k; k += kStep) {
        cp_async_wait<kStages - 2>();
        __syncthreads();
        fetch((slot + kStages - 1) % kStages);
        const bf16* piece = shared + slot * 2 * kPiece;
        slot = (slot + 1) % kStages;
#pragma unroll
        for (int d = 0; d < kStep; d += 16)
            if (k + d < a.k)
                add_product<Down, Across, LeftAlong, RightAlong>(chain, piece, Left::kPitch, row, piece + kPiece,
                                                                 Right::kPitch, column, d);
        if ((k + kStep) % kMatmulBf16Depth == 0 || k + kStep >= a.k) {
            add_chains<Down, Across>(chain, sums + row * kPitch + column, kPitch, false);
            clear<Down, Across>(chain);
        }
    }
    cp_async_wait<0>();
    __syncthreads();
    write_sums<Tile, Tile>(a, i0, j0, sums, kPitch);
}

// A (m, k) as it lies; partial (warps, 16, 32).
template <bool RightAlong> GB_DEVICE void multiply_few(const MatmulBf16Arguments& a, bf16* shared, float* partial) {
    if (a.needed != nullptr && *a.needed == 0) return;
    constexpr int kFewStep = kMatmulBf16FewStep, kColumns = kMatmulBf16FewColumns;
    constexpr int kLeft = matmul_piece(kMatmulBf16FewRows, kFewStep), kRight = matmul_piece(kColumns, kFewStep);
    constexpr int kOutputs = kMatmulBf16FewRows * kColumns;
    using Left = AsyncStage<kMatmulBf16FewRows, kFewStep, 32, true>;
    using Right = AsyncStage<kColumns, kFewStep, 32, RightAlong>;
    const int warps = static_cast<int>(blockDim.x) / 32;
    const int64_t j0 = static_cast<int64_t>(blockIdx.x) * kColumns;
    const int64_t blocks = (a.k + kMatmulBf16Depth - 1) / kMatmulBf16Depth;
    bf16* pieces = shared + warp_of_block() * kStages * (kLeft + kRight);

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
        GB_DYNAMIC_SHARED(bf16, shared);                                                                               \
        multiply_tile<kMatmulBf16LargeTile, kMatmulBf16LargeThreads, 4, 4, left_along, right_along>(a, shared);        \
    }                                                                                                                  \
    extern "C" __global__ void __launch_bounds__(kMatmulBf16SmallThreads)                                              \
        matmul_kernel_bf16_small_##layout(MatmulBf16Arguments a) {                                                     \
        GB_DYNAMIC_SHARED(bf16, shared);                                                                               \
        multiply_tile<kMatmulBf16SmallTile, kMatmulBf16SmallThreads, 2, 4, left_along, right_along>(a, shared);        \
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
        GB_SHARED(float, partial, (kMatmulBf16FewWarps + 1) * kMatmulBf16FewRows * kMatmulBf16FewColumns);             \
        multiply_few<right_along>(a, shared, partial);                                                                 \
    }
GB_MATMUL_FEW(nn, false)
GB_MATMUL_FEW(nt, true)
#undef GB_MATMUL_FEW
