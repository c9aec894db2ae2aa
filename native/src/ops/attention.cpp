#include "attention_workspace.h"
#include "gimbal.h"
#include "op.h"

using namespace gimbal;

namespace {

void check_shape(const Arguments& check, const gb_attention_shape* shape) {
    check.pointer("shape", shape);
    check.require(shape->struct_size == static_cast<int32_t>(sizeof *shape), "shape.struct_size",
                  "sizeof(gb_attention_shape)", shape->struct_size);
    check.storage("shape.dtype", shape->dtype);
    check.dtype("shape.kv_dtype", shape->kv_dtype, {shape->dtype});
    check.size("shape.sequences", shape->sequences);
    check.size("shape.tokens", shape->tokens);
    check.size("shape.kv_heads", shape->kv_heads, 1);
    check.size("shape.q_heads", shape->q_heads, 1);
    check.require(shape->q_heads % shape->kv_heads == 0, "shape.q_heads", "a multiple of kv_heads",
                  static_cast<double>(shape->q_heads));
    check.size("shape.head_dim", shape->head_dim, 1);
    check.product("q_heads * head_dim", {shape->q_heads, shape->head_dim});
    check.stride("shape.q_stride", shape->q_stride, shape->q_heads * shape->head_dim);
    check.stride("shape.kv_stride", shape->kv_stride, shape->kv_heads * shape->head_dim);
    check.stride("shape.y_stride", shape->y_stride, shape->q_heads * shape->head_dim);
    check.size("shape.kv_rows", shape->kv_rows);
    check.size("shape.max_length", shape->max_length);
    check.product("tokens * q_stride", {shape->tokens, shape->q_stride, 4});
    check.product("tokens * y_stride", {shape->tokens, shape->y_stride, 4});
    check.product("kv_rows * kv_stride", {shape->kv_rows, shape->kv_stride, 4});
    check.finite("shape.scale", shape->scale);
}

} // namespace

gb_status gb_attention(gb_context* context, const void* q, const void* k, const void* v, const int32_t* q_starts,
                       const int32_t* k_starts, const int32_t* k_lengths, const int32_t* pages, void* y, float* lse,
                       const gb_attention_shape* shape) {
    return run(
        "attention", context,
        [&](const Arguments& check) {
            check_shape(check, shape);
            check.require(shape->page_size >= 0 && shape->page_size % 32 == 0, "shape.page_size",
                          "0 or a multiple of 32", shape->page_size);
            const bool some = shape->tokens > 0, paged = shape->page_size > 0;
            check.size("shape.max_pages", shape->max_pages, paged ? 1 : 0);
            check.pointer("q", q, some);
            check.pointer("k", k, some);
            check.pointer("v", v, some);
            check.pointer("y", y, some);
            check.pointer("q_starts", q_starts);
            check.pointer("k_lengths", k_lengths, shape->sequences > 0);
            check.pointer("k_starts", k_starts, !paged && shape->sequences > 0);
            check.pointer("pages", pages, paged && shape->sequences > 0);
            check.product(
                "max_length * tokens * q_heads * head_dim",
                {shape->max_length / kAttentionSplit + 1, shape->tokens, shape->q_heads, shape->head_dim + 2, 4});
            if (context->kind() != GB_DEVICE_CPU) context->require_workspace(AttentionWorkspace(*shape).bytes(*shape));
        },
        [](const auto& ops) { return ops.attention; }, q, k, v, q_starts, k_starts, k_lengths, pages, y, lse, shape);
}

gb_status gb_attention_backward(gb_context* context, const void* q, const void* k, const void* v, const void* y,
                                const float* lse, const void* dy, const int32_t* q_starts, void* dq, void* dk, void* dv,
                                const gb_attention_shape* shape) {
    return run(
        "attention_backward", context,
        [&](const Arguments& check) {
            check_shape(check, shape);
            check.require(shape->page_size == 0, "shape.page_size", "0: the backward reads contiguous keys",
                          shape->page_size);
            check.size("shape.kv_rows", shape->kv_rows, shape->tokens);
            const bool some = shape->tokens > 0;
            check.pointer("q", q, some);
            check.pointer("k", k, some);
            check.pointer("v", v, some);
            check.pointer("y", y, some);
            check.pointer("lse", lse, some);
            check.pointer("dy", dy, some);
            check.pointer("q_starts", q_starts);
            check.pointer("dq", dq, some);
            check.pointer("dk", dk, some);
            check.pointer("dv", dv, some);
            check.product("tokens * q_heads", {shape->tokens, shape->q_heads, 4});
            if (context->kind() != GB_DEVICE_CPU)
                context->require_workspace(AttentionWorkspace(*shape).backward_bytes());
        },
        [](const auto& ops) { return ops.attention_backward; }, q, k, v, y, lse, dy, q_starts, dq, dk, dv, shape);
}
