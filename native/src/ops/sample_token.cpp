#include "op.h"

using namespace gimbal;

gb_status gb_sample_token(gb_context* context, const void* logits, const int64_t* samples, const int32_t* positions,
                          const gb_step_state* state, int32_t* tokens, float* logprob, float* truncated_logprob,
                          int64_t rows, int64_t vocabulary, int64_t logits_stride, const gb_sampling* sampling,
                          gb_dtype dtype) {
    return run(
        "sample_token", context,
        [&](const Arguments& check) {
            check.size("rows", rows);
            check.size("vocabulary", vocabulary, 1);
            check.require(vocabulary <= INT32_MAX, "vocabulary", "fewer than 2^31", static_cast<double>(vocabulary));
            check.stride("logits_stride", logits_stride, vocabulary);
            check.product("rows x logits_stride", {rows, logits_stride});
            check.storage("dtype", dtype);
            check.pointer("sampling", sampling);
            check.require(sampling->struct_size == static_cast<int32_t>(sizeof *sampling), "sampling.struct_size",
                          "the size of gb_sampling", sampling->struct_size);
            check.require(sampling->top_k >= 0, "sampling.top_k", "at least 0", sampling->top_k);
            check.require(sampling->temperature == 0 ||
                              (sampling->temperature >= 1e-38f && sampling->temperature <= 1e38f),
                          "sampling.temperature", "0 (greedy) or 1e-38 to 1e38", sampling->temperature);
            check.require(sampling->top_p >= 0 && sampling->top_p <= 1, "sampling.top_p", "0 to 1", sampling->top_p);
            check.require(sampling->min_p >= 0 && sampling->min_p <= 1, "sampling.min_p", "0 to 1", sampling->min_p);
            check.pointer("logits", logits, rows > 0);
            const bool draws = rows > 0 && sampling->temperature != 0;
            check.pointer("samples", samples, draws);
            check.pointer("positions", positions, draws);
            check.pointer("state", state, draws);
            check.pointer("tokens", tokens, rows > 0);
            check.pointer("logprob", logprob, draws || (rows > 0 && truncated_logprob != nullptr));
        },
        [](const auto& ops) { return ops.sample_token; }, logits, samples, positions, state, tokens, logprob,
        truncated_logprob, rows, vocabulary, logits_stride, sampling, dtype);
}
