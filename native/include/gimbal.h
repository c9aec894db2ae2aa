/* gimbal.h: the whole C ABI of the Gimbal engine.
 *
 * Conventions, which hold for every function below unless it says otherwise:
 *
 *  - Arrays are dense and row-major. A stride counts elements from one row to the next. Pointers are memory of the
 *    context's device, need element alignment only, and are never kept after the call (gb_packed excepted).
 *  - Parameters come in the order inputs, outputs, sizes, scalars, dtypes. "Nullable" says what may be null.
 *  - An output may not overlap an input unless the op names the alias it allows.
 *  - Activation gradients are written, or added when `accumulate` is 1. Weight gradients (dtable, dweight, dbias, dhead)
 *    are always added, in float32. Statistics are double and always added, so that chunked calls sum up.
 *  - Rows are independent in every forward op: a row's bits do not depend on its neighbours, on their number, on the
 *    number of threads or on alignment. Sums over rows are taken in an order that depends on shapes alone.
 *  - Loss ops return the loss and the gradient of the sum of all losses, in one pass over their inputs; losses, gradients
 *    and statistics are nullable. `weights` (nullable: all 1) multiplies each element's loss and gradient: the mask and the
 *    normaliser of the optimizer step live there. An element of weight 0 contributes exactly 0, even if it is not finite.
 *  - Every call returns a status; gb_last_error() tells op, argument, what was wanted and what was got. Nothing throws,
 *    exits or aborts across this boundary.
 *  - A context is used by one thread at a time.
 */
#ifndef GIMBAL_H
#define GIMBAL_H

#include <stdint.h>

#if defined(_WIN32)
#if defined(GB_BUILD)
#define GB_API __declspec(dllexport)
#else
#define GB_API __declspec(dllimport)
#endif
#else
#define GB_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Types ------------------------------------------------------------------------------------------------------ */

#define GB_ABI_VERSION 1

typedef int32_t gb_status;
enum {
    GB_OK = 0,
    GB_INVALID_ARGUMENT = 1,    /* a pointer, size or scalar the op cannot take */
    GB_UNSUPPORTED = 2,         /* a dtype, device or shape this build lacks */
    GB_OUT_OF_MEMORY = 3,
    GB_OUT_OF_RANGE = 4,        /* a token id or an index outside its table */
    GB_WORKSPACE_TOO_SMALL = 5, /* gb_context_workspace_required tells the need */
    GB_DEVICE_LOST = 6,         /* sticky; names the last op checked */
    GB_INTERNAL = 7
};

typedef int32_t gb_dtype;
enum { GB_FLOAT32 = 0, GB_BFLOAT16 = 1, GB_INT32 = 2, GB_UINT8 = 3, GB_FLOAT64 = 4, GB_INT64 = 5 };

typedef int32_t gb_device_kind;
enum {
    GB_DEVICE_CPU = 0,
    GB_DEVICE_CUDA = 1,
    GB_DEVICE_META = 2 /* checks every argument, touches no memory: memory plans are made by running a step on it */
};

typedef int32_t gb_copy_kind;
enum { GB_HOST_TO_DEVICE = 0, GB_DEVICE_TO_HOST = 1, GB_DEVICE_TO_DEVICE = 2 };

typedef struct gb_context gb_context;
typedef struct gb_packed gb_packed;
typedef struct gb_graph gb_graph;

typedef struct gb_context_options {
    int32_t struct_size;
    gb_device_kind kind;
    int32_t ordinal; /* CUDA device number; 0 otherwise */
    int32_t threads; /* CPU: 0 takes every processor the process may use */
    void* stream;    /* CUDA stream of the caller's, whose CUDA context is used; null: its own, in the primary context */
} gb_context_options;

typedef struct gb_device_info {
    int32_t struct_size;
    gb_device_kind kind;
    int32_t threads;
    int32_t reserved;
    int64_t memory_bytes; /* physical memory of the device */
    char name[128];       /* processor or GPU */
    char isa[64];         /* CPU: "x86-64-v4+bf16", "x86-64-v4", "x86-64-v3", "portable"; CUDA: "sm_90" */
} gb_device_info;

/* Values that change from step to step. Device memory, so that a captured graph reads the current ones. */
typedef struct gb_step_state {
    uint64_t seed;               /* of the run; keys every draw */
    uint64_t step;               /* training step; keys every draw */
    float learning_rate;
    float bias_correction1;      /* 1 - beta1^t */
    float bias_correction2;      /* 1 - beta2^t */
    float clip_coefficient;      /* written by gb_grad_norm, read by gb_adamw */
    float gradient_norm;         /* written by gb_grad_norm */
    int32_t reserved;
} gb_step_state;

/* ---- Library, context, memory ----------------------------------------------------------------------------------- */

GB_API int32_t gb_abi_version(void);
/* Message of the last failed call of this thread; never null, valid until the thread's next call. */
GB_API const char* gb_last_error(void);
/* Names of all ops, each followed by a zero byte, the list closed by an empty name. */
GB_API const char* gb_op_names(void);

GB_API gb_status gb_context_create(const gb_context_options* options, gb_context** context);
GB_API void gb_context_destroy(gb_context* context);
GB_API gb_status gb_context_info(gb_context* context, gb_device_info* info);
/* Waits for all queued work and reports a fault of any op since the last call. */
GB_API gb_status gb_context_synchronize(gb_context* context);
/* 1, as a new context has it: gb_matmul and gb_matmul_packed add in the engine's order, from now on. 0: in any order, which on a
   CUDA device means cuBLASLt where it is present (products without bias, of matrices of one type aligned to 16 bytes). Meant for
   gradients: a sampler's log-probabilities keep the bits of the trainer's only if both are exact. */
GB_API gb_status gb_context_set_exact(gb_context* context, int32_t exact);
/* Scratch memory for all ops of the context, owned by the caller, who must then give enough. Null: the context grows
   memory of its own as ops ask for it, which no captured graph may need. */
GB_API gb_status gb_context_set_workspace(gb_context* context, void* memory, int64_t bytes);
/* Largest workspace that any op of this context has asked for, failed calls included. */
GB_API gb_status gb_context_workspace_required(gb_context* context, int64_t* bytes);

