// Kernels without faults, for what the emulator computes and in which order.
#include "selftest.h"

#include "simt/simt.h"

extern "C" __global__ void __launch_bounds__(32) matrices(MatrixArguments p) {
    GB_SHARED(uint16_t, a, 16 * 16);
    GB_SHARED(uint16_t, b, 16 * 8);
    const int lane = static_cast<int>(threadIdx.x);
    for (int i = lane; i < 256; i += 32)
        a[i] = p.a[i];
    for (int i = lane; i < 128; i += 32)
        b[i] = p.b[i];
    __syncwarp();
    unsigned left[4], right[2], r[4];
    // Matrices 0 to 3 of A: rows 0 to 7 and 8 to 15, then the same of columns 8 to 15.
    ldmatrix_x4(left, a + lane % 16 * 16 + lane / 16 * 8);
    ldmatrix_x2_trans(right, b + lane % 16 * 8);
    float d[4] = {1.0f, 2.0f, 3.0f, 4.0f};
    mma_bf16_16x8x16(d, left, right);
    const int group = lane / 4, t = lane % 4;
    p.d[group * 8 + 2 * t] = d[0] - 1.0f;
    p.d[group * 8 + 2 * t + 1] = d[1] - 2.0f;
    p.d[(group + 8) * 8 + 2 * t] = d[2] - 3.0f;
    p.d[(group + 8) * 8 + 2 * t + 1] = d[3] - 4.0f;
    for (int i = 0; i < 4; ++i)
        p.loaded[i * 32 + lane] = left[i];
    ldmatrix_x4_trans(r, a + lane % 16 * 16 + lane / 16 * 8);
    for (int i = 0; i < 4; ++i)
        p.loaded[128 + i * 32 + lane] = r[i];
    unsigned pair[2];
    ldmatrix_x2(pair, b + lane % 16 * 8);
    for (int i = 0; i < 2; ++i)
        p.loaded[256 + i * 32 + lane] = pair[i];
    for (int i = 0; i < 2; ++i)
        p.loaded[384 + i * 32 + lane] = right[i];
}

extern "C" __global__ void __launch_bounds__(32) warp_operations(WarpArguments p) {
    const int lane = static_cast<int>(threadIdx.x), operand = p.lanes[lane];
    const unsigned word = 1000u + threadIdx.x;
    const double wide = 0.5 * lane;
    p.words[lane] = __shfl_sync(~0u, word, operand, p.width);
    p.words[32 + lane] = __shfl_up_sync(~0u, word, operand, p.width);
    p.words[64 + lane] = __shfl_down_sync(~0u, word, operand, p.width);
    p.words[96 + lane] = static_cast<unsigned>(__shfl_xor_sync(~0u, static_cast<float>(word), operand, p.width));
    const auto bits = [](double v) { return __builtin_bit_cast(unsigned long long, v); };
    p.longs[lane] = bits(__shfl_sync(~0u, wide, operand, p.width));
    p.longs[32 + lane] =
        static_cast<unsigned long long>(__shfl_up_sync(~0u, int64_t{1} << 40 | lane, operand, p.width));
    p.longs[64 + lane] = bits(__shfl_down_sync(~0u, wide, operand, p.width));
    p.longs[96 + lane] = bits(__shfl_xor_sync(~0u, wide, operand, p.width));
    const unsigned ballot = __ballot_sync(~0u, lane % 2);
    const int any = __any_sync(~0u, lane == 31), all = __all_sync(~0u, lane == 31);
    if (lane == 0)
        p.votes[0] = ballot, p.votes[1] = static_cast<unsigned>(any), p.votes[2] = static_cast<unsigned>(all);
    // Half a warp at a time, in either order.
    if (lane < 16) {
        const unsigned low = __ballot_sync(0xffffu, 1);
        if (lane == 0) p.votes[3] = low;
    } else {
        const unsigned high = __ballot_sync(0xffff0000u, 1);
        if (lane == 16) p.votes[4] = high;
    }
}

