// matmul: C = op(A) op(B) + bias in float32, without tensor cores: their float32 has 10 bits of mantissa.
//
// Order of additions, which every kernel here keeps and which is the CPU's: K in blocks of 512 from 0; a block is one
// chain of fused multiply-adds from 0, k ascending; the blocks are added in order, onto C with accumulate; then the
// bias. So the choice of a kernel by m, n and device changes no bit, and neither do layouts and alignment.
//
// matmul_kernel_large (tiles of 128 x 128) and matmul_kernel_small (64 x 64): a thread holds the chains of 8 x 8, or
// 8 x 4, outputs in registers; 16 columns of both operands at a time go through shared memory, two buffers in turn. C
// itself holds the sum of the blocks done so far. Bound: FFMA, 67 TFLOP/s on an H100.
//
// matmul_kernel_few (up to 16 rows, decoding): a warp holds the chains of 8 columns over one block of K; the blocks of
// K, taken by the warps side by side, are added ascending at the end. B is read once. Bound: memory.
#include "matmul.h"

#include "common/vec.h"
#include "matmul/stage.h"

using namespace gimbal;
using namespace gimbal::device;

namespace {

constexpr int kStep = 16;      // columns of a piece in shared memory
constexpr int kThreadRows = 8; // outputs of a thread: two fours of rows
constexpr int kTileGroup = 8;  // tiles down before the next column of tiles: their operands stay in the cache

constexpr int kFewDepth = 64;             // of a piece
constexpr int kFewStride = kFewDepth + 4; // so that eight columns lie in different banks

// C = [C +] chain [+ bias] for up to four neighbours of a row.
GB_DEVICE void add_chains(const MatmulArguments& a, int64_t i, int64_t j, const float* chain, bool add, bool last) {
    float* c = a.c + i * a.c_row_step + j;
    const float* bias = last && a.bias != nullptr ? a.bias + j : nullptr;
    if (j + 4 <= a.n && aligned4(c)) {
        Pack<4> x = {{chain[0], chain[1], chain[2], chain[3]}};
        if (add) {
            const Pack<4> before = load(c, Width<4>{});
            for (int v = 0; v < 4; ++v)
                x[v] = before[v] + x[v];
        }
        if (bias != nullptr)
            for (int v = 0; v < 4; ++v)
                x[v] = x[v] + bias[v];
        return store(c, x, Width<4>{});
    }
#pragma unroll
    for (int v = 0; v < 4; ++v)
        if (j + v < a.n) {
            const float x = add ? c[v] + chain[v] : chain[v];
            c[v] = bias != nullptr ? x + bias[v] : x;
        }
}

// One tile of C, of which each thread holds 8 rows x kColumns.
template <int Tile, int Threads> class TileProduct {
public:
    GB_DEVICE TileProduct(const MatmulArguments& a, float* shared) : a_(a), shared_(shared) {
        const int thread = static_cast<int>(threadIdx.x);
        row_ = thread / kAcross * 4;
        column_ = thread % kAcross * 4;
        const int64_t down = (a.m + Tile - 1) / Tile, across = (a.n + Tile - 1) / Tile;
        const int64_t group = blockIdx.x / (kTileGroup * across), within = blockIdx.x % (kTileGroup * across);
        const int64_t left = down - group * kTileGroup, height = left < kTileGroup ? left : kTileGroup;
        i0_ = (group * kTileGroup + within % height) * Tile;
        j0_ = within / height * Tile;
        clear();
    }

    GB_DEVICE void run() {
        if (a_.needed != nullptr && *a_.needed == 0) return;
        const int thread = static_cast<int>(threadIdx.x);
        Stage<Tile, kStep, Threads, 1, kStride> left(a_.a, i0_, a_.m, 0, thread), right(a_.b, j0_, a_.n, 0, thread);
        left.fetch(a_.k);
        right.fetch(a_.k);
        left.put(shared_);
        right.put(shared_ + kPiece);
        __syncthreads();
        int buffer = 0;
        for (int64_t k = 0;; k += kStep) {
            const int64_t depth = a_.k - k;
            const bool last = depth <= kStep;
            const float* piece = shared_ + buffer * 2 * kPiece;
            if (!last) {
                left.fetch(depth - kStep);
                right.fetch(depth - kStep);
            }
            if (depth >= kStep) {
#pragma unroll
                for (int d = 0; d < kStep; ++d)
                    step(piece + d * kStride);
            } else {
#pragma unroll 1
                for (int d = 0; d < depth; ++d)
                    step(piece + d * kStride);
            }
            if (last || (k + kStep) % kMatmulDepth == 0) finish(a_.accumulate || k >= kMatmulDepth, last);
            if (last) break;
            buffer ^= 1;
            left.put(shared_ + buffer * 2 * kPiece);
            right.put(shared_ + buffer * 2 * kPiece + kPiece);
            __syncthreads();
        }
    }

private:
    static constexpr int kColumns = Tile * Tile / Threads / kThreadRows, kAcross = Tile / kColumns;
    static constexpr int kStride = Tile + 4, kPiece = kStep * kStride;

    // Rows come as two fours, half a tile apart, and columns as one or two: neighbours in a warp read neighbours.
    GB_DEVICE static constexpr int row_of(int i) {
        return i / 4 * (Tile / 2) + i % 4;
    }
    GB_DEVICE static constexpr int column_of(int j) {
        return j / 4 * 4 * kAcross + j % 4;
    }

    GB_DEVICE void clear() {
#pragma unroll
        for (int i = 0; i < kThreadRows; ++i)
#pragma unroll
            for (int j = 0; j < kColumns; ++j)
                chain_[i][j] = 0.0f;
    }

    GB_DEVICE void step(const float* column) {
        float x[kThreadRows], y[kColumns];
#pragma unroll
        for (int i = 0; i < kThreadRows; i += 4)
            unpack(column + row_ + row_of(i), x + i);
#pragma unroll
        for (int j = 0; j < kColumns; j += 4)
            unpack(column + kPiece + column_ + column_of(j), y + j);
#pragma unroll
        for (int i = 0; i < kThreadRows; ++i)
#pragma unroll
            for (int j = 0; j < kColumns; ++j)
                chain_[i][j] = fma(x[i], y[j], chain_[i][j]);
    }

    GB_DEVICE static void unpack(const float* from, float* to) {
        const float4 p = *reinterpret_cast<const float4*>(from);
        to[0] = p.x;
        to[1] = p.y;
        to[2] = p.z;
        to[3] = p.w;
    }

    // The end of a block of K.
    GB_DEVICE void finish(bool add, bool last) {
#pragma unroll
        for (int i = 0; i < kThreadRows; ++i)
#pragma unroll
            for (int j = 0; j < kColumns; j += 4)
                if (i0_ + row_ + row_of(i) < a_.m)
                    add_chains(a_, i0_ + row_ + row_of(i), j0_ + column_ + column_of(j), chain_[i] + j, add, last);
        clear();
    }

    const MatmulArguments& a_;
    float* const shared_;
    int row_, column_; // of the thread's first output in the tile
    int64_t i0_, j0_;  // of the tile in C
    float chain_[kThreadRows][kColumns];
};

// Four elements of a row of A along the depth.
GB_DEVICE Pack<4> load_along(const MatmulOperand& operand, int64_t i, int64_t d, bool aligned) {
    if (aligned) return load(operand.data + i * operand.stride + d, Width<4>{});
    const float* p =
        operand.depth_contiguous ? operand.data + i * operand.stride + d : operand.data + d * operand.stride + i;
    const int64_t next = operand.depth_contiguous ? 1 : operand.stride;
    return {{p[0], p[next], p[2 * next], p[3 * next]}};
}

// Rows rows of A to a lane, 4 Rows in all. partial (warps, 4 Rows, 8); totals (4 Rows, 8).
template <int Rows> GB_DEVICE void multiply_few(const MatmulArguments& a, float* tiles, float* partial, float* totals) {
    if (a.needed != nullptr && *a.needed == 0) return;
    constexpr int kOutputs = 4 * Rows * kMatmulFewColumns;
    const int thread = static_cast<int>(threadIdx.x), lane = thread & 31, warp = thread >> 5;
    const int warps = static_cast<int>(blockDim.x) >> 5;
    const int column = lane % kMatmulFewColumns, group = lane / kMatmulFewColumns;
    float* tile = tiles + warp * kMatmulFewColumns * kFewStride;
    const int64_t first = static_cast<int64_t>(blockIdx.x) * kMatmulFewColumns;
    const int64_t blocks = (a.k + kMatmulDepth - 1) / kMatmulDepth;
    const bool aligned = a.a.depth_contiguous && aligned4(a.a.data) && a.a.stride % 4 == 0;
    int64_t row[Rows]; // rows beyond the last are computed as the last, and dropped
#pragma unroll
    for (int i = 0; i < Rows; ++i)
        row[i] = group + 4 * i < a.m ? group + 4 * i : a.m - 1;

    const auto chain_of_block = [&](int64_t begin) {
        const int64_t end = begin + kMatmulDepth < a.k ? begin + kMatmulDepth : a.k;
        float chain[Rows] = {};
        Stage<kMatmulFewColumns, kFewDepth, 32, kFewStride, 1> stage(a.b, first, a.n, begin, lane);
        stage.fetch(end - begin);
        for (int64_t k = begin; k < end; k += kFewDepth) {
            __syncwarp();
            stage.put(tile);
            __syncwarp();
            if (k + kFewDepth < end) stage.fetch(end - k - kFewDepth);
            const float* weights = tile + column * kFewStride;
            if (k + kFewDepth <= end) {
#pragma unroll 4
                for (int d = 0; d < kFewDepth; d += 4) {
                    const Pack<4> w = load(weights + d, Width<4>{});
#pragma unroll
                    for (int i = 0; i < Rows; ++i) {
                        const Pack<4> x = load_along(a.a, row[i], k + d, aligned);
#pragma unroll
                        for (int v = 0; v < 4; ++v)
                            chain[i] = fma(x[v], w[v], chain[i]);
                    }
                }
            } else {
                for (int d = 0; d < end - k; ++d)
#pragma unroll
                    for (int i = 0; i < Rows; ++i)
                        chain[i] = fma(a.a.depth_contiguous ? a.a.data[row[i] * a.a.stride + k + d]
                                                            : a.a.data[(k + d) * a.a.stride + row[i]],
                                       weights[d], chain[i]);
            }
        }
#pragma unroll
        for (int i = 0; i < Rows; ++i)
            partial[warp * kOutputs + (group + 4 * i) * kMatmulFewColumns + column] = chain[i];
    };

    for (int o = thread; o < kOutputs; o += static_cast<int>(blockDim.x)) {
        const int64_t i = o / kMatmulFewColumns, j = first + o % kMatmulFewColumns;
        totals[o] = a.accumulate && i < a.m && j < a.n ? a.c[i * a.c_row_step + j * a.c_column_step] : 0.0f;
    }
    for (int64_t round = 0; round < blocks; round += warps) {
        if (round + warp < blocks) chain_of_block((round + warp) * kMatmulDepth);
        __syncthreads();
        const int done = static_cast<int>(blocks - round < warps ? blocks - round : warps);
        for (int o = thread; o < kOutputs; o += static_cast<int>(blockDim.x)) {
            float total = totals[o];
            for (int w = 0; w < done; ++w) {
                const float chain = partial[w * kOutputs + o];
                total = round + w > 0 || a.accumulate ? total + chain : chain;
            }
            totals[o] = total;
        }
        __syncthreads();
    }
    for (int o = thread; o < kOutputs; o += static_cast<int>(blockDim.x)) {
        const int64_t i = o / kMatmulFewColumns, j = first + o % kMatmulFewColumns;
        if (i >= a.m || j >= a.n) continue;
        const float total = totals[o];
        a.c[i * a.c_row_step + j * a.c_column_step] =
            a.bias != nullptr ? total + a.bias[i * a.bias_row_step + j * a.bias_column_step] : total;
    }
}

} // namespace

