#include "op.h"

using namespace gimbal;

gb_status gb_embedding(gb_context* context, const void* table, const int32_t* ids, void* y, int64_t rows, int64_t width,
                       int64_t vocabulary, gb_dtype table_dtype, gb_dtype y_dtype) {
    return run(
        "embedding", context,
        [&](const Arguments& check) {
            check.size("rows", rows);
            check.size("width", width);
            check.size("vocabulary", vocabulary);
            check.product("rows x width", {rows, width});
            check.product("vocabulary x width", {vocabulary, width});
            check.storage("table_dtype", table_dtype);
            check.storage("y_dtype", y_dtype);
            check.pointer("table", table, rows > 0 && width > 0);
            check.pointer("y", y, rows > 0 && width > 0);
            check.pointer("ids", ids, rows > 0);
        },
        [](const auto& ops) { return ops.embedding; }, table, ids, y, rows, width, vocabulary, table_dtype, y_dtype);
}

gb_status gb_embedding_backward(gb_context* context, const void* dy, const int32_t* ids, float* dtable, int64_t rows,
                                int64_t width, int64_t vocabulary, gb_dtype dy_dtype) {
    return run(
        "embedding_backward", context,
        [&](const Arguments& check) {
            check.size("rows", rows);
            check.size("width", width);
            check.size("vocabulary", vocabulary);
            check.product("rows x width", {rows, width});
            check.product("vocabulary x width", {vocabulary, width});
            check.storage("dy_dtype", dy_dtype);
            check.pointer("dy", dy, rows > 0 && width > 0);
            check.pointer("dtable", dtable, rows > 0 && width > 0);
            check.pointer("ids", ids, rows > 0);
        },
        [](const auto& ops) { return ops.embedding_backward; }, dy, ids, dtable, rows, width, vocabulary, dy_dtype);
}
