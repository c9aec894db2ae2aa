// gae: A_t = delta_t + gamma lambda A_{t+1}, delta_t = r_t + gamma v_next - v_t, returns = A + v, backwards along each
// row. rewards, values, truncated_values, advantages, returns (rows, steps) float32, flags and mask uint8, last_values
// (rows).
//
// The number of steps alone chooses the kernel, so a row's bits depend on the row:
//
//     up to 256    a thread follows a row, through shared memory: advantage_step in the CPU's order, the CPU's bits
//     up to 4096   a block scans a row (gae/scan.h)
//     beyond       a block scans a tile of 4096; tiles hand u on from the last to the first, in one pass
//
// Bound: 16 bytes a step, and a byte for each kind of flag; for few short rows the latency. The scan's order is fixed,
// but not the recursion's, so its last digits differ from the CPU's.
#include "gae.h"

#include "common/statistics.h"
#include "common/vec.h"
#include "gae/scan.h"

#include "common/policy_gradient.h"

using namespace gimbal;
using namespace gimbal::device;

extern "C" __global__ void __launch_bounds__(kGaeShortThreads) gae_kernel_short(GaeArguments a) {
    GB_DYNAMIC_SHARED(float, rewards); // (rows, stride), later the advantages
    const int steps = static_cast<int>(a.steps), stride = ((steps + 3) / 4 | 1) * 4; // gae_row_stride
    float* values = rewards + kGaeShortRows * stride;                                // later the returns
    uint8_t* flags = reinterpret_cast<uint8_t*>(values + kGaeShortRows * stride);
    const int64_t first = static_cast<int64_t>(blockIdx.x) * kGaeShortRows, base = first * a.steps;
    const int rows = static_cast<int>(a.rows - first < kGaeShortRows ? a.rows - first : kGaeShortRows);
    const int count = rows * steps, thread = static_cast<int>(threadIdx.x);
    const bool packed = gae_packed(a);

    if (steps % 4 != 0) { // what fills up the last pack is not kept
        if (thread < rows) {
            const int last = thread * stride + steps / 4 * 4;
            store(rewards + last, Pack<4>{}, Width<4>{});
            store(values + last, Pack<4>{}, Width<4>{});
            *reinterpret_cast<unsigned*>(flags + last) = 0;
        }
        __syncthreads();
    }
    const auto stage = [&](int i, auto width) {
        const int at = i / steps * stride + i % steps;
        store(rewards + at, load(a.rewards + base + i, width), width);
        store(values + at, load(a.values + base + i, width), width);
        const bool four = width.value == 4;
        const unsigned kept = load_bytes(a.mask, base + i, width.value, four, 0x01010101u);
        const unsigned terminated = load_bytes(a.terminated, base + i, width.value, four, 0u);
        const unsigned truncated = load_bytes(a.truncated, base + i, width.value, four, 0u);
        const unsigned bits = nonzero_bytes(kept) | nonzero_bytes(terminated) << 4 | nonzero_bytes(truncated) << 8;
#pragma unroll
        for (int j = 0; j < width.value; ++j) // 1: kept, 2: terminated, 4: truncated
            flags[at + j] = static_cast<uint8_t>((bits >> j & 1u) | (bits >> (j + 3) & 2u) | (bits >> (j + 6) & 4u));
    };
    const int wide = packed ? count : 0; // a multiple of four
    for (int i = 4 * thread; i < wide; i += 4 * kGaeShortThreads)
        stage(i, Width<4>{});
    for (int i = wide + thread; i < count; i += kGaeShortThreads)
        stage(i, Width<1>{});
    __syncthreads();

    if (thread < rows) {
        const int row = thread * stride;
        AdvantageState<float> next{a.last_values == nullptr ? 0.0f : a.last_values[first + thread], 0.0f};
        for (int t = (steps - 1) / 4 * 4; t >= 0; t -= 4) {
            Pack<4> reward = load(rewards + row + t, Width<4>{}), value = load(values + row + t, Width<4>{});
            const unsigned word = *reinterpret_cast<const unsigned*>(flags + row + t);
#pragma unroll
            for (int j = 3; j >= 0; --j) {
                const unsigned flag = word >> 8 * j;
                const bool kept = (flag & 1u) != 0, truncated = (flag & 4u) != 0;
                const float truncated_value =
                    truncated ? a.truncated_values[base + static_cast<int64_t>(thread) * steps + t + j] : 0.0f;
                next = advantage_step(reward[j], value[j], truncated_value, {(flag & 2u) != 0, truncated, kept}, next,
                                      a.gamma, a.gamma_lambda);
                reward[j] = kept ? next.advantage : 0.0f;
                value[j] = kept ? next.advantage + value[j] : 0.0f;
            }
            store(rewards + row + t, reward, Width<4>{});
            store(values + row + t, value, Width<4>{});
        }
    }
    __syncthreads();

    const auto write = [&](int i, auto width) {
        const int at = i / steps * stride + i % steps;
        store(a.advantages + base + i, load(rewards + at, width), width);
        store(a.returns + base + i, load(values + at, width), width);
    };
    for (int i = 4 * thread; i < wide; i += 4 * kGaeShortThreads)
        write(i, Width<4>{});
    for (int i = wide + thread; i < count; i += kGaeShortThreads)
        write(i, Width<1>{});
}

