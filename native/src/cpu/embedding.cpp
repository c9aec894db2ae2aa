// Rows of a table, and their gradient. The backward gives each task a slice of the columns and lets it walk all rows in
// order: no two tasks share an element, and a repeated id adds up in row order whatever the number of threads.
#include "cpu/checks.h"
#include "cpu/cpu.h"
#include "cpu/rows.h"

namespace gimbal::GB_ISA {

void cpu_embedding(Cpu& cpu, const void* table, const int32_t* ids, void* y, int64_t rows, int64_t width,
                   int64_t vocabulary, gb_dtype, gb_dtype) {
    require_indices("ids", ids, rows, 0, vocabulary);
    const float* source = static_cast<const float*>(table);
    float* target = static_cast<float*>(y);
    for_rows(cpu.threads, rows, width, [&](int64_t r) {
        const float* from = source + ids[r] * width;
        float* to = target + r * width;
        for_lanes(0, width, [&](int64_t j, auto n) { store(to + j, load(from + j, n), n); });
    });
}

void cpu_embedding_backward(Cpu& cpu, const void* dy, const int32_t* ids, float* dtable, int64_t rows, int64_t width,
                            int64_t vocabulary, gb_dtype) {
    require_indices("ids", ids, rows, 0, vocabulary);
    const float* gradient = static_cast<const float*>(dy);
    Team::ranges(cpu.threads, width, kColumnSlice, [&](int64_t begin, int64_t end) {
        for (int64_t r = 0; r < rows; ++r) {
            const float* from = gradient + r * width;
            float* to = dtable + ids[r] * width;
            for_lanes(begin, end, [&](int64_t j, auto n) { store(to + j, load(to + j, n) + load(from + j, n), n); });
        }
    });
}

} // namespace gimbal::GB_ISA