/* Between begin and end, ops of the context are recorded into a graph instead of being run; CUDA devices only, GB_UNSUPPORTED
   elsewhere. A recorded op keeps its pointers and scalars: what changes from launch to launch lies in device memory. While
   recording, memory calls and gb_context_synchronize fail, and the workspace must be large enough (one run of the same ops
   before makes it so). A failed end leaves nothing recorded. The graph refers to the context, and is destroyed before it. */
GB_API gb_status gb_graph_begin(gb_context* context);
GB_API gb_status gb_graph_end(gb_context* context, gb_graph** graph);
GB_API gb_status gb_graph_launch(gb_context* context, const gb_graph* graph);
GB_API void gb_graph_destroy(gb_graph* graph);

/* 64-byte aligned, zeroed. On GB_DEVICE_META the address is distinct but must not be touched. */
GB_API gb_status gb_memory_allocate(gb_context* context, int64_t bytes, void** memory);
GB_API gb_status gb_memory_free(gb_context* context, void* memory);
GB_API gb_status gb_memory_copy(gb_context* context, const void* source, void* destination, int64_t bytes,
                                gb_copy_kind kind);
GB_API gb_status gb_memory_fill(gb_context* context, void* destination, int32_t byte, int64_t bytes);

/* ---- skeleton: the op to copy when adding one ------------------------------------------------------------------- */

/* y_i = factor * x_i; y may be x. */
GB_API gb_status gb_skeleton(gb_context* context, const float* x, float* y, int64_t count, float factor);
/* dx_i = factor * dy_i; dx may be dy. */
GB_API gb_status gb_skeleton_backward(gb_context* context, const float* dy, float* dx, int64_t count, float factor);

/* ---- Layers ----------------------------------------------------------------------------------------------------- */

/* y_r = table[ids_r]; ids (rows) in 0..vocabulary-1, else GB_OUT_OF_RANGE and nothing is written.
   table (vocabulary, width), y (rows, width). Also gathers rows of hidden states. */
GB_API gb_status gb_embedding(gb_context* context, const void* table, const int32_t* ids, void* y, int64_t rows,
                              int64_t width, int64_t vocabulary, gb_dtype table_dtype, gb_dtype y_dtype);
/* dtable[ids_r] += dy_r, rows in ascending order. */
GB_API gb_status gb_embedding_backward(gb_context* context, const void* dy, const int32_t* ids, float* dtable,
                                       int64_t rows, int64_t width, int64_t vocabulary, gb_dtype dy_dtype);

/* y[indices_r] = x_r for indices_r >= 0; a negative index leaves its row out. Indices are distinct and < y_rows.
   x (rows, width) at x_stride, y (y_rows, width) dense. Writes keys and values into cache pages. */
GB_API gb_status gb_scatter_rows(gb_context* context, const void* x, const int32_t* indices, void* y, int64_t rows,
                                 int64_t width, int64_t y_rows, int64_t x_stride, gb_dtype x_dtype, gb_dtype y_dtype);

/* Root-mean-square norm (Zhang & Sennrich 2019): rstd_r = 1/sqrt(mean_j x_rj^2 + epsilon); y_rj = (x_rj * rstd_r) * weight_j.
   x, y (rows, width), weight (width), rstd (rows, nullable). */
GB_API gb_status gb_rmsnorm(gb_context* context, const void* x, const void* weight, void* y, float* rstd, int64_t rows,
                            int64_t width, float epsilon, gb_dtype x_dtype, gb_dtype weight_dtype, gb_dtype y_dtype);
/* With g = dy * weight and xhat = x * rstd: dx = rstd * (g - xhat * mean_j(g * xhat)); dweight_j += sum_r dy * xhat.
   dweight nullable. */
GB_API gb_status gb_rmsnorm_backward(gb_context* context, const void* dy, const void* x, const void* weight,
                                     const float* rstd, void* dx, float* dweight, int64_t rows, int64_t width,
                                     int32_t accumulate, gb_dtype x_dtype, gb_dtype weight_dtype, gb_dtype y_dtype);

/* Layer norm (Ba et al. 2016): y = (x - mean) * rstd * weight + bias, biased variance, two passes.
   mean, rstd (rows, nullable together), weight, bias (width), bias nullable. */
GB_API gb_status gb_layernorm(gb_context* context, const void* x, const void* weight, const void* bias, void* y,
                              float* mean, float* rstd, int64_t rows, int64_t width, float epsilon, gb_dtype x_dtype,
                              gb_dtype weight_dtype, gb_dtype y_dtype);
/* With g = dy * weight and xhat = (x - mean) * rstd: dx = rstd * (g - mean_j g - xhat * mean_j(g * xhat));
   dweight += sum_r dy * xhat; dbias += sum_r dy. dweight, dbias nullable. */
GB_API gb_status gb_layernorm_backward(gb_context* context, const void* dy, const void* x, const void* weight,
                                       const float* mean, const float* rstd, void* dx, float* dweight, float* dbias,
                                       int64_t rows, int64_t width, int32_t accumulate, gb_dtype x_dtype,
                                       gb_dtype weight_dtype, gb_dtype y_dtype);

/* Rotary position embedding (Su et al. 2021). x, y (rows, heads, head_dim) at x_stride, y_stride between rows; y may be x.
   The first rotary_dim channels of each head rotate in pairs i = 0..rotary_dim/2-1 by the angle of table row positions_r:
   (a, b) -> (a cos - b sin, b cos + a sin), with (a, b) = channels (i, i + rotary_dim/2), or (2i, 2i+1) if interleaved.
   table (table_positions, rotary_dim): rotary_dim/2 cosines, then as many sines. The other channels are copied. */
GB_API gb_status gb_rope(gb_context* context, const void* x, const int32_t* positions, const float* table, void* y,
                         int64_t rows, int64_t heads, int64_t head_dim, int64_t rotary_dim, int64_t table_positions,
                         int64_t x_stride, int64_t y_stride, int32_t interleaved, gb_dtype dtype);
/* The rotation by the negative angle. dx may be dy. */
GB_API gb_status gb_rope_backward(gb_context* context, const void* dy, const int32_t* positions, const float* table,
                                  void* dx, int64_t rows, int64_t heads, int64_t head_dim, int64_t rotary_dim,
                                  int64_t table_positions, int64_t dy_stride, int64_t dx_stride, int32_t interleaved,
                                  gb_dtype dtype);

