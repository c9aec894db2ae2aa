#include "linear_logprob_chunk.h"
#include "gimbal.h"
#include "op.h"
#include "packed.h"

using namespace gimbal;

namespace {

struct Sizes {
    int64_t rows, width, vocabulary, hidden_stride;
};

void check_common(const Arguments& check, const Sizes& sizes, const void* hidden, const gb_packed* packed_head,
                  const int32_t* targets, float temperature, gb_dtype hidden_dtype, gb_dtype head_dtype) {
    check.size("rows", sizes.rows);
    check.size("width", sizes.width);
    check.size("vocabulary", sizes.vocabulary, 1);
    check.stride("hidden_stride", sizes.hidden_stride, sizes.width);
    check.product("rows * hidden_stride", {sizes.rows, sizes.hidden_stride, 4});
    check.product("vocabulary * width", {sizes.vocabulary, sizes.width, 4});
    check.require(temperature >= 1e-38f && temperature <= 1e38f, "temperature", "1e-38 to 1e38", temperature);
    check.storage("head_dtype", head_dtype);
    check.beside(packed_head != nullptr ? packed_head->dtype : head_dtype, "hidden_dtype", hidden_dtype);
    check.pointer("hidden", hidden, sizes.rows > 0 && sizes.width > 0);
    check.pointer("targets", targets, sizes.rows > 0);
    if (packed_head == nullptr) return;
    check.require(packed_head->filled, "packed_head", "weights from gb_packed_update", 0);
    check.require(packed_head->n == sizes.vocabulary, "packed_head", "n = vocabulary",
                  static_cast<double>(packed_head->n));
    check.require(packed_head->k == sizes.width, "packed_head", "k = width", static_cast<double>(packed_head->k));
}

} // namespace

gb_status gb_linear_logprob(gb_context* context, const void* hidden, const void* head, const gb_packed* packed_head,
                            const int32_t* targets, float* logprob, float* entropy, float* lse, int64_t rows,
                            int64_t width, int64_t vocabulary, int64_t hidden_stride, float temperature,
                            gb_dtype hidden_dtype, gb_dtype head_dtype) {
    return run(
        "linear_logprob", context,
        [&](const Arguments& check) {
            check_common(check, {rows, width, vocabulary, hidden_stride}, hidden, packed_head, targets, temperature,
                         hidden_dtype, head_dtype);
            check.pointer("head", head, rows > 0 && width > 0 && packed_head == nullptr);
            check.pointer("logprob", logprob, rows > 0);
            context->require_workspace(LinearLogprobChunk::bytes(rows, width, vocabulary));
        },
        [](const auto& ops) { return ops.linear_logprob; }, hidden, head, packed_head, targets, logprob, entropy, lse,
        rows, width, vocabulary, hidden_stride, temperature, hidden_dtype, head_dtype);
}

gb_status gb_linear_logprob_backward(gb_context* context, const void* hidden, const void* head,
                                     const gb_packed* packed_head, const int32_t* targets, const float* lse,
                                     const float* entropy, const float* dlogprob, const float* dentropy, void* dhidden,
                                     float* dhead, int64_t rows, int64_t width, int64_t vocabulary,
                                     int64_t hidden_stride, float temperature, gb_dtype hidden_dtype,
                                     gb_dtype head_dtype) {
    return run(
        "linear_logprob_backward", context,
        [&](const Arguments& check) {
            check_common(check, {rows, width, vocabulary, hidden_stride}, hidden, packed_head, targets, temperature,
                         hidden_dtype, head_dtype);
            check.pointer("head", head, rows > 0 && width > 0);
            check.pointer("lse", lse, rows > 0);
            check.pointer("entropy", entropy, rows > 0 && dentropy != nullptr);
            check.pointer("dlogprob", dlogprob, rows > 0);
            check.pointer("dhidden", dhidden, rows > 0 && width > 0);
            context->require_workspace(LinearLogprobChunk::bytes(rows, width, vocabulary));
        },
        [](const auto& ops) { return ops.linear_logprob_backward; }, hidden, head, packed_head, targets, lse, entropy,
        dlogprob, dentropy, dhidden, dhead, rows, width, vocabulary, hidden_stride, temperature, hidden_dtype,
        head_dtype);
}
