// The scan of gae over a tile of steps by a block of threads.
//
// With u_t = gamma v_next + gamma lambda A_{t+1}, what the steps after t hand to it, x_t = r_t - v_t and A_t = x_t +
// u_t:
//
//     u_{t-1} = gamma v_t + gamma lambda (x_t + u_t) = b_t + gamma lambda u_t
//
// so a step is the affine map u -> shift + scale u; one that stops the recursion has scale 0, one of mask 0 is the
// identity, and nobody needs to look for the next kept step. Maps are composed by a tree, and each pack of four steps
// is then gone through from the u that reaches it.
#pragma once

#include "common/flags.h"
#include "common/vec.h"
#include "gae.h"

namespace gimbal::device {

// The scale in two parts: rounding it once a step would cost a thousand steps of lambda = 1 four digits.
struct GaeMap {
    float scale, scale_rest, shift;
};

constexpr GaeMap kGaeIdentity{1.0f, 0.0f, 0.0f};

// A scale of 0 looks at nothing beyond, even if that is not finite.
GB_DEVICE float apply(const GaeMap& map, float u) {
    return map.scale == 0.0f ? map.shift : fma(map.scale, u, fma(map.scale_rest, u, map.shift));
}

GB_DEVICE GaeMap compose(const GaeMap& before, const GaeMap& after) {
    if (before.scale == 0.0f) return before;
    const float scale = before.scale * after.scale, lost = fma(before.scale, after.scale, -scale);
    return {scale, fma(before.scale, after.scale_rest, fma(before.scale_rest, after.scale, lost)),
            apply(before, after.shift)};
}

GB_DEVICE GaeMap map_of_lane(const GaeMap& map, int lane) {
    return {__shfl_sync(~0u, map.scale, lane), __shfl_sync(~0u, map.scale_rest, lane),
            __shfl_sync(~0u, map.shift, lane)};
}
GB_DEVICE GaeMap map_after(const GaeMap& map, int lanes) {
    return {__shfl_down_sync(~0u, map.scale, lanes), __shfl_down_sync(~0u, map.scale_rest, lanes),
            __shfl_down_sync(~0u, map.shift, lanes)};
}

// The composition of the maps of this lane and all after it.
GB_DEVICE GaeMap scan_lanes(GaeMap map) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
    for (int offset = 1; offset < 32; offset *= 2) {
        const GaeMap after = map_after(map, offset);
        if (lane + offset < 32) map = compose(map, after);
    }
    return map;
}

// The same without this lane's own map.
GB_DEVICE GaeMap without_own(const GaeMap& scanned) {
    const GaeMap after = map_after(scanned, 1);
    return threadIdx.x % 32 == 31 ? kGaeIdentity : after;
}

// Four steps of a row; the flags are four bytes as they were read, and bits once settled.
struct GaePack {
    Pack<4> rewards, values;
    unsigned kept, stopped, truncated;

    // u as it leaves the pack, from u as it reaches it; body(j, A_j) for every kept step.
    template <class Body> GB_DEVICE float walk(const GaeArguments& a, float u, Body body) const {
#pragma unroll
        for (int j = 3; j >= 0; --j) {
            const float x = rewards[j] - values[j];
            const float advantage = (stopped >> j & 1u) != 0 ? x : x + u;
            if ((kept >> j & 1u) == 0) continue;
            u = fma(a.gamma_lambda, advantage, a.gamma * values[j]);
            body(j, advantage);
        }
        return u;
    }

    GB_DEVICE GaeMap map(const GaeArguments& a) const {
        GaeMap map = kGaeIdentity;
#pragma unroll
        for (int j = 3; j >= 0; --j) {
            const float shift = fma(a.gamma_lambda, rewards[j] - values[j], a.gamma * values[j]);
            const GaeMap step{(stopped >> j & 1u) != 0 ? 0.0f : a.gamma_lambda, 0.0f, shift};
            if ((kept >> j & 1u) != 0) map = compose(step, map);
        }
        return map;
    }
};

GB_DEVICE bool gae_packed(const GaeArguments& a) {
    return a.steps % 4 == 0 && aligned4(a.rewards) && aligned4(a.values) && aligned4(a.advantages) &&
           aligned4(a.returns) && aligned4(a.terminated) && aligned4(a.truncated) && aligned4(a.mask);
}

// The bytes p[at..at+3] in one word; those from `count` on are 0, a null array is `otherwise`.
GB_DEVICE unsigned load_bytes(const uint8_t* p, int64_t at, int count, bool packed, unsigned otherwise) {
    if (p == nullptr) return otherwise;
    if (packed) return *reinterpret_cast<const unsigned*>(p + at);
    unsigned word = 0;
#pragma unroll
    for (int j = 0; j < 4; ++j)
        if (j < count) word |= static_cast<unsigned>(p[at + j]) << 8 * j;
    return word;
}