/* C = op(A) op(B) + bias: A is (m, k), stored (k, m) if trans_a; B is (k, n), stored (n, k) if trans_b; bias (n, nullable).
   Order of additions, the same for every m, n, layout and instruction set: K in blocks of 512 (bfloat16: 768) from k = 0; a block is one
   FMA chain from 0, k ascending (bfloat16 on the CPU: fma(a0, b0, fma(a1, b1, sum)) a pair, subnormals as 0; on a GPU 16 k at a time); the
   blocks are added in order, onto C if accumulate = 1; the bias last; C is rounded once. lda, ldb, ldc are strides of the stored rows. A
   and C have the dtype of B or float32, bias is float32. A float32 A beside a bfloat16 B is rounded. */
GB_API gb_status gb_matmul(gb_context* context, const void* a, const void* b, const void* bias, void* c, int64_t m,
                           int64_t n, int64_t k, int64_t lda, int64_t ldb, int64_t ldc, int32_t trans_a,
                           int32_t trans_b, int32_t accumulate, gb_dtype a_dtype, gb_dtype b_dtype, gb_dtype c_dtype);

/* A right-hand matrix (k, n) of gb_matmul, kept in the layout of the kernels. Memory: gb_packed_bytes, owned by the handle. */
GB_API int64_t gb_packed_bytes(int64_t n, int64_t k, gb_dtype dtype);
GB_API gb_status gb_packed_create(gb_context* context, int64_t n, int64_t k, gb_dtype dtype, gb_packed** packed);
GB_API void gb_packed_destroy(gb_packed* packed);
/* Packs b, unless the handle already holds `version` of it. On a CUDA device the handle refers to b, which must stay in place. */
GB_API gb_status gb_packed_update(gb_context* context, gb_packed* packed, const void* b, int64_t ldb, int32_t trans_b,
                                  gb_dtype b_dtype, uint64_t version);
/* gb_matmul with op(A) = A and B from the pack: the same bits. */
GB_API gb_status gb_matmul_packed(gb_context* context, const void* a, const gb_packed* packed, const void* bias, void* c,
                                  int64_t m, int64_t lda, int64_t ldc, int32_t accumulate, gb_dtype a_dtype,
                                  gb_dtype c_dtype);

/* y_j = sum_r x_rj, rows ascending (added to y if accumulate). Bias gradients. x (rows, width) at x_stride. */
GB_API gb_status gb_sum_rows(gb_context* context, const void* x, float* y, int64_t rows, int64_t width, int64_t x_stride,
                             int32_t accumulate, gb_dtype dtype);

typedef struct gb_attention_shape {
    int32_t struct_size;
    gb_dtype dtype;        /* of q, y, dq, dy */
    gb_dtype kv_dtype;     /* of k, v, dk, dv */
    int32_t page_size;     /* rows of a page, a multiple of 32; 0: contiguous keys */
    int64_t sequences;
    int64_t tokens;        /* query rows: q_starts[sequences] */
    int64_t q_heads;       /* a multiple of kv_heads; head h reads key head h / (q_heads / kv_heads) */
    int64_t kv_heads;
    int64_t head_dim;
    int64_t q_stride;      /* elements from one token's row to the next, for q and dq */
    int64_t kv_stride;     /* the same for k, v, dk and dv */
    int64_t y_stride;      /* the same for y and dy */
    int64_t kv_rows;       /* rows of k and v, for bounds */
    int64_t max_pages;     /* row length of `pages` */
    int64_t max_length;    /* longest key sequence, for workspace */
    float scale;           /* of the scores, 1/sqrt(head_dim) as a rule */
    float reserved;
} gb_attention_shape;

/* Causal grouped-query attention over sequences of any lengths, prefill and decode in one op; no T x T matrix in memory.
   y_i = sum_{j <= p_i} softmax_j(scale * q_i . k_j) v_j per head; lse_i = log sum_{j <= p_i} exp(scale * q_i . k_j).
   Sequence s owns query rows q_starts[s] .. q_starts[s+1]-1 (n_s of them) and k_lengths[s] keys; its queries are the last
   n_s positions: p of its r-th query is k_lengths[s] - n_s + r. Key j is row k_starts[s] + j of k and v, or, with pages,
   row pages[s * max_pages + j / page_size] * page_size + j % page_size.
   q (tokens, q_heads, head_dim), k, v (kv_rows, kv_heads, head_dim), y as q; lse (tokens, q_heads, nullable);
   q_starts (sequences + 1), k_lengths (sequences), k_starts (sequences, null with pages), pages (sequences, max_pages).
   Order: key blocks of 32 with running max, sum and accumulator; every 256 keys a fresh split; splits merged ascending. In bfloat16 the
   weights exp(s - max) are rounded to it before they meet v, not before they are summed. */
GB_API gb_status gb_attention(gb_context* context, const void* q, const void* k, const void* v, const int32_t* q_starts,
                              const int32_t* k_starts, const int32_t* k_lengths, const int32_t* pages, void* y,
                              float* lse, const gb_attention_shape* shape);
/* Contiguous keys only, every query row with its own key (k_starts = q_starts, k_lengths = n_s): training. dq, dk, dv are
   written. With p = exp(scale s - lse), D = sum_d dy y: dv_j = sum_i p dy_i; ds = p (dy_i . v_j - D_i);
   dq_i = scale sum_j ds k_j; dk_j = scale sum_i ds q_i (grouped query heads summed in ascending order). */
GB_API gb_status gb_attention_backward(gb_context* context, const void* q, const void* k, const void* v, const void* y,
                                       const float* lse, const void* dy, const int32_t* q_starts, void* dq, void* dk,
                                       void* dv, const gb_attention_shape* shape);

/* SwiGLU (Shazeer 2020): x (rows, 2 width) holds gate | up; y_j = gate_j * sigmoid(gate_j) * up_j. */
GB_API gb_status gb_swiglu(gb_context* context, const void* x, void* y, int64_t rows, int64_t width, gb_dtype dtype);
/* dx (rows, 2 width), dx may be x. */
GB_API gb_status gb_swiglu_backward(gb_context* context, const void* dy, const void* x, void* dx, int64_t rows,
                                    int64_t width, gb_dtype dtype);

enum { GB_GELU_TANH = 0, GB_GELU_ERF = 1 };
/* GELU (Hendrycks & Gimpel 2016): x Phi(x), by erf or by the tanh form 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))). */
GB_API gb_status gb_gelu(gb_context* context, const void* x, void* y, int64_t count, int32_t form, gb_dtype dtype);
GB_API gb_status gb_gelu_backward(gb_context* context, const void* dy, const void* x, void* dx, int64_t count,
                                  int32_t form, gb_dtype dtype);

