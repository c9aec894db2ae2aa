// Rows of a table, and their gradient. The backward gives each task a slice of the columns and lets it walk all rows in
// order: no two tasks share an element, and a repeated id adds up in row order whatever the number of threads.
#include "cpu/checks.h"
#include "cpu/cpu.h"
#include "cpu/rows.h"
#include "cpu/storage.h"

namespace gimbal::GB_ISA {

void cpu_embedding(Cpu& cpu, const void* table, const int32_t* ids, void* y, int64_t rows, int64_t width,
                   int64_t vocabulary, gb_dtype table_dtype, gb_dtype y_dtype) {
    require_indices("ids", ids, rows, 0, vocabulary);
    as_stored(table_dtype, y_dtype, [&](auto of_table, auto of_y) {
        for_rows(cpu.threads, rows, width,
                 [&](int64_t r) { copy_elements(of_table(table) + ids[r] * width, of_y(y) + r * width, width); });
    });
}

void cpu_embedding_backward(Cpu& cpu, const void* dy, const int32_t* ids, float* dtable, int64_t rows, int64_t width,
                            int64_t vocabulary, gb_dtype dy_dtype) {
    require_indices("ids", ids, rows, 0, vocabulary);
    as_stored(dy_dtype, [&](auto stored) {
        Team::ranges(cpu.threads, width, kColumnSlice, [&](int64_t begin, int64_t end) {
            for (int64_t r = 0; r < rows; ++r) {
                const auto* from = stored(dy) + r * width;
                float* to = dtable + ids[r] * width;
                for_lanes(begin, end,
                          [&](int64_t j, auto n) { store(to + j, load(to + j, n) + load(from + j, n), n); });
            }
        });
    });
}

} // namespace gimbal::GB_ISA
