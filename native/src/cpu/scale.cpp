// x *= factor in place; memory bound: one read, one write.
#include "cpu/cpu.h"
#include "cpu/simd.h"
#include "cpu/team.h"

namespace gimbal::GB_ISA {

void cpu_scale(Cpu& cpu, float* x, int64_t count, float factor) {
    const F16 a = broadcast(factor);
    Team::ranges(cpu.threads, count, kElementGrain, [&](int64_t begin, int64_t end) {
        for_lanes(begin, end, [&](int64_t i, auto n) { store(x + i, a * load(x + i, n), n); });
    });
}

} // namespace gimbal::GB_ISA