GB_API gb_status gb_tanh(gb_context* context, const void* x, void* y, int64_t count, gb_dtype dtype);
/* dx = dy (1 - y^2); dx may be dy. */
GB_API gb_status gb_tanh_backward(gb_context* context, const void* dy, const void* y, void* dx, int64_t count,
                                  gb_dtype dtype);

/* y = max(x, 0)^2 (So et al. 2021). */
GB_API gb_status gb_relu_squared(gb_context* context, const void* x, void* y, int64_t count, gb_dtype dtype);
/* dx = 2 dy max(x, 0); dx may be dy or x. */
GB_API gb_status gb_relu_squared_backward(gb_context* context, const void* dy, const void* x, void* dx, int64_t count,
                                          gb_dtype dtype);

/* y_i = a_i b_i, and 0 where b_i is 0, even if a_i is not finite. y may be a or b. */
GB_API gb_status gb_multiply(gb_context* context, const float* a, const float* b, float* y, int64_t count);

/* y = a + b; y may be a or b. Its backward is the identity. */
GB_API gb_status gb_add(gb_context* context, const void* a, const void* b, void* y, int64_t count, gb_dtype a_dtype,
                        gb_dtype b_dtype, gb_dtype y_dtype);

/* ---- Language --------------------------------------------------------------------------------------------------- */

/* With z = logits / T, taken as z * (1/T), no multiplication if T = 1:
   lse_r = log sum_j exp(z_rj); logprob_r = z_r,target - lse_r; entropy_r = lse_r - sum_j softmax(z)_j z_j.
   logits (rows, vocabulary) at logits_stride; targets (rows), -1 leaves a row out: it is not read and its outputs are 0.
   entropy, lse nullable. Vocabulary in blocks of 512, each with (max, sum exp(z - max), sum exp(z - max)(z - max)),
   combined ascending. A row of -inf only gives NaN. temperature > 0. */
GB_API gb_status gb_logprob_gather(gb_context* context, const void* logits, const int32_t* targets, float* logprob,
                                   float* entropy, float* lse, int64_t rows, int64_t vocabulary, int64_t logits_stride,
                                   float temperature, gb_dtype dtype);
/* dlogits_j = (dlogprob (1{j = target} - p_j) - dentropy p_j (log p_j + entropy)) / T, log p_j = z_j - lse. dlogits may be
   logits; both at logits_stride. dentropy nullable, entropy then too. Rows left out get 0. */
GB_API gb_status gb_logprob_gather_backward(gb_context* context, const void* logits, const int32_t* targets,
                                            const float* lse, const float* entropy, const float* dlogprob,
                                            const float* dentropy, void* dlogits, int64_t rows, int64_t vocabulary,
                                            int64_t logits_stride, float temperature, gb_dtype dtype);

/* gb_matmul (hidden head^T) and gb_logprob_gather in chunks of rows, logits only ever in the workspace; the same bits.
   hidden (rows, width) at hidden_stride, head (vocabulary, width) dense; packed_head nullable: the pack of head^T. */
GB_API gb_status gb_linear_logprob(gb_context* context, const void* hidden, const void* head,
                                   const gb_packed* packed_head, const int32_t* targets, float* logprob, float* entropy,
                                   float* lse, int64_t rows, int64_t width, int64_t vocabulary, int64_t hidden_stride,
                                   float temperature, gb_dtype hidden_dtype, gb_dtype head_dtype);
/* The recomputing form: each chunk's logits are computed again. dhidden (rows, width) dense; dhead added, nullable.
   Chunks whose every dlogprob and dentropy is 0 are skipped. */
GB_API gb_status gb_linear_logprob_backward(gb_context* context, const void* hidden, const void* head,
                                            const gb_packed* packed_head, const int32_t* targets, const float* lse,
                                            const float* entropy, const float* dlogprob, const float* dentropy,
                                            void* dhidden, float* dhead, int64_t rows, int64_t width,
                                            int64_t vocabulary, int64_t hidden_stride, float temperature,
                                            gb_dtype hidden_dtype, gb_dtype head_dtype);

/* y_i = cap tanh(scale x_i / cap), scale x_i if cap <= 0: a head's logit scale and soft cap. y may be x. */
GB_API gb_status gb_softcap(gb_context* context, const void* x, void* y, int64_t count, float scale, float cap,
                            gb_dtype dtype);
/* dx_i = dy_i scale (1 - (y_i / cap)^2), dy_i scale if cap <= 0. dx may be dy or y; y nullable if cap <= 0. */
GB_API gb_status gb_softcap_backward(gb_context* context, const void* dy, const void* y, void* dx, int64_t count,
                                     float scale, float cap, gb_dtype dtype);

/* loss_r = -(1 - s) log p_target - s mean_j log p_j, label smoothing s; targets equal to ignore_index give 0.
   losses (rows), lse (rows). The mean is the caller's (weights of the backward). */
GB_API gb_status gb_cross_entropy(gb_context* context, const void* logits, const int32_t* targets, float* losses,
                                  float* lse, int64_t rows, int64_t vocabulary, int64_t logits_stride,
                                  float label_smoothing, int32_t ignore_index, gb_dtype dtype);
/* dlogits_j = dlosses (p_j - (1 - s) 1{j = target} - s / vocabulary); dlogits may be logits. */
GB_API gb_status gb_cross_entropy_backward(gb_context* context, const void* logits, const int32_t* targets,
                                           const float* lse, const float* dlosses, void* dlogits, int64_t rows,
                                           int64_t vocabulary, int64_t logits_stride, float label_smoothing,
                                           int32_t ignore_index, gb_dtype dtype);

/* losses_r += coefficient lse_r^2, lse as gb_cross_entropy gives it: keeps log sum exp near 0 (PaLM, Chowdhery et al. 2022). */
GB_API gb_status gb_z_loss(gb_context* context, const float* lse, float* losses, int64_t rows, float coefficient);
/* dlogits_j = 2 coefficient dlosses lse p_j, written; 0 where dlosses is 0. Both (rows, vocabulary), logits at logits_stride,
   dlogits dense. */
GB_API gb_status gb_z_loss_backward(gb_context* context, const void* logits, const float* lse, const float* dlosses,
                                    void* dlogits, int64_t rows, int64_t vocabulary, int64_t logits_stride,
                                    float coefficient, gb_dtype dtype);