// Prefix sums with decoupled look-back (Merrill and Garland 2016): a block adds up what the blocks before it published.
extern "C" __global__ void __launch_bounds__(kScanThreads) scan(ScanArguments p) {
    GB_SHARED(unsigned, partial, kScanThreads);
    GB_SHARED(unsigned, shared, 2); // number of the block, sum of all before it
    const int thread = static_cast<int>(threadIdx.x);
    if (thread == 0) shared[0] = atomicAdd(p.ticket, 1u);
    __syncthreads();
    const int64_t block = shared[0], i = block * kScanThreads + thread;
    partial[thread] = i < p.count ? p.x[i] : 0u;
    __syncthreads();
    for (int offset = 1; offset < kScanThreads; offset *= 2) {
        const unsigned before = thread >= offset ? partial[thread - offset] : 0u;
        __syncthreads();
        partial[thread] += before;
        __syncthreads();
    }
    if (thread == 0) {
        const unsigned own = partial[kScanThreads - 1];
        p.sums[block] = own;
        store_release(p.flags + block, 1u);
        unsigned before = 0;
        for (int64_t b = block - 1; b >= 0; --b) {
            unsigned flag;
            while ((flag = load_acquire(p.flags + b)) == 0) {
            }
            before += flag == 2 ? p.prefixes[b] : p.sums[b];
            if (flag == 2) break;
        }
        p.prefixes[block] = before + own;
        store_release(p.flags + block, 2u);
        shared[1] = before;
    }
    __syncthreads();
    if (i < p.count) p.y[i] = partial[thread] + shared[1];
}

// The block that draws the last ticket adds up what all have written.
extern "C" __global__ void __launch_bounds__(kScanThreads) last_block_sum(ScanArguments p) {
    GB_SHARED(unsigned, last, 1);
    const int64_t i = static_cast<int64_t>(blockIdx.x) * kScanThreads + threadIdx.x;
    p.y[i] = 2u * p.x[i];
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0) last[0] = atomicAdd(p.ticket, 1u) == gridDim.x - 1 ? 1u : 0u;
    __syncthreads();
    if (last[0] == 0 || threadIdx.x != 0) return;
    unsigned sum = 0;
    for (int64_t j = 0; j < p.count; ++j)
        sum += p.y[j];
    p.sums[0] = sum;
}

// Block 0 waits for a block that may not have started.
extern "C" __global__ void __launch_bounds__(32) wait_for_next_block(ScanArguments p) {
    if (threadIdx.x != 0) return;
    if (blockIdx.x == 1) store_release(p.flags, 1u);
    while (blockIdx.x == 0 && load_acquire(p.flags) == 0) {
    }
}

// Copies x to y through two buffers in turn, 16 bytes a thread and step; beyond count zeros.
extern "C" __global__ void __launch_bounds__(32) staged_copy(ScanArguments p) {
    GB_DYNAMIC_SHARED(uint4, buffers); // 2 of 32
    const int thread = static_cast<int>(threadIdx.x);
    const int64_t packs = (p.count + 127) / 128;
    const auto fetch = [&](int64_t k) {
        const int64_t i = (k * 32 + thread) * 4;
        cp_async16(buffers + k % 2 * 32 + thread, p.x + i, i < p.count);
        cp_async_commit();
    };
    fetch(0);
    for (int64_t k = 0; k < packs; ++k) {
        if (k + 1 < packs) {
            fetch(k + 1);
            cp_async_wait<1>();
        } else {
            cp_async_wait<0>();
        }
        __syncthreads();
        const uint4 v = buffers[k % 2 * 32 + 31 - thread];
        reinterpret_cast<uint4*>(p.y)[k * 32 + 31 - thread] = v;
        __syncthreads();
    }
}

extern "C" __global__ void __launch_bounds__(64) add_step(StepArguments p) {
    const int64_t i = static_cast<int64_t>(blockIdx.x) * 64 + threadIdx.x;
    if (i < p.count) p.x[i] += p.add;
}

// Several parameters, of several sizes.
extern "C" __global__ void several(unsigned char a, double b, float* y, short c) {
    if (threadIdx.x == 0 && threadIdx.y == 1 && threadIdx.z == 2 && blockIdx.z == 1)
        y[0] = static_cast<float>(a + b + c) + static_cast<float>(blockDim.x * blockDim.y * blockDim.z + gridDim.z);
}

extern "C" __global__ void none() {}