extern "C" __global__ void __launch_bounds__(kMatmulLargeThreads, 2) matmul_kernel_large(MatmulArguments a) {
    GB_SHARED(float, pieces, 4 * kStep * (kMatmulLargeTile + 4));
    TileProduct<kMatmulLargeTile, kMatmulLargeThreads>(a, pieces).run();
}

extern "C" __global__ void __launch_bounds__(kMatmulSmallThreads) matmul_kernel_small(MatmulArguments a) {
    GB_SHARED(float, pieces, 4 * kStep * (kMatmulSmallTile + 4));
    TileProduct<kMatmulSmallTile, kMatmulSmallThreads>(a, pieces).run();
}

#define GB_MATMUL_FEW(rows)                                                                                            \
    extern "C" __global__ void __launch_bounds__(32 * kMatmulFewWarps) matmul_kernel_few##rows(MatmulArguments a) {    \
        GB_SHARED(float, tiles, kMatmulFewWarps* kMatmulFewColumns* kFewStride);                                       \
        GB_SHARED(float, partial, kMatmulFewWarps* rows* kMatmulFewColumns);                                           \
        GB_SHARED(float, totals, rows* kMatmulFewColumns);                                                             \
        multiply_few<rows / 4>(a, tiles, partial, totals);                                                             \
    }
GB_MATMUL_FEW(4)
GB_MATMUL_FEW(8)
GB_MATMUL_FEW(16)
#undef GB_MATMUL_FEW