/* kl_r = sum_j p_j (log p_j - log q_j), p = softmax(logits / T), q = softmax(reference / T): the exact KL(p || q) of a token over
   the whole vocabulary, in blocks of 512 from 0, in double; 0 for equal rows, infinite where q alone is 0. lse, reference_lse
   (rows) as gb_logprob_gather gives them at T. logits, reference (rows, vocabulary) at their strides. */
GB_API gb_status gb_full_kl(gb_context* context, const float* logits, const float* reference, const float* lse,
                            const float* reference_lse, float* kl, int64_t rows, int64_t vocabulary,
                            int64_t logits_stride, int64_t reference_stride, float temperature);
/* dlogits_j = dkl p_j (log p_j - log q_j - kl) / T, written; rows whose dkl is 0 get 0 and are not read. dlogits lies at
   reference_stride and may be reference. */
GB_API gb_status gb_full_kl_backward(gb_context* context, const float* logits, const float* reference, const float* lse,
                                     const float* reference_lse, const float* kl, const float* dkl, float* dlogits,
                                     int64_t rows, int64_t vocabulary, int64_t logits_stride, int64_t reference_stride,
                                     float temperature);

/* y = x, but of every id among ids[starts[r]] .. ids[starts[r+1]-1], once however often it is there: z penalty for z < 0,
   z / penalty otherwise (CTRL, Keskar et al. 2019). x (rows, vocabulary) at x_stride, y dense, ids (count), starts (rows + 1). */
GB_API gb_status gb_repetition_penalty(gb_context* context, const void* x, const int32_t* ids, const int32_t* starts,
                                       void* y, int64_t count, int64_t rows, int64_t vocabulary, int64_t x_stride,
                                       float penalty, gb_dtype dtype);

typedef struct gb_sampling {
    int32_t struct_size;
    int32_t top_k;      /* 0: off. The k largest; ties with the k-th stay, as in Hugging Face */
    float temperature;  /* 0: greedy (lowest index of the largest logit), recorded at temperature 1 */
    float top_p;        /* 1: off. Smallest set of largest probabilities whose sum reaches top_p */
    float min_p;        /* 0: off. p >= min_p * max p */
    int32_t purpose;    /* Philox key, so that two kinds of draw never share numbers */
} gb_sampling;

/* Draws tokens_r from softmax(logits_r / T) after top-k, then top-p, then min-p (each over what the one before left).
   The draw is Philox4x32-10, key state.seed, counter (purpose, state.step, samples_r, positions_r), each by its low 32 bits:
   the same on any device, in any batch and order; samples, positions and state nullable if greedy. The drawn token is the
   first at which the cumulative probability, in blocks of 512 ascending, exceeds the number. A row of NaN or of -inf only
   gives its first largest token, or 0, and NaN. logprob: of the token under the untruncated distribution at T, bit-equal to
   gb_logprob_gather (nullable if greedy and without the other); truncated_logprob (nullable): under what was drawn from.
   logits (rows, vocabulary) at logits_stride. */
GB_API gb_status gb_sample_token(gb_context* context, const void* logits, const int64_t* samples,
                                 const int32_t* positions, const gb_step_state* state, int32_t* tokens, float* logprob,
                                 float* truncated_logprob, int64_t rows, int64_t vocabulary, int64_t logits_stride,
                                 const gb_sampling* sampling, gb_dtype dtype);

/* y_s = sum of x_t for t in starts[s] .. starts[s+1]-1, in 16 lanes and a fixed tree. starts (segments + 1). */
GB_API gb_status gb_segment_sum(gb_context* context, const float* x, const int32_t* starts, float* y, int64_t count,
                                int64_t segments);
/* dx_t = dy_s. */
GB_API gb_status gb_segment_sum_backward(gb_context* context, const float* dy, const int32_t* starts, float* dx,
                                         int64_t count, int64_t segments);

/* ---- Policy gradient -------------------------------------------------------------------------------------------- */

/* Generalised advantage estimation (Schulman et al. 2016); all (rows, steps) row-major, flags as produced BY step t:
   delta_t = r_t + gamma v_next - v_t; A_t = delta_t + gamma lambda A_{t+1}; returns = A + v.
   terminated: v_next = 0; truncated: v_next = truncated_values[t]; both stop the recursion; terminated wins over truncated.
   last_values (rows, nullable: 0): value after the last step. Null flags: none. mask (nullable: all 1): a step of mask 0
   gives A = returns = 0 and is stepped over: v_next and A_{t+1} of the step before it are those after it. */
GB_API gb_status gb_gae(gb_context* context, const float* rewards, const float* values, const float* last_values,
                        const uint8_t* terminated, const uint8_t* truncated, const float* truncated_values,
                        const uint8_t* mask, float* advantages, float* returns, int64_t rows, int64_t steps, float gamma,
                        float lambda);

/* y = (x - mean) * 1/sqrt(var + epsilon) over elements of mask 1, + mean if keep_mean; 0 elsewhere. Variance over n - ddof.
   y may be x. moments (2, nullable, written): mean, variance. n <= ddof: y = 0 (or the mean). */
GB_API gb_status gb_whiten(gb_context* context, const float* x, const uint8_t* mask, float* y, double* moments,
                           int64_t count, float epsilon, int32_t ddof, int32_t keep_mean);

enum { GB_SCALE_NONE = 0, GB_SCALE_GROUP = 1 };
/* GRPO's baseline (Shao et al. 2024): A = (r - mean) / (std + epsilon), mean and std (ddof 1) over the group's elements of
   mask 1 (nullable: all); GB_SCALE_NONE: A = r - mean. Elements of mask 0 get 0. A group whose rewards are all equal gets
   exactly 0. statistics (3, added): groups with an element of mask 1, those of equal rewards, sum of std. rewards, advantages
   (groups, group_size). */
GB_API gb_status gb_group_advantages(gb_context* context, const float* rewards, const uint8_t* mask, float* advantages,
                                     double* statistics, int64_t groups, int64_t group_size, float epsilon,
                                     int32_t scaling);

