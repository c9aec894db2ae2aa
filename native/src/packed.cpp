// Handles of packed weights: their memory and their version.
#include "packed.h"

#include "cpu/cpu.h"
#include "cpu/team.h"
#include "memory.h"
#include "op.h"

#include <memory>

using namespace gimbal;

namespace {

void check_sizes(const Arguments& check, int64_t n, int64_t k, gb_dtype dtype) {
    check.size("n", n);
    check.size("k", k);
    check.product("n * k", {panel_count(n) * kPanelColumns, k, 4});
    check.storage("dtype", dtype);
}

} // namespace

gb_packed::~gb_packed() {
    free_memory(panels);
}

int64_t gb_packed_bytes(int64_t n, int64_t k, gb_dtype dtype) {
    int64_t bytes = 0;
    guard("gb_packed_bytes", [&] {
        check_sizes(Arguments(), n, k, dtype);
        bytes = panel_count(n) * kPanelColumns * packed_words(k, dtype) * static_cast<int64_t>(sizeof(float));
    });
    return bytes;
}

gb_status gb_packed_create(gb_context* context, int64_t n, int64_t k, gb_dtype dtype, gb_packed** packed) {
    return guard("gb_packed_create", [&] {
        if (context == nullptr) throw Error(GB_INVALID_ARGUMENT, "context is null");
        const Arguments check;
        check.pointer("packed", packed);
        check_sizes(check, n, k, dtype);
        auto created = std::make_unique<gb_packed>();
        created->n = n;
        created->k = k;
        created->dtype = dtype;
        if (context->kind() == GB_DEVICE_CPU)
            created->panels = static_cast<float*>(allocate_memory(gb_packed_bytes(n, k, dtype)));
        *packed = created.release();
    });
}

void gb_packed_destroy(gb_packed* packed) {
    delete packed;
}

gb_status gb_packed_update(gb_context* context, gb_packed* packed, const void* b, int64_t ldb, int32_t trans_b,
                           gb_dtype b_dtype, uint64_t version) {
    return guard("gb_packed_update", [&] {
        if (context == nullptr) throw Error(GB_INVALID_ARGUMENT, "context is null");
        const Arguments check;
        check.pointer("packed", packed);
        if (context->kind() == GB_DEVICE_CUDA)
            check.dtype("b_dtype", b_dtype, {packed->dtype}); // read where it lies
        else
            check.beside(packed->dtype, "b_dtype", b_dtype);
        check.flag("trans_b", trans_b);
        const int64_t n = packed->n, k = packed->k;
        check.pointer("b", b, n > 0 && k > 0);
        check.stride("ldb", ldb, trans_b != 0 ? k : n);
        if (context->kind() != GB_DEVICE_CUDA && packed->filled && packed->version == version) return;
        packed->source = b;
        packed->source_stride = ldb;
        packed->source_transposed = trans_b != 0;
        if (context->kind() == GB_DEVICE_CPU && k > 0) {
            const int64_t words = packed_words(k, packed->dtype);
            const CpuOps& ops = cpu_ops();
            Team::run(n * k < 65536 ? 1 : context->cpu().threads, panel_count(n), [&](int64_t panel) {
                const int64_t first = panel * kPanelColumns;
                const int64_t columns = n - first < kPanelColumns ? n - first : kPanelColumns;
                ops.pack_columns(b, ldb, trans_b != 0, first, columns, k, packed->panels + first * words, b_dtype,
                                 packed->dtype);
            });
        }
        packed->filled = true;
        packed->version = version;
    });
}
