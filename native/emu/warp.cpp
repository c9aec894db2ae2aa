// What a warp does together: shuffles, votes, and the matrix instructions, carried out by the last lane to arrive.
//
// The layouts of ldmatrix and mma are those of the PTX ISA ("Matrix fragments for mma.m16n8k16", "ldmatrix"), written
// down as the manual gives them: with group = lane / 4 and t = lane % 4,
//
//   A (16 x 16), a[i] holds two neighbours k, k+1:  row = group + (i odd ? 8 : 0),  k = 2 t + (i >= 2 ? 8 : 0)
//   B (16 x 8),  b[i] holds two neighbours k, k+1:  k = 2 t + 8 i,                  column = group
//   D (16 x 8),  d[i]:                              row = group + (i >= 2 ? 8 : 0), column = 2 t + (i odd)
//   ldmatrix (8 x 8 of 16 bits), r[m]:              row = group of matrix m, columns 2 t and 2 t + 1
#include "checker.h"

namespace emu {

namespace {

void shuffle_lanes(Collective kind, unsigned mask, Thread* const* lanes) {
    uint64_t values[kWarpSize] = {};
    for (unsigned i = 0; i < kWarpSize; ++i)
        if (lanes[i] != nullptr) values[i] = lanes[i]->operand.shuffle.value;
    for (unsigned i = 0; i < kWarpSize; ++i) {
        if (lanes[i] == nullptr) continue;
        auto& operand = lanes[i]->operand.shuffle;
        const int self = static_cast<int>(i), width = operand.width;
        if (width < 1 || width > 32 || (width & (width - 1)) != 0)
            raise_fault("shuffle: wanted a width of 1, 2, 4, 8, 16 or 32, got " + std::to_string(width),
                        lanes[i]->place);
        const int first = self & ~(width - 1), end = first + width;
        int source = self;
        if (kind == Collective::shuffle_index) source = first + (operand.lane & (width - 1));
        if (kind == Collective::shuffle_up) source = self - operand.lane;
        if (kind == Collective::shuffle_down) source = self + operand.lane;
        if (kind == Collective::shuffle_xor) source = self ^ operand.lane;
        // Beyond the segment a lane keeps its own value; xor may read an earlier segment.
        if (source >= end || (source < first && kind != Collective::shuffle_xor) || source < 0) source = self;
        if ((mask >> source & 1) == 0)
            raise_fault("shuffle: lane " + std::to_string(i) + " reads lane " + std::to_string(source) +
                            ", which is not in the mask or does not exist",
                        lanes[i]->place);
        operand.value = values[source];
    }
}

void take_vote(Collective kind, unsigned mask, Thread* const* lanes) {
    unsigned ballot = 0;
    for (unsigned i = 0; i < kWarpSize; ++i)
        if (lanes[i] != nullptr && lanes[i]->operand.vote != 0) ballot |= 1u << i;
    const unsigned result = kind == Collective::ballot ? ballot
                            : kind == Collective::any  ? static_cast<unsigned>(ballot != 0)
                                                       : static_cast<unsigned>(ballot == mask);
    for (unsigned i = 0; i < kWarpSize; ++i)
        if (lanes[i] != nullptr) lanes[i]->operand.vote = result;
}

void require_whole_warp(unsigned mask, Thread* const* lanes) {
    if (mask != ~0u) raise_fault("matrix instruction: wanted a whole warp of 32 threads", lanes[0]->place);
}

// Lane 8 m + r brings the address of row r of matrix m.
void load_fragments(Thread* const* lanes) {
    const int matrices = lanes[0]->operand.load.matrices;
    const bool transposed = lanes[0]->operand.load.transposed;
    uint16_t tile[4][8][8];
    for (int m = 0; m < matrices; ++m)
        for (int r = 0; r < 8; ++r)
            __builtin_memcpy(tile[m][r], lanes[8 * m + r]->operand.load.row, sizeof tile[m][r]);
    for (unsigned i = 0; i < kWarpSize; ++i) {
        auto& operand = lanes[i]->operand.load;
        const unsigned group = i / 4, t = 2 * (i % 4);
        for (int m = 0; m < matrices; ++m) {
            const auto& matrix = tile[m];
            const unsigned low = transposed ? matrix[t][group] : matrix[group][t];
            const unsigned high = transposed ? matrix[t + 1][group] : matrix[group][t + 1];
            operand.result[m] = low | high << 16;
        }
    }
}

float low_half(uint32_t pair) {
    return __builtin_bit_cast(float, pair << 16);
}
float high_half(uint32_t pair) {
    return __builtin_bit_cast(float, pair & 0xffff0000u);
}

// d[r][c] = fma(a[r][k], b[k][c], d[r][c]) for k = 0, 1, ..., 15. Products of bf16 are exact in float32; a GPU adds
// them in an order, and with a rounding, of its own.
void multiply_fragments(Thread* const* lanes) {
    alignas(32) float a[16][16], b[16][8], d[16][8];
    for (unsigned i = 0; i < kWarpSize; ++i) {
        const auto& operand = lanes[i]->operand.multiply;
        const unsigned group = i / 4, t = 2 * (i % 4);
        for (unsigned w = 0; w < 4; ++w) {
            const unsigned row = group + (w % 2 == 1 ? 8 : 0), k = t + (w >= 2 ? 8 : 0);
            a[row][k] = low_half(operand.a[w]);
            a[row][k + 1] = high_half(operand.a[w]);
            d[group + (w >= 2 ? 8 : 0)][t + w % 2] = operand.d[w];
        }
        for (unsigned w = 0; w < 2; ++w) {
            b[t + 8 * w][group] = low_half(operand.b[w]);
            b[t + 8 * w + 1][group] = high_half(operand.b[w]);
        }
    }
    for (auto r = 0; r < 16; ++r) {
        float row[8];
        for (int c = 0; c < 8; ++c)
            row[c] = d[r][c];
        for (int k = 0; k < 16; ++k)
            for (int c = 0; c < 8; ++c)
                row[c] = __builtin_fmaf(a[r][k], b[k][c], row[c]);
        for (int c = 0; c < 8; ++c)
            d[r][c] = row[c];
    }
    for (unsigned i = 0; i < kWarpSize; ++i) {
        auto& operand = lanes[i]->operand.multiply;
        const unsigned group = i / 4, t = 2 * (i % 4);
        for (unsigned w = 0; w < 4; ++w)
            operand.d[w] = d[group + (w >= 2 ? 8 : 0)][t + w % 2];
    }
}

} // namespace

void perform_collective(Collective kind, unsigned mask, Thread* const* lanes) {
    switch (kind) {
    case Collective::sync_warp:
        return;
    case Collective::shuffle_index:
    case Collective::shuffle_up:
    case Collective::shuffle_down:
    case Collective::shuffle_xor:
        return shuffle_lanes(kind, mask, lanes);
    case Collective::ballot:
    case Collective::any:
    case Collective::all:
        return take_vote(kind, mask, lanes);
    case Collective::load_matrices:
        return require_whole_warp(mask, lanes), load_fragments(lanes);
    case Collective::multiply_matrices:
        return require_whole_warp(mask, lanes), multiply_fragments(lanes);
    }
}

} // namespace emu