/* PPO's clipped objective (Schulman et al. 2017), ratio = exp(logprob - old):
   l = max(-A ratio, -A clip(ratio, 1 - clip_low, 1 + clip_high)); dual_clip > 0 (Ye et al. 2020): for A < 0, l = min(l, -A dual_clip).
   Gradient 0 exactly where ratio < 1 - clip_low and A < 0, ratio > 1 + clip_high and A > 0, or the dual clip holds; -A ratio
   elsewhere. Never NaN: where ratio overflows to infinity, A = 0 gives 0 and an unclipped A < 0 infinity.
   statistics (8, added): sum of weighted losses, sum of weights, tokens of weight != 0, clipped low (ratio < 1 - clip_low and A < 0),
   clipped high (ratio > 1 + clip_high and A > 0), sum of (old - logprob), sum of k3 = ratio - 1 - (logprob - old), sum of ratio. */
GB_API gb_status gb_ppo_clip_loss(gb_context* context, const float* logprobs, const float* old_logprobs,
                                  const float* advantages, const float* weights, float* losses, float* dlogprobs,
                                  double* statistics, int64_t count, float clip_low, float clip_high, float dual_clip);

/* Clipped value loss: l = 0.5 max((v - R)^2, (clip(v, old - clip, old + clip) - R)^2); clip_range <= 0: 0.5 (v - R)^2.
   statistics (4, added): sum of weighted losses, sum of weights, elements of weight != 0, clipped elements. */
GB_API gb_status gb_value_clip_loss(gb_context* context, const float* values, const float* old_values,
                                    const float* returns, const float* weights, float* losses, float* dvalues,
                                    double* statistics, int64_t count, float clip_range);

/* The value loss of Stable-Baselines3: l = 0.5 (clip(v, old - clip_range, old + clip_range) - R)^2, gradient 0 where the clip
   holds. clip_range > 0. statistics as gb_value_clip_loss. */
GB_API gb_status gb_clipped_value_loss(gb_context* context, const float* values, const float* old_values,
                                       const float* returns, const float* weights, float* losses, float* dvalues,
                                       double* statistics, int64_t count, float clip_range);

/* GRPO's token loss (Shao et al. 2024): l = -min(min(ratio, delta) A, clip(ratio, 1 - clip_low, 1 + clip_high) A) + beta k3,
   k3 = exp(ref - logprob) - 1 - (ref - logprob). delta <= 0: no upper bound on the unclipped ratio. ref_logprobs nullable if beta = 0.
   statistics (9, added): the eight of gb_ppo_clip_loss (k3 there is of old, and is entry 6), then the sum of k3 to the reference. */
GB_API gb_status gb_grpo_loss(gb_context* context, const float* logprobs, const float* old_logprobs,
                              const float* ref_logprobs, const float* advantages, const float* weights, float* losses,
                              float* dlogprobs, double* statistics, int64_t count, float clip_low, float clip_high,
                              float delta, float beta);

/* Log-ratio of a whole sequence, on each of its tokens: y_t = sum over u of clip(logprob_u - old_u, -clamp, clamp), u the tokens of
   weight != 0 in its sequence starts[s] .. starts[s+1]-1; divided by their number (at least 1) if mean (GSPO), not divided
   otherwise (RLOO). clamp <= 0: no clipping. 0 for tokens of no sequence. weights (count, nullable: all 1), starts (segments + 1). */
GB_API gb_status gb_sequence_ratio(gb_context* context, const float* logprobs, const float* old_logprobs,
                                   const float* weights, const int32_t* starts, float* log_ratios, int64_t count,
                                   int64_t segments, float clamp, int32_t mean);
/* dlogprob_t = sum of dlog_ratios over the sequence, divided by its tokens of weight != 0 if mean; 0 where the weight is 0. For
   clamp <= 0. dlogprobs may not be dlog_ratios. */
GB_API gb_status gb_sequence_ratio_backward(gb_context* context, const float* dlog_ratios, const float* weights,
                                            const int32_t* starts, float* dlogprobs, int64_t count, int64_t segments,
                                            int32_t mean, int32_t accumulate);

enum { GB_KL_K1 = 1, GB_KL_K2 = 2, GB_KL_K3 = 3 };
enum {
    GB_SURROGATE_CLIP = 0,  /* GRPO, RLOO, GSPO, DAPO: -min(min(ratio, delta) A, clip(ratio, 1 - clip_low, 1 + clip_high) A), and
                               dual_clip */
    GB_SURROGATE_CISPO = 1, /* -clip(ratio, 1 - clip_low, 1 + clip_high) A logprob, the ratio held; with clip ranges 0: REINFORCE */
    GB_SURROGATE_SAPO = 2,  /* -(4 / t) sigmoid(t (ratio - 1)) A, t = positive where A > 0, negative elsewhere */
    GB_SURROGATE_VESPO = 3  /* -phi A logprob, phi = e^rate w^k e^(-rate w) held, w the sequence's ratio within 1e-8..e^20,
                               (k, rate) = (positive, positive_rate) where A >= 0, the negative ones elsewhere */
};

typedef struct gb_policy_objective {
    int32_t struct_size;
    int32_t surrogate;          /* GB_SURROGATE_* */
    int32_t kl_estimator;       /* GB_KL_* of the penalty */
    int32_t correct_kl;         /* 1: the penalty is multiplied by the ratio */
    float clip_low;
    float clip_high;
    float delta;                /* upper bound of the unclipped ratio; <= 0: none */
    float dual_clip;            /* for A < 0, l stays below -A dual_clip; <= 0: none */
    float positive;
    float positive_rate;
    float negative;
    float negative_rate;
    float beta;                 /* weight of the KL to the reference */
    float off_policy_threshold; /* with drifts */
} gb_policy_objective;

/* The token losses of GRPO's family: l = surrogate + beta kl; gb_grpo_loss is that of the clipped surrogate and k3.
   log ratio = logprob - old, or log_ratios (nullable) where a whole sequence has one (gb_sequence_ratio). drifts (nullable): mean log-ratio of the token's sequence; where A < 0 and
   -drift > off_policy_threshold the surrogate is 0 (DeepSeek-V3.2). corrections (nullable) multiply the surrogate, not the penalty:
   importance weights of rollouts drawn from another policy; 0 drops a token. old_logprobs nullable with log_ratios, ref_logprobs if
   beta = 0. Gradients: with dlog_ratios (nullable), dlogprobs holds what does not flow through the ratio and dlog_ratios what
   does; without, dlogprobs holds the sum. Never NaN where a ratio overflows, as in gb_ppo_clip_loss.
   statistics (9, added): the eight of gb_ppo_clip_loss (k3 there is of old, and is entry 6), then the sum of the KL to the reference. */
