// repetition_penalty: y = x, but of every id among ids[starts[r]] .. ids[starts[r + 1] - 1]: z penalty for z < 0, z /
// penalty otherwise, once however often it is there. x (rows, vocabulary) at x_stride, y dense, float32; ids (count),
// starts (rows + 1) int32. An id outside the vocabulary is a fault and left alone; a bad start is one too, and its row
// is NaN. A block to a row: it copies, then goes through the ids, reading x and writing y. Bound: one read and one
// write.
#include "repetition_penalty.h"

#include "common/segments.h"
#include "common/vec.h"

using namespace gimbal;
using namespace gimbal::device;

extern "C" __global__ void __launch_bounds__(kRepetitionPenaltyThreads)
    repetition_penalty_kernel(RepetitionPenaltyArguments a) {
    const int64_t r = blockIdx.x;
    const float* x = a.x + r * a.x_stride;
    float* y = a.y + r * a.vocabulary;
    const bool valid = check_segment(a.starts_fault, a.starts, r, a.count);
    const int64_t packs = aligned4(x) && aligned4(y) && valid ? a.vocabulary / 4 : 0;
#pragma unroll 4
    for (int64_t i = threadIdx.x; i < packs; i += kRepetitionPenaltyThreads)
        store(y + 4 * i, load(x + 4 * i, Width<4>{}), Width<4>{});
    for (int64_t j = 4 * packs + threadIdx.x; j < a.vocabulary; j += kRepetitionPenaltyThreads)
        y[j] = valid ? x[j] : kInfinity - kInfinity;
    if (!valid) return;
    __syncthreads();
    for (int64_t i = a.starts[r] + static_cast<int>(threadIdx.x); i < a.starts[r + 1]; i += kRepetitionPenaltyThreads) {
        const int32_t id = a.ids[i];
        if (id < 0 || id >= a.vocabulary) {
            raise(a.ids_fault, i, id, a.vocabulary);
            continue;
        }
        const float z = x[id];
        // Atomic, since an id that is there twice is written by two threads, with the same value.
        atomicExch(reinterpret_cast<unsigned*>(y + id), __float_as_uint(z < 0.0f ? z * a.penalty : z / a.penalty));
    }
}
