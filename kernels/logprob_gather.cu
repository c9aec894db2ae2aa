// logprob_gather: with z = logits / T, lse = log sum_j exp(z_j), logprob = z_target - lse,
// entropy = lse - sum_j softmax(z)_j z_j; backward:
// dlogits_j = (dlogprob (1{j = target} - p_j) - dentropy p_j (log p_j + entropy)) / T, log p_j = z_j - lse.
// logits, dlogits (rows, vocabulary) at logits_stride, float32 or bfloat16; targets (rows) int32, -1 leaves a row out,
// any other outside the vocabulary is reported and gives NaN; dlogits may be logits.
//
// Forward: a block to a row, common/log_sum_exp.h: one read, about 30 instructions a logit. Backward: a block to 4096
// logits of a row, one read and one write, each logit by itself. The bits of the CPU.
#include "logprob_gather.h"

#include "common/log_sum_exp.h"
#include "common/logprob_row.h"

using namespace gimbal;
using namespace gimbal::device;

namespace {

template <class T> GB_DEVICE void logprob_gather(const LogprobGatherArguments& a) {
    const int64_t r = blockIdx.x, target = a.targets[r];
    const T* row = static_cast<const T*>(a.logits) + r * a.logits_stride;
    if (target < 0 || target >= a.vocabulary) {
        if (threadIdx.x != 0) return;
        if (target != -1) raise(a.fault, r, target, a.vocabulary);
        const float none = target == -1 ? 0.0f : kInfinity - kInfinity;
        a.logprob[r] = none;
        if (a.entropy != nullptr) a.entropy[r] = none;
        if (a.lse != nullptr) a.lse[r] = none;
        return;
    }
    const LogSumExp total = log_sum_exp<true>(row, a.vocabulary, a.inverse_temperature);
    if (threadIdx.x != 0) return;
    a.logprob[r] = total.logprob(load(row + target) * a.inverse_temperature);
    if (a.entropy != nullptr) a.entropy[r] = total.entropy();
    if (a.lse != nullptr) a.lse[r] = total.lse();
}

template <class T> GB_DEVICE void logprob_gather_backward(const LogprobGatherBackwardArguments& a) {
    const int64_t r = blockIdx.x / a.chunks, begin = blockIdx.x % a.chunks * kLogprobBackwardChunk;
    const int64_t left = a.vocabulary - begin, count = left < kLogprobBackwardChunk ? left : kLogprobBackwardChunk;
    const T* logits = static_cast<const T*>(a.logits) + r * a.logits_stride + begin;
    T* dlogits = static_cast<T*>(a.dlogits) + r * a.logits_stride + begin;
    const int64_t target = a.targets[r];
    float g = 0.0f, h = 0.0f;
    if (target >= 0 && target < a.vocabulary) {
        g = a.dlogprob[r];
        h = a.dentropy != nullptr ? a.dentropy[r] : 0.0f;
    } else if (target != -1) {
        if (threadIdx.x == 0) raise(a.fault, r, target, a.vocabulary);
        g = kInfinity - kInfinity;
    }
    const LogprobRow row{a.lse[r], h == 0.0f ? 0.0f : a.entropy[r], g, h, a.inverse_temperature};
    for_packs_of_block(count, aligned4(logits) && aligned4(dlogits), [&](int64_t j, auto n) {
        if (row.is_zero())
            store(dlogits + j, Pack<n.value>{}, n);
        else
            store(dlogits + j, row.backward(load(logits + j, n), target - begin - j), n);
    });
}

} // namespace

extern "C" __global__ void __launch_bounds__(kLogSumExpThreads) logprob_gather_kernel(LogprobGatherArguments a) {
    logprob_gather<float>(a);
}
extern "C" __global__ void __launch_bounds__(kLogSumExpThreads) logprob_gather_kernel_bf16(LogprobGatherArguments a) {
    logprob_gather<bf16>(a);
}

extern "C" __global__ void __launch_bounds__(kLogprobBackwardThreads)
    logprob_gather_backward_kernel(LogprobGatherBackwardArguments a) {
    logprob_gather_backward<float>(a);
}
extern "C" __global__ void __launch_bounds__(kLogprobBackwardThreads)
    logprob_gather_backward_kernel_bf16(LogprobGatherBackwardArguments a) {
    logprob_gather_backward<bf16>(a);
}
