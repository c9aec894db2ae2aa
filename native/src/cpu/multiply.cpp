// The product of two arrays, element by element.
#include "cpu/cpu.h"
#include "cpu/statistics.h"

namespace gimbal::GB_ISA {

void cpu_multiply(Cpu& cpu, const float* a, const float* b, float* y, int64_t count) {
    Team::ranges(cpu.threads, count, kElementGrain, [&](int64_t begin, int64_t end) {
        for_lanes(begin, end, [&](int64_t i, auto n) { store(y + i, load_weights(b, i, n).times(load(a + i, n)), n); });
    });
}

} // namespace gimbal::GB_ISA
