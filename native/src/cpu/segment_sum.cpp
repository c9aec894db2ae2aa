// Sums of consecutive pieces of an array. The lane of an element is its index within its segment mod 16, so a segment's
// bits do not depend on where it lies.
#include "cpu/checks.h"
#include "cpu/cpu.h"
#include "cpu/rows.h"

namespace gimbal::GB_ISA {

void cpu_segment_sum(Cpu& cpu, const float* x, const int32_t* starts, float* y, int64_t count, int64_t segments) {
    require_segments("starts", starts, segments, count);
    for_rows(cpu.threads, segments, segments > 0 ? count / segments : 0, [&](int64_t s) {
        F16 sum = zero();
        for_lanes(starts[s], starts[s + 1], [&](int64_t i, auto n) { sum = sum + load(x + i, n); });
        y[s] = reduce_add(sum);
    });
}

// Elements of no segment, before the first start and from the last on, get 0.
void cpu_segment_sum_backward(Cpu& cpu, const float* dy, const int32_t* starts, float* dx, int64_t count,
                              int64_t segments) {
    require_segments("starts", starts, segments, count);
    const auto fill = [&](int64_t begin, int64_t end, float value) {
        for_lanes(begin, end, [&](int64_t i, auto n) { store(dx + i, broadcast(value), n); });
    };
    fill(0, starts[0], 0.0f);
    for_rows(cpu.threads, segments, segments > 0 ? count / segments : 0,
             [&](int64_t s) { fill(starts[s], starts[s + 1], dy[s]); });
    fill(starts[segments], count, 0.0f);
}

} // namespace gimbal::GB_ISA
