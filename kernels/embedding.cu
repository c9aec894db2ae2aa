// embedding: y_r = table[ids_r]; backward: dtable[ids_r] += dy_r.
// table (vocabulary, width), y (rows, width), dy alike, each float32 or bfloat16; dtable float32; ids (rows) in
// 0..vocabulary-1, else a fault, NaN in y and nothing in dtable. Forward: a warp copies a row, at the speed of memory.
//
// Backward: the warp of the first row that has an id adds all rows that have it, ascending, as the CPU does; a row with
// the same id before it leaves its warp with nothing to do. So no two warps write one element and no atomics are
// needed. Every warp reads the ids, rows^2 * 4 bytes from the cache in all: little against dy while rows < 1000 width.
#include "embedding.h"

#include "common/vec.h"

using namespace gimbal;
using namespace gimbal::device;

namespace {

GB_DEVICE int lane_of_warp() {
    return static_cast<int>(threadIdx.x) & 31;
}
GB_DEVICE int64_t row_of_warp() {
    return static_cast<int64_t>(blockIdx.x) * kEmbeddingRows + (threadIdx.x >> 5);
}

// Calls body(j, width) so that the warp covers 0..count-1, four elements at a time if `aligned`.
template <class Body> GB_DEVICE void for_row(int64_t count, bool aligned, Body body) {
    const int64_t packs = aligned ? count / 4 : 0;
    for (int64_t i = lane_of_warp(); i < packs; i += 32)
        body(4 * i, Width<4>{});
    for (int64_t i = 4 * packs + lane_of_warp(); i < count; i += 32)
        body(i, Width<1>{});
}

template <class From, class To> GB_DEVICE void embed(const EmbeddingArguments& a) {
    const int64_t r = row_of_warp();
    if (r >= a.rows) return;
    const int64_t id = a.ids[r];
    To* y = static_cast<To*>(a.y) + r * a.width;
    if (id < 0 || id >= a.vocabulary) {
        if (lane_of_warp() == 0) raise(a.fault, r, id, a.vocabulary);
        for_row(a.width, false, [&](int64_t j, auto) { store(y + j, kInfinity - kInfinity); });
        return;
    }
    const From* row = static_cast<const From*>(a.table) + id * a.width;
    for_row(a.width, aligned4(row) && aligned4(y),
            [&](int64_t j, auto width) { store(y + j, load(row + j, width), width); });
}

// The rows begin..begin+31 that have the id, as bits; rows from `end` on have none.
GB_DEVICE unsigned rows_with(const int32_t* ids, int64_t id, int64_t begin, int64_t end) {
    const int64_t r = begin + lane_of_warp();
    return __ballot_sync(~0u, r < end && ids[r] == id);
}

// dtable_id += the rows that `matches` names, from `begin` on.
template <class T>
GB_DEVICE void add_rows(const EmbeddingBackwardArguments& a, int64_t id, int64_t begin, unsigned matches) {
    float* sum = a.dtable + id * a.width;
    const T* dy = static_cast<const T*>(a.dy) + begin * a.width;
    for_row(a.width, aligned4(sum) && aligned4(dy) && a.width % 4 == 0, [&](int64_t j, auto width) {
        auto total = load(sum + j, width);
        for (unsigned left = matches; left != 0; left &= left - 1) {
            const auto x = load(dy + (__ffs(static_cast<int>(left)) - 1) * a.width + j, width);
            for (int v = 0; v < width.value; ++v)
                total[v] = total[v] + x[v];
        }
        store(sum + j, total, width);
    });
}

template <class T> GB_DEVICE void embed_backward(const EmbeddingBackwardArguments& a) {
    const int64_t r = row_of_warp();
    if (r >= a.rows) return;
    const int64_t id = a.ids[r];
    if (id < 0 || id >= a.vocabulary) {
        if (lane_of_warp() == 0) raise(a.fault, r, id, a.vocabulary);
        return;
    }
    for (int64_t begin = 0; begin < r; begin += 32)
        if (rows_with(a.ids, id, begin, r) != 0) return;
    for (int64_t begin = r; begin < a.rows; begin += 32) {
        const unsigned matches = rows_with(a.ids, id, begin, a.rows);
        if (matches != 0) add_rows<T>(a, id, begin, matches);
    }
}

} // namespace

extern "C" __global__ void __launch_bounds__(kEmbeddingThreads) embedding_kernel(EmbeddingArguments a) {
    embed<float, float>(a);
}
extern "C" __global__ void __launch_bounds__(kEmbeddingThreads) embedding_kernel_f32_bf16(EmbeddingArguments a) {
    embed<float, bf16>(a);
}
extern "C" __global__ void __launch_bounds__(kEmbeddingThreads) embedding_kernel_bf16_f32(EmbeddingArguments a) {
    embed<bf16, float>(a);
}
extern "C" __global__ void __launch_bounds__(kEmbeddingThreads) embedding_kernel_bf16_bf16(EmbeddingArguments a) {
    embed<bf16, bf16>(a);
}

extern "C" __global__ void __launch_bounds__(kEmbeddingThreads)
    embedding_backward_kernel(EmbeddingBackwardArguments a) {
    embed_backward<float>(a);
}

extern "C" __global__ void __launch_bounds__(kEmbeddingThreads)
    embedding_backward_kernel_bf16(EmbeddingBackwardArguments a) {
    embed_backward<bf16>(a);
}
