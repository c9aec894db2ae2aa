// Tiles of attention in shared memory, and the two products made of them. 128 threads stand 8 across, 16 down: thread
// (across, down) computes rows down, down + 16, ... and either keys across, across + 8, + 16, + 24 of a block of 32 or
// fours of channels 4 across, 4 across + 32, ...
#pragma once

#include "attention.h"

#include "common/vec.h"

namespace gimbal::device {

constexpr int kThreadsAcross = 8, kThreadsDown = kAttentionThreads / kThreadsAcross;
constexpr int kThreadKeys = kAttentionKeys / kThreadsAcross;
constexpr int kWeightStride = kAttentionKeys + 4;

GB_DEVICE int thread_across() {
    return static_cast<int>(threadIdx.x) % kThreadsAcross;
}
GB_DEVICE int thread_down() {
    return static_cast<int>(threadIdx.x) / kThreadsAcross;
}

// Maximum and sum over the sixteen lanes of two rows of keys (lane = key mod 16), of which a thread holds lanes
// `across` and across + 8: the tree of common/reduce.h.
GB_DEVICE float max_across(float low, float high) {
    float value = max(low, high);
    for (int offset = kThreadsAcross / 2; offset > 0; offset /= 2)
        value = max(value, __shfl_xor_sync(~0u, value, offset));
    return value;
}
GB_DEVICE float sum_across(float low, float high) {
    float value = low + high;
    for (int offset = kThreadsAcross / 2; offset > 0; offset /= 2)
        value = value + __shfl_xor_sync(~0u, value, offset);
    return value;
}

// Brings Rows rows to shared memory, Width channels each, Width + 4 apart. row(r) is the address of row r < count;
// the other rows are `absent`.
template <int Rows, int Width, class Row>
GB_DEVICE void load_rows(float* shared, int64_t count, int64_t depth, bool aligned, Row row, float absent = 0.0f) {
    constexpr int kPacks = Width / 4;
#pragma unroll 4
    for (int i = static_cast<int>(threadIdx.x); i < Rows * kPacks; i += kAttentionThreads) {
        const int r = i / kPacks, d = i % kPacks * 4;
        float4 x = make_float4(absent, absent, absent, absent);
        if (r < count) x = load_some(row(r) + d, static_cast<int>(depth) - d, aligned);
        *reinterpret_cast<float4*>(shared + r * (Width + 4) + d) = x;
    }
}

// dots[i][j] = rows_i . keys_j continued over `depth` channels (to the next multiple of four, beyond which both are 0):
// each a chain of fused multiply-adds, ascending.
template <int Rows, int Width>
GB_DEVICE void add_dots(const float* rows, const float* keys, int64_t depth, float (&dots)[Rows][kThreadKeys]) {
    constexpr int kStride = Width + 4;
    rows += thread_down() * kStride;
    keys += thread_across() * kStride;
#pragma unroll 2
    for (int d = 0; d < depth; d += 4) {
        float4 x[Rows], y[kThreadKeys];
#pragma unroll
        for (int i = 0; i < Rows; ++i)
            x[i] = *reinterpret_cast<const float4*>(rows + i * kThreadsDown * kStride + d);
#pragma unroll
        for (int j = 0; j < kThreadKeys; ++j)
            y[j] = *reinterpret_cast<const float4*>(keys + j * kThreadsAcross * kStride + d);
#pragma unroll
        for (int i = 0; i < Rows; ++i)
#pragma unroll
            for (int j = 0; j < kThreadKeys; ++j) {
                float dot = fma(x[i].x, y[j].x, dots[i][j]);
                dot = fma(x[i].y, y[j].y, dot);
                dot = fma(x[i].z, y[j].z, dot);
                dots[i][j] = fma(x[i].w, y[j].w, dot);
            }
    }
}

// Sums of a thread: Rows rows x Width / 8 channels.
template <int Rows, int Width> using Sums = float[Rows][Width / kThreadsAcross];

template <int Rows, int Width> GB_DEVICE void clear(Sums<Rows, Width>& sums) {
#pragma unroll
    for (int i = 0; i < Rows; ++i)
#pragma unroll
        for (int c = 0; c < Width / kThreadsAcross; ++c)
            sums[i][c] = 0.0f;
}

// The thread's channels of a row that begins at `in`.
template <int Width> GB_DEVICE void load_channels(const float* in, float (&x)[Width / kThreadsAcross]) {
#pragma unroll
    for (int c = 0; c < Width / kThreadsAcross; c += 4) {
        const float4 four = *reinterpret_cast<const float4*>(in + 4 * thread_across() + c * kThreadsAcross);
        x[c] = four.x;
        x[c + 1] = four.y;
        x[c + 2] = four.z;
        x[c + 3] = four.w;
    }
}

// sums += weight * x
template <int N> GB_DEVICE void add_scaled(float (&sums)[N], float weight, const float (&x)[N]) {
#pragma unroll
    for (int c = 0; c < N; ++c)
        sums[c] = fma(weight, x[c], sums[c]);
}

// sums_i += sum_j weights(i, j) in_j over 32 rows j of `in`, ascending, weights(i, j) at i * 36 + j.
template <int Rows, int Width>
GB_DEVICE void add_weighted(Sums<Rows, Width>& sums, const float* weights, const float* in) {
    weights += thread_down() * kWeightStride;
#pragma unroll 2
    for (int j = 0; j < kAttentionKeys; j += 4) {
        float w[4][Rows];
#pragma unroll
        for (int i = 0; i < Rows; ++i) {
            const float4 four = *reinterpret_cast<const float4*>(weights + i * kThreadsDown * kWeightStride + j);
            w[0][i] = four.x;
            w[1][i] = four.y;
            w[2][i] = four.z;
            w[3][i] = four.w;
        }
#pragma unroll
        for (int u = 0; u < 4; ++u) {
            float x[Width / kThreadsAcross];
            load_channels<Width>(in + (j + u) * (Width + 4), x);
#pragma unroll
            for (int i = 0; i < Rows; ++i)
                add_scaled(sums[i], w[u][i], x);
        }
    }
}

// The same where row i sees only keys below visible[i]: what lies beyond is not touched, whatever it holds.
template <int Rows, int Width>
GB_DEVICE void add_visible(Sums<Rows, Width>& sums, const float* weights, const float* in, const int (&visible)[Rows]) {
    weights += thread_down() * kWeightStride;
#pragma unroll 1
    for (int j = 0; j < kAttentionKeys; ++j) {
        float x[Width / kThreadsAcross];
        load_channels<Width>(in + j * (Width + 4), x);
#pragma unroll
        for (int i = 0; i < Rows; ++i)
            if (j < visible[i]) add_scaled(sums[i], weights[i * kThreadsDown * kWeightStride + j], x);
    }
}

// Writes the thread's rows of sums: out(i) is the address of channel 0 of row i's slice, or null; `depth` channels of
// it exist. value(i, x) is what is written of x.
template <int Rows, int Width, class T, class Out, class Value>
GB_DEVICE void write_sums(const Sums<Rows, Width>& sums, int64_t depth, Out out, Value value) {
    const int channel = 4 * thread_across();
#pragma unroll
    for (int i = 0; i < Rows; ++i) {
        T* row = out(i);
        if (row == nullptr) continue;
#pragma unroll
        for (int c = 0; c < Width / kThreadsAcross; ++c) {
            const int d = channel + c / 4 * 4 * kThreadsAcross + c % 4;
            if (d < depth) store(row + d, value(i, sums[i][c]));
        }
    }
}

} // namespace gimbal::device
