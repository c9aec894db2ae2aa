// linear_logprob: what goes around the products and logprob_gather, of which the op consists: which rows count, their
// gathering into chunks of 128, and the way back.
//
// A row counts if its target is not -1 (a target outside -1..vocabulary-1 is a fault, and its outputs NaN) and, in the
// backward, if one of its gradients is not 0. The chunks are the CPU's, and so are the bits: the k-th chunk has the
// counting rows 128 k .. 128 k + 127, whatever lies between them. Rows that a chunk lacks have target -1 and hidden 0,
// and chunks without rows are skipped by their products (matmul.h). Bound: the products.
#include "linear_logprob.h"

#include "common/vec.h"

using namespace gimbal;
using namespace gimbal::device;

namespace {

constexpr int kWarps = kLinearLogprobPlanThreads / 32;

GB_DEVICE int lane_of_warp() {
    return static_cast<int>(threadIdx.x) & 31;
}
// The warp's row of a chunk, of a grid that covers it.
GB_DEVICE int64_t row_of_warp() {
    return static_cast<int64_t>(blockIdx.x) * kLinearLogprobWarps + (threadIdx.x >> 5);
}

// One block lists the rows for which counts(r), ascending, and the sizes of the chunks.
template <class Counts>
GB_DEVICE void plan(const LinearLogprobWorkspace& workspace, int64_t rows, int* totals, Counts counts) {
    const int warp = static_cast<int>(threadIdx.x) >> 5;
    int64_t listed = 0;
    for (int64_t begin = 0; begin < rows; begin += kLinearLogprobPlanThreads) {
        const int64_t r = begin + threadIdx.x;
        const bool some = r < rows && counts(r);
        const unsigned here = __ballot_sync(~0u, some);
        if (lane_of_warp() == 0) totals[warp] = __popc(here);
        __syncthreads();
        int64_t before = listed;
        for (int w = 0; w < kWarps; ++w) {
            if (w < warp) before += totals[w];
            listed += totals[w];
        }
        if (some) workspace.list[before + __popc(here & ((1u << lane_of_warp()) - 1))] = static_cast<int32_t>(r);
        __syncthreads();
    }
    for (int64_t chunk = threadIdx.x; chunk * workspace.rows < rows; chunk += kLinearLogprobPlanThreads) {
        const int64_t left = listed - chunk * workspace.rows;
        workspace.counts[chunk] = static_cast<int32_t>(left < 0 ? 0 : left < workspace.rows ? left : workspace.rows);
    }
}

// False, and a fault, for a target outside the vocabulary.
GB_DEVICE bool is_target(const FaultSite& fault, int64_t r, int64_t target, int64_t vocabulary) {
    if (target >= -1 && target < vocabulary) return true;
    raise(fault, r, target, vocabulary, -1);
    return false;
}

// Copies a row by the lanes of a warp; a null `from` stands for zeros.
template <class From, class To> GB_DEVICE void copy_row(const From* from, To* to, int64_t width) {
    const int64_t packs = (from == nullptr || aligned4(from)) && aligned4(to) ? width / 4 : 0;
    for (int64_t j = lane_of_warp(); j < packs; j += 32)
        store(to + 4 * j, from != nullptr ? load(from + 4 * j, Width<4>{}) : Pack<4>{}, Width<4>{});
    for (int64_t j = 4 * packs + lane_of_warp(); j < width; j += 32)
        store(to + j, from != nullptr ? load(from + j) : 0.0f);
}

// Row i of the chunk: its number among the call's rows, or -1.
GB_DEVICE int64_t row_of_chunk(const LinearLogprobWorkspace& workspace, int64_t chunk, int64_t i) {
    return i < workspace.counts[chunk] ? workspace.list[chunk * workspace.rows + i] : -1;
}

template <class T, class Arguments> GB_DEVICE void gather_row(const Arguments& a, int64_t r, int64_t i) {
    const T* rows = static_cast<const T*>(a.hidden);
    copy_row(r >= 0 ? rows + r * a.hidden_stride : nullptr, reinterpret_cast<T*>(a.workspace.hidden) + i * a.width,
             a.width);
    if (lane_of_warp() == 0) a.workspace.targets[i] = r >= 0 ? a.targets[r] : -1;
}

template <class T> GB_DEVICE void gather(const LinearLogprobArguments& a) {
    const int64_t i = row_of_warp();
    if (i < a.workspace.rows) gather_row<T>(a, row_of_chunk(a.workspace, a.chunk, i), i);
}

template <class T> GB_DEVICE void gather_backward(const LinearLogprobBackwardArguments& a) {
    const int64_t i = row_of_warp();
    if (i >= a.workspace.rows) return;
    const int64_t r = row_of_chunk(a.workspace, a.chunk, i);
    gather_row<T>(a, r, i);
    if (lane_of_warp() != 0) return;
    const bool some = r >= 0, bonus = some && a.dentropy != nullptr;
    a.workspace.lse[i] = some ? a.lse[r] : 0.0f;
    a.workspace.dlogprob[i] = some ? a.dlogprob[r] : 0.0f;
    a.workspace.entropy[i] = bonus ? a.entropy[r] : 0.0f;
    a.workspace.dentropy[i] = bonus ? a.dentropy[r] : 0.0f;
}

template <class T> GB_DEVICE void scatter_backward(const LinearLogprobBackwardArguments& a) {
    const int64_t i = row_of_warp();
    const int64_t r = i < a.workspace.rows ? row_of_chunk(a.workspace, a.chunk, i) : -1;
    if (r >= 0) copy_row(a.workspace.dhidden + i * a.width, static_cast<T*>(a.dhidden) + r * a.width, a.width);
}

} // namespace