GB_API gb_status gb_policy_loss(gb_context* context, const float* logprobs, const float* old_logprobs,
                                const float* log_ratios, const float* ref_logprobs, const float* advantages,
                                const float* corrections, const float* drifts, const float* weights, float* losses,
                                float* dlogprobs, float* dlog_ratios, double* statistics, int64_t count,
                                const gb_policy_objective* objective);

/* gb_logprob_gather, gb_policy_loss and gb_logprob_gather_backward in one pass over each row of logits; their bits. For ratios of
   single tokens: no log_ratios, no drifts, no GB_SURROGATE_VESPO. With w the weight: dlogits holds the gradient of
   w (l - entropy_coefficient entropy), losses (nullable) w l, statistics (9, added, nullable) are those of gb_policy_loss. logits,
   dlogits (rows, vocabulary) at logits_stride, dlogits may be logits; all others (rows); targets -1 leave a row out: dlogits 0, and
   a logprob of 0 in losses and statistics unless its weight is 0. entropies, corrections, weights nullable, ref_logprobs if
   beta = 0. temperature > 0. */
GB_API gb_status gb_policy_loss_with_logits(gb_context* context, const void* logits, const int32_t* targets,
                                            const float* old_logprobs, const float* ref_logprobs,
                                            const float* advantages, const float* corrections, const float* weights,
                                            float* logprobs, float* entropies, float* losses, void* dlogits,
                                            double* statistics, int64_t rows, int64_t vocabulary, int64_t logits_stride,
                                            float temperature, float entropy_coefficient,
                                            const gb_policy_objective* objective, gb_dtype dtype);

/* DPO (Rafailov et al. 2023), h = logprob - ref summed over a completion, Z = h_chosen - h_rejected:
   l = -(1 - s) log sigmoid(beta Z) - s log sigmoid(-beta Z), label smoothing s (cDPO; 0: DPO). All (pairs). ref_* nullable
   together: reference-free, ref = 0. statistics (6, added): sum of weighted losses, sum of weights, pairs of weight != 0,
   beta h_chosen, beta h_rejected, pairs with h_chosen > h_rejected. */
GB_API gb_status gb_dpo_loss(gb_context* context, const float* chosen, const float* rejected, const float* ref_chosen,
                             const float* ref_rejected, const float* weights, float* losses, float* dchosen,
                             float* drejected, double* statistics, int64_t pairs, float beta, float label_smoothing);

enum {
    GB_PREFERENCE_SIGMOID = 0,    /* DPO; cDPO with label smoothing, SimPO with a margin: -(1 - e) log sigmoid(z) - e log sigmoid(-z) */
    GB_PREFERENCE_ROBUST = 1,     /* (-(1 - e) log sigmoid(z) + e log sigmoid(-z)) / (1 - 2 e) */
    GB_PREFERENCE_HINGE = 2,      /* SLiC: max(0, 1 - z) */
    GB_PREFERENCE_IPO = 3,        /* ((z - 1/2) / beta)^2 */
    GB_PREFERENCE_EXO = 4,        /* sum over q in (sigmoid(z), sigmoid(-z)), p in (1 - e, e) of q log(q / p) */
    GB_PREFERENCE_NCA = 5,        /* -log sigmoid(c) - log sigmoid(-c) / 2 - log sigmoid(-r) / 2 */
    GB_PREFERENCE_BCO = 6,        /* -log sigmoid(c - margin) - log sigmoid(margin - r) */
    GB_PREFERENCE_APO_ZERO = 7,   /* sigmoid(-c) + sigmoid(r) */
    GB_PREFERENCE_APO_DOWN = 8,   /* sigmoid(c) + sigmoid(-z) */
    GB_PREFERENCE_SPPO = 9,       /* (s_chosen - 1 / (2 beta))^2 + (s_rejected + 1 / (2 beta))^2 */
    GB_PREFERENCE_DISCOPOP = 10,  /* -(1 - m) log sigmoid(z) + m exp(-z), m = sigmoid(z / temperature) */
    GB_PREFERENCE_ODDS_RATIO = 11 /* ORPO: -beta log sigmoid(o_chosen - o_rejected), o = h - log(1 - e^h) */
};
/* What a log-ratio h counts as: s = f'(e^h), without the constant of f' (f-DPO, Wang et al. 2024). */
enum {
    GB_DIVERGENCE_REVERSE_KL = 0,     /* h */
    GB_DIVERGENCE_FORWARD_KL = 1,     /* -exp(-h) */
    GB_DIVERGENCE_JENSEN_SHANNON = 2, /* log sigmoid(h) */
    GB_DIVERGENCE_ALPHA = 3           /* exp((alpha - 1) h) / (alpha - 1) */
};

typedef struct gb_preference {
    int32_t struct_size;
    int32_t form;          /* GB_PREFERENCE_* */
    int32_t divergence;    /* GB_DIVERGENCE_*; forms 7, 8 and 11 have the reverse KL alone */
    float beta;
    float label_smoothing; /* e, of forms 0, 1 and 4 */
    float margin;          /* in z; of SimPO, BCO's shift */
    float alpha;           /* of GB_DIVERGENCE_ALPHA */
    float temperature;     /* of GB_PREFERENCE_DISCOPOP */
    float coefficient;     /* multiplies losses and gradients: the share of one loss among several */
} gb_preference;

/* The losses over pairs; gb_dpo_loss is that of form 0 and the reverse KL. h = logprob - ref of a side, logprob being a sum or
   mean over the completion's tokens; s = h or what the divergence makes of it, its exponents held to 80; c = beta s_chosen, r = beta s_rejected,
   z = beta (s_chosen - s_rejected) - margin. All (pairs). ref_* nullable together: reference-free, ref = 0. Papers of the forms:
   kernels/common/preference.h. statistics (6, added): sum of weighted losses, sum of weights, pairs of weight != 0,
   beta (s_chosen - s(0)), the same of the rejected, pairs with h_chosen > h_rejected. */
GB_API gb_status gb_preference_loss(gb_context* context, const float* chosen, const float* rejected,
                                    const float* ref_chosen, const float* ref_rejected, const float* weights,
                                    float* losses, float* dchosen, float* drejected, double* statistics, int64_t pairs,
                                    const gb_preference* preference);

