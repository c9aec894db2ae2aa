// Rows written to the places that an index names.
#include "cpu/checks.h"
#include "cpu/cpu.h"
#include "cpu/rows.h"
#include "cpu/storage.h"

namespace gimbal::GB_ISA {

void cpu_scatter_rows(Cpu& cpu, const void* x, const int32_t* indices, void* y, int64_t rows, int64_t width,
                      int64_t y_rows, int64_t x_stride, gb_dtype x_dtype, gb_dtype y_dtype) {
    require_indices("indices", indices, rows, INT32_MIN, y_rows);
    as_stored(x_dtype, y_dtype, [&](auto of_x, auto of_y) {
        for_rows(cpu.threads, rows, width, [&](int64_t r) {
            if (indices[r] >= 0) copy_elements(of_x(x) + r * x_stride, of_y(y) + indices[r] * width, width);
        });
    });
}

} // namespace gimbal::GB_ISA