template <int kPacks> GB_DEVICE void scan_gae_row(const GaeArguments& a) {
    const int64_t r = blockIdx.x;
    scan_gae_tile<kPacks>(a, r * a.steps, 0, [&](const GaeMap&) { return gae_last(a, r); });
}

extern "C" __global__ void __launch_bounds__(kGaeThreads) gae_kernel_medium(GaeArguments a) {
    scan_gae_row<1>(a);
}

extern "C" __global__ void __launch_bounds__(kGaeThreads) gae_kernel_long(GaeArguments a) {
    scan_gae_row<4>(a);
}

namespace {

// By one warp: the u that reaches tile `index` of its row, from the tiles after it, which began before it. A tile that
// knows what it hands on gives that; the maps of those between are applied to it one after the other, as those tiles do
// themselves: the bits do not depend on how far each has come.
GB_DEVICE float look_ahead(const GaeTile* tiles, int64_t index) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    const bool exists = lane < index;
    const GaeTile* tile = tiles + (index - 1 - (exists ? lane : 0));
    unsigned state = 0;
    int known = 0;
    for (bool found = false; !found;) {
        state = exists ? load_acquire(&tile->state) : 0;
        const unsigned handed = __ballot_sync(~0u, state == 2), told = __ballot_sync(~0u, state != 0);
        known = __ffs(static_cast<int>(handed)) - 1;
        const unsigned between = (1u << (known > 0 ? known : 0)) - 1u;
        found = handed != 0 && (told & between) == between;
    }
    GaeMap map = kGaeIdentity;
    if (state == 1) map = {tile->scale, tile->scale_rest, tile->shift};
    float u = __shfl_sync(~0u, state == 2 ? tile->handed : 0.0f, known);
    for (int i = known - 1; i >= 0; --i)
        u = apply(map_of_lane(map, i), u);
    return u;
}

} // namespace

// Blocks take tiles in the order in which they begin, so that nobody waits for a tile that has not begun. The workspace
// holds anything: the first block clears the tiles' states, and the others publish theirs after that.
extern "C" __global__ void __launch_bounds__(kGaeThreads) gae_kernel_tiles(GaeArguments a) {
    GB_SHARED(unsigned, order, 1);
    GB_SHARED(float, reached, 1);
    unsigned* cleared = a.tickets + 1;
    if (threadIdx.x == 0) order[0] = atomicAdd(a.tickets, 1u);
    __syncthreads();
    const int64_t of_row = (a.steps + kGaeTile - 1) / kGaeTile;
    const int64_t r = order[0] % a.rows, index = order[0] / a.rows; // the last tiles of all rows first
    if (order[0] == 0) {
        for (int64_t i = threadIdx.x; i < a.rows * of_row; i += blockDim.x)
            a.tiles[i].state = 0;
        __threadfence();
        __syncthreads();
        if (threadIdx.x == 0) store_release(cleared, 1);
    }
    GaeTile* tiles = a.tiles + r * of_row;
    scan_gae_tile<4>(a, r * a.steps, (of_row - 1 - index) * kGaeTile, [&](const GaeMap& map) {
        if (threadIdx.x < 32) {
            GaeTile* own = tiles + index;
            if (threadIdx.x == 0) {
                while (load_acquire(cleared) == 0) {
                }
                own->scale = map.scale;
                own->scale_rest = map.scale_rest;
                own->shift = map.shift;
                store_release(&own->state, 1);
            }
            __syncwarp();
            const float u = index == 0 ? gae_last(a, r) : look_ahead(tiles, index);
            if (threadIdx.x == 0) {
                own->handed = apply(map, u);
                store_release(&own->state, 2);
                reached[0] = u;
            }
        }
        __syncthreads();
        return reached[0];
    });
    if (is_last_block(a.tickets + 2, gridDim.x) && threadIdx.x == 0) a.tickets[0] = *cleared = 0;
}
