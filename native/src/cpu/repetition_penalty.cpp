// Logits of tokens seen before, made less likely. Every seen id is read from x and written to y, so that one seen twice
// counts once.
#include "cpu/checks.h"
#include "cpu/cpu.h"
#include "cpu/rows.h"

#include <algorithm>

namespace gimbal::GB_ISA {

void cpu_repetition_penalty(Cpu& cpu, const void* x, const int32_t* ids, const int32_t* starts, void* y, int64_t count,
                            int64_t rows, int64_t vocabulary, int64_t x_stride, float penalty, gb_dtype) {
    require_segments("starts", starts, rows, count);
    require_indices("ids", ids, count, 0, vocabulary);
    for_rows(cpu.threads, rows, vocabulary, [&](int64_t r) {
        const float* from = static_cast<const float*>(x) + r * x_stride;
        float* to = static_cast<float*>(y) + r * vocabulary;
        std::copy(from, from + vocabulary, to);
        for (int64_t i = starts[r]; i < starts[r + 1]; ++i) {
            const float z = from[ids[i]];
            to[ids[i]] = z < 0 ? z * penalty : z / penalty;
        }
    });
}

} // namespace gimbal::GB_ISA
