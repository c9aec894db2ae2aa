#include "sample_token.h"
#include "cuda/cuda.h"

namespace gimbal {

void cuda_sample_token(Cuda& cuda, const void* logits, const int64_t* samples, const int32_t* positions,
                       const gb_step_state* state, int32_t* tokens, float* logprob, float* truncated_logprob,
                       int64_t rows, int64_t vocabulary, int64_t logits_stride, const gb_sampling* sampling,
                       gb_dtype dtype) {
    const bool greedy = sampling->temperature == 0;
    cuda.launch({"sample_token", dtype == GB_BFLOAT16 ? "sample_token_kernel_bf16" : "sample_token_kernel"}, {rows},
                log_sum_exp_threads(vocabulary),
                SampleTokenArguments{logits, samples, positions, greedy ? nullptr : &state->seed,
                                     greedy ? nullptr : &state->step, tokens, logprob, truncated_logprob, vocabulary,
                                     logits_stride, greedy ? 1.0f : 1.0f / sampling->temperature, sampling->top_k,
                                     sampling->top_p, sampling->min_p, sampling->purpose, greedy});
}

} // namespace gimbal
