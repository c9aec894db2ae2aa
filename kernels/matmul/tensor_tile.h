// The tile of C that a block computes on the tensor cores, and how its sums get to memory: what the kernels of
// matmul_bf16.cu and matmul_mixed.cu are made of.
#pragma once

#include "matmul_bf16.h"

#include "common/vec.h"
#include "matmul/fragment.h"

namespace gimbal::device {

constexpr int kStep = kMatmulBf16Step, kStages = kMatmulBf16Stages;
constexpr int kTileGroup = 8; // tiles down before the next column of tiles: their operands stay in the cache

GB_DEVICE int lane_of_warp() {
    return static_cast<int>(threadIdx.x) & 31;
}
GB_DEVICE int warp_of_block() {
    return static_cast<int>(threadIdx.x) >> 5;
}

struct TilePlace {
    int64_t down, across;
};

// The tile of the calling block of threads among `down` x `across`: `group` tiles down before the next column of tiles.
GB_DEVICE TilePlace tile_of_block(int64_t down, int64_t across, int64_t group) {
    const int64_t first = blockIdx.x / (group * across) * group, within = blockIdx.x % (group * across);
    const int64_t height = down - first < group ? down - first : group;
    return {first + within % height, within / height};
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

// sums += the product of a tile's operands over `depth` columns, in the order of matmul_bf16.cu. Left and Right are
// AsyncStages, or fetch as they do; a warp computes 16 Down rows x 8 Across columns from (row, column) on. All threads
// of the block call together, and find the sums whole.
template <int Step, int Stages, int Down, int Across, bool LeftAlong, bool RightAlong, class T, class Left, class Right>
GB_DEVICE void add_products(Left& left, Right& right, T* lefts, int left_piece, bf16* rights, int right_piece,
                            int64_t depth, int row, int column, float* sums, int pitch) {
    WarpTile<Down, Across> chain;
    clear<Down, Across>(chain);
    const auto fetch = [&](int slot) {
        left.fetch(lefts + slot * left_piece);
        right.fetch(rights + slot * right_piece);
        cp_async_commit();
    };
#pragma unroll 1
    for (int slot = 0; slot < Stages - 1; ++slot)
        fetch(slot);
    int slot = 0;
    for (int64_t k = 0; k < depth; k += Step) {
        cp_async_wait<Stages - 2>();
        __syncthreads();
        fetch((slot + Stages - 1) % Stages);
#pragma unroll
        for (int d = 0; d < Step; d += 16)
            if (k + d < depth)
                add_product<Down, Across, LeftAlong, RightAlong>(chain, lefts + slot * left_piece, Left::kPitch, row,
                                                                 rights + slot * right_piece, Right::kPitch, column, d);
        slot = (slot + 1) % Stages;
        if ((k + Step) % kMatmulBf16Depth == 0 || k + Step >= depth) {
            add_chains<Down, Across>(chain, sums + row * pitch + column, pitch, false);
            clear<Down, Across>(chain);
        }
    }
    cp_async_wait<0>();
    __syncthreads();
}

// T is the type of A. A warp computes 16 Down rows x 8 Across columns of the tile.
template <class T, int Tile, int Threads, int Down, int Across, bool LeftAlong, bool RightAlong>
GB_DEVICE void multiply_tile(const MatmulBf16Arguments& a, unsigned char* shared) {
    if (a.needed != nullptr && *a.needed == 0) return;
    using Left = AsyncStage<T, Tile, kStep, Threads, LeftAlong>;
    using Right = AsyncStage<bf16, Tile, kStep, Threads, RightAlong>;
    constexpr int kPiece = matmul_piece(Tile, kStep), kWarpsAcross = Tile / (8 * Across);
    static_assert(Tile / (16 * Down) * kWarpsAcross * 32 == Threads);

    const TilePlace place = tile_of_block((a.m + Tile - 1) / Tile, (a.n + Tile - 1) / Tile, kTileGroup);
    const int64_t i0 = place.down * Tile, j0 = place.across * Tile;
    const int row = warp_of_block() / kWarpsAcross * 16 * Down, column = warp_of_block() % kWarpsAcross * 8 * Across;
    constexpr int kPitch = Tile + kMatmulBf16Pad;
    T* const lefts = reinterpret_cast<T*>(shared);
    bf16* const rights = reinterpret_cast<bf16*>(lefts + kStages * kPiece);
    float* const sums = reinterpret_cast<float*>(rights + kStages * kPiece);

    begin_sums<Tile, Tile>(a, i0, j0, sums, kPitch);
    Left left(a.a, a.lda, i0, a.m, 0, a.k, static_cast<int>(threadIdx.x));
    Right right(a.b, a.ldb, j0, a.n, 0, a.k, static_cast<int>(threadIdx.x));
    add_products<kStep, kStages, Down, Across, LeftAlong, RightAlong>(left, right, lefts, kPiece, rights, kPiece, a.k,
                                                                      row, column, sums, kPitch);
    write_sums<Tile, Tile>(a, i0, j0, sums, kPitch);
}

} // namespace gimbal::device