// Reads steps t..t+3 of the row that begins at `row`, and leaves the flags as they are: nothing here waits for what was
// read, so that the reads of all packs are under way together.
GB_DEVICE GaePack load_gae_pack(const GaeArguments& a, int64_t row, int64_t t, bool packed) {
    GaePack pack{};
    if (t >= a.steps) return pack;
    const int64_t at = row + t;
    const int count = a.steps - t < 4 ? static_cast<int>(a.steps - t) : 4;
    if (packed) {
        pack.rewards = load(a.rewards + at, Width<4>{});
        pack.values = load(a.values + at, Width<4>{});
    } else {
#pragma unroll
        for (int j = 0; j < 4; ++j)
            if (j < count) {
                pack.rewards[j] = __ldg(a.rewards + at + j); // else clang makes one path of both, of single loads
                pack.values[j] = __ldg(a.values + at + j);
            }
    }
    pack.kept = load_bytes(a.mask, at, count, packed, 0x01010101u);
    pack.stopped = load_bytes(a.terminated, at, count, packed, 0u);
    pack.truncated = load_bytes(a.truncated, at, count, packed, 0u);
    return pack;
}

// Makes bits of the flags; steps past the end are not kept. The value after a truncated step joins its reward.
GB_DEVICE void settle_gae_pack(const GaeArguments& a, int64_t row, int64_t t, GaePack& pack) {
    const unsigned inside = t + 4 <= a.steps ? 15u : t < a.steps ? (1u << (a.steps - t)) - 1u : 0u;
    pack.kept = nonzero_bytes(pack.kept) & inside;
    pack.stopped = nonzero_bytes(pack.stopped);
    pack.truncated = nonzero_bytes(pack.truncated) & ~pack.stopped & pack.kept;
    pack.stopped |= pack.truncated;
#pragma unroll
    for (int j = 0; j < 4; ++j)
        if ((pack.truncated >> j & 1u) != 0)
            pack.rewards[j] = fma(a.gamma, a.truncated_values[row + t + j], pack.rewards[j]);
}

// Steps `begin`.. of the row that begins at `row`, kPacks chunks to a warp; `reach(map)`, called by all threads with
// the map of the whole tile, gives the u that reaches it.
template <int kPacks, class Reach>
GB_DEVICE void scan_gae_tile(const GaeArguments& a, int64_t row, int64_t begin, Reach reach) {
    GB_SHARED(GaeMap, chunks, 32);
    const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
    const bool packed = gae_packed(a);
    const int64_t first = begin + warp * kPacks * kGaeChunk + 4 * lane;
    GaePack packs[kPacks];
#pragma unroll
    for (int p = 0; p < kPacks; ++p)
        packs[p] = load_gae_pack(a, row, first + p * kGaeChunk, packed);
    GaeMap beyond[kPacks]; // of the lanes after this one
#pragma unroll
    for (int p = 0; p < kPacks; ++p) {
        settle_gae_pack(a, row, first + p * kGaeChunk, packs[p]);
        const GaeMap scanned = scan_lanes(packs[p].map(a));
        beyond[p] = without_own(scanned);
        if (lane == 0) chunks[warp * kPacks + p] = scanned;
    }
    __syncthreads();
    GaeMap chunk = kGaeIdentity;
    if (lane < static_cast<int>(blockDim.x) / 32 * kPacks) chunk = chunks[lane];
    const GaeMap scanned = scan_lanes(chunk);
    const float reached = reach(map_of_lane(scanned, 0));
    const float reaches_chunk = apply(without_own(scanned), reached);
#pragma unroll
    for (int p = 0; p < kPacks; ++p) {
        const float u = apply(beyond[p], __shfl_sync(~0u, reaches_chunk, warp * kPacks + p));
        Pack<4> advantages{}, returns{};
        packs[p].walk(a, u, [&](int j, float advantage) {
            advantages[j] = advantage;
            returns[j] = advantage + packs[p].values[j];
        });
        const int64_t t = first + p * kGaeChunk, at = row + t;
        if (packed && t < a.steps) {
            store(a.advantages + at, advantages, Width<4>{});
            store(a.returns + at, returns, Width<4>{});
        } else if (!packed) {
#pragma unroll
            for (int j = 0; j < 4; ++j)
                if (t + j < a.steps) {
                    a.advantages[at + j] = advantages[j];
                    a.returns[at + j] = returns[j];
                }
        }
    }
}

// The u that reaches a row's last step.
GB_DEVICE float gae_last(const GaeArguments& a, int64_t r) {
    return a.last_values == nullptr ? 0.0f : a.gamma * a.last_values[r];
}

} // namespace gimbal::device