extern "C" __global__ void __launch_bounds__(kLinearLogprobPlanThreads)
    linear_logprob_kernel_plan(LinearLogprobArguments a) {
    GB_SHARED(int, totals, kWarps);
    plan(a.workspace, a.rows, totals, [&](int64_t r) {
        const bool sound = is_target(a.fault, r, a.targets[r], a.vocabulary);
        if (sound && a.targets[r] >= 0) return true;
        const float none = sound ? 0.0f : kInfinity - kInfinity;
        a.logprob[r] = none;
        if (a.entropy != nullptr) a.entropy[r] = none;
        if (a.lse != nullptr) a.lse[r] = none;
        return false;
    });
}

extern "C" __global__ void __launch_bounds__(kLinearLogprobThreads)
    linear_logprob_kernel_gather(LinearLogprobArguments a) {
    gather<float>(a);
}
extern "C" __global__ void __launch_bounds__(kLinearLogprobThreads)
    linear_logprob_kernel_gather_bf16(LinearLogprobArguments a) {
    gather<bf16>(a);
}

extern "C" __global__ void __launch_bounds__(kLinearLogprobThreads)
    linear_logprob_kernel_scatter(LinearLogprobArguments a) {
    const int64_t i = grid_thread();
    const int64_t r = i < a.workspace.rows ? row_of_chunk(a.workspace, a.chunk, i) : -1;
    if (r < 0) return;
    a.logprob[r] = a.workspace.logprob[i];
    if (a.entropy != nullptr) a.entropy[r] = a.workspace.entropy[i];
    if (a.lse != nullptr) a.lse[r] = a.workspace.lse[i];
}

extern "C" __global__ void __launch_bounds__(kLinearLogprobPlanThreads)
    linear_logprob_backward_kernel_plan(LinearLogprobBackwardArguments a) {
    GB_SHARED(int, totals, kWarps);
    plan(a.workspace, a.rows, totals, [&](int64_t r) {
        if (!is_target(a.fault, r, a.targets[r], a.vocabulary) || a.targets[r] < 0) return false;
        return a.dlogprob[r] != 0.0f || (a.dentropy != nullptr && a.dentropy[r] != 0.0f);
    });
}

extern "C" __global__ void __launch_bounds__(kLinearLogprobThreads)
    linear_logprob_backward_kernel_gather(LinearLogprobBackwardArguments a) {
    gather_backward<float>(a);
}
extern "C" __global__ void __launch_bounds__(kLinearLogprobThreads)
    linear_logprob_backward_kernel_gather_bf16(LinearLogprobBackwardArguments a) {
    gather_backward<bf16>(a);
}

extern "C" __global__ void __launch_bounds__(kLinearLogprobThreads)
    linear_logprob_backward_kernel_scatter(LinearLogprobBackwardArguments a) {
    scatter_backward<float>(a);
}
extern "C" __global__ void __launch_bounds__(kLinearLogprobThreads)
    linear_logprob_backward_kernel_scatter_bf16(LinearLogprobBackwardArguments a) {
    scatter_backward<bf16>(a);
}
