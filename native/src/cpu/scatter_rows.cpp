// Rows written to the places that an index names.
#include "cpu/checks.h"
#include "cpu/cpu.h"
#include "cpu/rows.h"

namespace gimbal::GB_ISA {

void cpu_scatter_rows(Cpu& cpu, const void* x, const int32_t* indices, void* y, int64_t rows, int64_t width,
                      int64_t y_rows, int64_t x_stride, gb_dtype, gb_dtype) {
    require_indices("indices", indices, rows, INT32_MIN, y_rows);
    const float* source = static_cast<const float*>(x);
    float* target = static_cast<float*>(y);
    for_rows(cpu.threads, rows, width, [&](int64_t r) {
        if (indices[r] < 0) return;
        const float* from = source + r * x_stride;
        float* to = target + indices[r] * width;
        for_lanes(0, width, [&](int64_t j, auto n) { store(to + j, load(from + j, n), n); });
    });
}

} // namespace gimbal::GB_ISA