enum {
    GB_UNPAIRED_KTO = 0, /* Ethayarajh et al. 2024: 1 - sigmoid(x); with shift 0 APO-zero of single samples */
    GB_UNPAIRED_BCO = 1  /* Jung et al. 2024: -log sigmoid(x) */
};
/* A loss over labelled samples, h = logprob - ref: x = beta h - shift where desirable, shift - beta h elsewhere; the shift is
   beta z0 (KTO) or delta (BCO), and no gradient flows into it. All (count); ref_logprobs nullable: 0. statistics (6, added):
   sum of weighted losses, sum of weights, samples of weight != 0, sum of beta h of the desirable, of the others, desirable samples. */
GB_API gb_status gb_unpaired_loss(gb_context* context, const float* logprobs, const float* ref_logprobs,
                                  const uint8_t* desirable, const float* weights, float* losses, float* dlogprobs,
                                  double* statistics, int64_t count, float beta, float shift, int32_t form);

/* l = -p^power log p, p^power counting as a constant: dl/dlogprob = -p^power. Power 0: the negative log-likelihood; 1: dynamic
   fine-tuning (Wu et al. 2025). statistics (3, added): sum of weighted losses, sum of weights, elements of weight != 0. */
GB_API gb_status gb_nll_loss(gb_context* context, const float* logprobs, const float* weights, float* losses,
                             float* dlogprobs, double* statistics, int64_t count, float power);

/* Bradley-Terry: l = -log sigmoid(chosen - rejected - margin) + center (chosen + rejected)^2. margins nullable: 0.
   statistics (6, added): sum of weighted losses, sum of weights, pairs of weight != 0, sum of chosen, of rejected, pairs with
   chosen > rejected. */
GB_API gb_status gb_reward_loss(gb_context* context, const float* chosen, const float* rejected, const float* margins,
                                const float* weights, float* losses, float* dchosen, float* drejected,
                                double* statistics, int64_t pairs, float center);

/* Estimators of KL(policy || reference) per token (Schulman 2020), d = logprob - ref: k1 = d, k2 = d^2/2, k3 = exp(-d) - 1 + d.
   dlogprobs (nullable) = dkl/dlogprob: 1, d, 1 - exp(-d). clamp > 0: kl is clipped to -clamp..clamp, its derivative 0 beyond. */
GB_API gb_status gb_kl_penalty(gb_context* context, const float* logprobs, const float* ref_logprobs, float* kl,
                               float* dlogprobs, int64_t count, float clamp, int32_t estimator);

/* Diagonal Gaussian policy: logprob_r = sum_d -(a - mu)^2/(2 s^2) - log s - log(2 pi)/2; entropy_r = sum_d (log s + (1 + log 2 pi)/2).
   mean, actions (rows, dims), log_std (dims), logprob, entropy (rows, entropy nullable). */
GB_API gb_status gb_gaussian_logprob(gb_context* context, const float* mean, const float* log_std, const float* actions,
                                     float* logprob, float* entropy, int64_t rows, int64_t dims);
/* dmean written, dlog_std (dims) added; dentropy nullable. */
GB_API gb_status gb_gaussian_logprob_backward(gb_context* context, const float* mean, const float* log_std,
                                              const float* actions, const float* dlogprob, const float* dentropy,
                                              float* dmean, float* dlog_std, int64_t rows, int64_t dims);

/* Gaussian policy of state-dependent exploration (Raffin et al. 2020), the noise of an action a random linear map of features of the
   state: v_rd = sum_k f_rk^2 exp(2 log_std_dk) + epsilon; logprob_r = sum_d -(a - mu)^2/(2 v) - log(v)/2 - log(2 pi)/2;
   entropy_r = sum_d (log v + 1 + log 2 pi)/2. mean, actions, variance (rows, dims), features (rows, width), log_std (dims, width),
   logprob, entropy (rows, entropy nullable). */
GB_API gb_status gb_sde_logprob(gb_context* context, const float* mean, const float* features, const float* log_std,
                                const float* actions, float* logprob, float* entropy, float* variance, int64_t rows,
                                int64_t dims, int64_t width, float epsilon);
/* dmean written, dlog_std added; dentropy nullable; variance from the forward. The features count as constants. dlog_std: rows
   ascending; more than 128 are added in pieces on a GPU. */
GB_API gb_status gb_sde_logprob_backward(gb_context* context, const float* mean, const float* features,
                                         const float* log_std, const float* actions, const float* variance,
                                         const float* dlogprob, const float* dentropy, float* dmean, float* dlog_std,
                                         int64_t rows, int64_t dims, int64_t width);

/* Policy whose actions are squashed by tanh (Haarnoja et al. 2018): y = tanh(x), logprob_r -= sum_d log(1 - y_d^2 + epsilon), where
   logprob holds the Gaussian's log-density of x. x (rows, dims), y as x (nullable; may be x). No gradient: x is a sample. */
GB_API gb_status gb_tanh_squash(gb_context* context, const float* x, float* y, float* logprob, int64_t rows, int64_t dims,
                                float epsilon);

/* ---- Optimizer -------------------------------------------------------------------------------------------------- */

/* AdamW (Loshchilov & Hutter 2019), g = clip_coefficient * gradient, the state's learning rate and bias corrections:
   m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2;
   w = w (1 - lr decay) - lr (m / bias1) / (sqrt(v / bias2) + epsilon). The first decay_count elements decay, the others do not.
   copy (nullable): the weights rounded to copy_dtype. */
GB_API gb_status gb_adamw(gb_context* context, float* weights, const float* gradients, float* m, float* v, void* copy,
                          const gb_step_state* state, int64_t count, int64_t decay_count, float beta1, float beta2,
                          float epsilon, float weight_decay, gb_dtype copy_dtype);

/* state.gradient_norm = sqrt(sum g^2), accumulated in double; state.clip_coefficient = min(1, max_norm / (norm + 1e-6)),
   1 if max_norm <= 0. */
GB_API gb_status gb_grad_norm(gb_context* context, const float* gradients, gb_step_state* state, int64_t count,
                              float max_norm);

/* gb_grad_norm with the largest |g| as the norm. */
GB_API gb_status gb_grad_max(gb_context* context, const float* gradients, gb_step_state* state, int64_t count,
                             float max_norm);

/* x_i *= factor, in place. */
GB_API gb_status gb_scale(gb_context* context, float* x, int64_t count, float factor);

#ifdef __cplusplus
}
#endif

#endif
