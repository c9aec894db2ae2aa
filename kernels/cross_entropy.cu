// cross_entropy: loss = -(1 - s) log p_target - s mean_j log p_j, label smoothing s; backward:
// dlogits_j = dlosses (p_j - (1 - s) 1{j = target} - s / vocabulary).
// logits, dlogits (rows, vocabulary) at logits_stride, float32 or bfloat16; targets (rows) int32, those equal to
// ignore_index give 0, any other outside the vocabulary is reported and gives NaN; dlogits may be logits.
//
// Forward: a block to a row, common/log_sum_exp.h: one read. Backward: a block to 4096 logits of a row, one read and
// one write, each logit by itself. The bits of the CPU.
#include "cross_entropy.h"

#include "common/log_sum_exp.h"

using namespace gimbal;
using namespace gimbal::device;

namespace {

template <class T> GB_DEVICE void cross_entropy(const CrossEntropyArguments& a) {
    const int64_t r = blockIdx.x, target = a.targets[r];
    const T* row = static_cast<const T*>(a.logits) + r * a.logits_stride;
    if (target < 0 || target >= a.vocabulary || target == a.ignore_index) {
        if (threadIdx.x != 0) return;
        if (target != a.ignore_index) raise(a.fault, r, target, a.vocabulary);
        a.losses[r] = a.lse[r] = target == a.ignore_index ? 0.0f : kInfinity - kInfinity;
        return;
    }
    const bool smooth = a.label_smoothing != 0.0f;
    const LogSumExp total = log_sum_exp<false>(row, a.vocabulary, 1.0f, smooth);
    if (threadIdx.x != 0) return;
    a.lse[r] = total.lse();
    const float loss = -total.logprob(load(row + target));
    if (!smooth) {
        a.losses[r] = loss;
        return;
    }
    const double mean = total.logits / static_cast<double>(a.vocabulary);
    const float uniform = -total.logprob(static_cast<float>(mean));
    a.losses[r] = (1.0f - a.label_smoothing) * loss + a.label_smoothing * uniform;
}

template <class T> GB_DEVICE void cross_entropy_backward(const CrossEntropyBackwardArguments& a) {
    const int64_t r = blockIdx.x / a.chunks, begin = blockIdx.x % a.chunks * kCrossEntropyBackwardChunk;
    const int64_t left = a.vocabulary - begin;
    const int64_t count = left < kCrossEntropyBackwardChunk ? left : kCrossEntropyBackwardChunk;
    const T* logits = static_cast<const T*>(a.logits) + r * a.logits_stride + begin;
    T* dlogits = static_cast<T*>(a.dlogits) + r * a.logits_stride + begin;
    const int64_t target = a.targets[r];
    float g = target == a.ignore_index ? 0.0f : a.dlosses[r];
    if (target != a.ignore_index && (target < 0 || target >= a.vocabulary)) {
        if (threadIdx.x == 0) raise(a.fault, r, target, a.vocabulary);
        g = kInfinity - kInfinity;
    }
    const float lse = a.lse[r], uniform = a.label_smoothing / static_cast<float>(a.vocabulary);
    const float hit = g * (1.0f - a.label_smoothing);
    for_packs_of_block(count, aligned4(logits) && aligned4(dlogits), [&](int64_t j, auto n) {
        if (g == 0.0f) {
            store(dlogits + j, Pack<n.value>{}, n);
            return;
        }
        auto v = load(logits + j, n);
#pragma unroll
        for (int k = 0; k < n.value; ++k) {
            const float d = g * (exp(v[k] - lse) - uniform);
            v[k] = begin + j + k == target ? d - hit : d;
        }
        store(dlogits + j, v, n);
    });
}

} // namespace

extern "C" __global__ void __launch_bounds__(kLogSumExpThreads) cross_entropy_kernel(CrossEntropyArguments a) {
    cross_entropy<float>(a);
}
extern "C" __global__ void __launch_bounds__(kLogSumExpThreads) cross_entropy_kernel_bf16(CrossEntropyArguments a) {
    cross_entropy<bf16>(a);
}

extern "C" __global__ void __launch_bounds__(kCrossEntropyBackwardThreads)
    cross_entropy_backward_kernel(CrossEntropyBackwardArguments a) {
    cross_entropy_backward<float>(a);
}
extern "C" __global__ void __launch_bounds__(kCrossEntropyBackwardThreads)
    cross_entropy_backward_kernel_bf16(CrossEntropyBackwardArguments a) {
    cross_entropy_backward<bf16>(a);
}
