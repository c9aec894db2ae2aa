#include "policy_loss_with_logits.h"

#include "cuda/cuda.h"
#include "cuda/policy_objective.h"

#include <algorithm>

namespace gimbal {

namespace {

// Logits of a row that a block holds in shared memory: as many as let two blocks share a multiprocessor.
int64_t held_logits(const Cuda& cuda, int64_t vocabulary, int64_t bytes) {
    const int64_t room = cuda.shared_limit() / 2 - kPolicyLossWithLogitsShared;
    const int64_t blocks = (vocabulary + kVocabularyBlock - 1) / kVocabularyBlock;
    return std::min(blocks, room / (kVocabularyBlock * bytes)) * kVocabularyBlock;
}

} // namespace

void cuda_policy_loss_with_logits(Cuda& cuda, const void* logits, const int32_t* targets, const float* old_logprobs,
                                  const float* ref_logprobs, const float* advantages, const float* corrections,
                                  const float* weights, float* logprobs, float* entropies, float* losses, void* dlogits,
                                  double* statistics, int64_t rows, int64_t vocabulary, int64_t logits_stride,
                                  float temperature, float entropy_coefficient, const gb_policy_objective* objective,
                                  gb_dtype dtype) {
    const bool half = dtype == GB_BFLOAT16;
    const int64_t bytes = half ? 2 : 4, held = held_logits(cuda, vocabulary, bytes);
    cuda.launch(
        {"policy_loss_with_logits", half ? "policy_loss_with_logits_kernel_bf16" : "policy_loss_with_logits_kernel"},
        {rows}, log_sum_exp_threads(vocabulary),
        PolicyLossWithLogitsArguments{logits, targets, old_logprobs, ref_logprobs, advantages, corrections, weights,
                                      logprobs, entropies, dlogits, vocabulary, logits_stride, held, 1.0f / temperature,
                                      entropy_coefficient, policy_objective(*objective), cuda.fault("targets")},
        held * bytes);
    if (losses != nullptr || statistics != nullptr)
        cuda_policy_loss(cuda, logprobs, old_logprobs, nullptr, ref_logprobs, advantages, corrections, nullptr, weights,
                         losses, nullptr, nullptr, statistics, rows, objective);
}

} // namespace gimbal