namespace simt {

using namespace emu;

namespace {

Place here(Site site, void* return_address) {
    return {site.file, site.line, reinterpret_cast<uintptr_t>(return_address)};
}

} // namespace

void sync_warp(unsigned mask, Site site) {
    join_collective(Collective::sync_warp, mask, here(site, __builtin_return_address(0)));
}

uint64_t shuffle(Shuffle kind, unsigned mask, uint64_t value, int lane, int width, Site site) {
    static constexpr Collective kinds[] = {Collective::shuffle_index, Collective::shuffle_up, Collective::shuffle_down,
                                           Collective::shuffle_xor};
    auto& operand = machine.thread->operand.shuffle;
    operand = {value, lane, width};
    join_collective(kinds[static_cast<int>(kind)], mask, here(site, __builtin_return_address(0)));
    return operand.value;
}

unsigned vote(Vote kind, unsigned mask, bool predicate, Site site) {
    static constexpr Collective kinds[] = {Collective::ballot, Collective::any, Collective::all};
    unsigned& operand = machine.thread->operand.vote;
    operand = predicate;
    join_collective(kinds[static_cast<int>(kind)], mask, here(site, __builtin_return_address(0)));
    return operand;
}

uint4 load_matrices(const void* row, int matrices, bool transposed, Site site) {
    const Place place = here(site, __builtin_return_address(0));
    Thread& self = *machine.thread;
    if (static_cast<int>(self.linear % kWarpSize) < 8 * matrices) {
        if (reinterpret_cast<uintptr_t>(row) % 16 != 0) raise_fault("ldmatrix: row not aligned to 16 bytes", place);
        require_shared(row, 16, Access::read, place.pc);
    }
    auto& operand = self.operand.load;
    operand.row = row;
    operand.matrices = matrices;
    operand.transposed = transposed;
    join_collective(Collective::load_matrices, ~0u, place);
    return {operand.result[0], operand.result[1], operand.result[2], operand.result[3]};
}

float4 multiply_matrices(float4 d, uint4 a, uint2 b, Site site) {
    auto& operand = machine.thread->operand.multiply;
    operand = {{d.x, d.y, d.z, d.w}, {a.x, a.y, a.z, a.w}, {b.x, b.y}};
    join_collective(Collective::multiply_matrices, ~0u, here(site, __builtin_return_address(0)));
    return {operand.d[0], operand.d[1], operand.d[2], operand.d[3]};
}

} // namespace simt
