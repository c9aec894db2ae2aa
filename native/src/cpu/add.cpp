// y = a + b, element by element; memory bound: two reads, one write.
#include "cpu/cpu.h"
#include "cpu/simd.h"
#include "cpu/team.h"

namespace gimbal::GB_ISA {

void cpu_add(Cpu& cpu, const void* a, const void* b, void* y, int64_t count, gb_dtype, gb_dtype, gb_dtype) {
    const float *left = static_cast<const float*>(a), *right = static_cast<const float*>(b);
    float* output = static_cast<float*>(y);
    Team::ranges(cpu.threads, count, kElementGrain, [&](int64_t begin, int64_t end) {
        for_lanes(begin, end, [&](int64_t i, auto n) { store(output + i, load(left + i, n) + load(right + i, n), n); });
    });
}

} // namespace gimbal::GB_ISA
