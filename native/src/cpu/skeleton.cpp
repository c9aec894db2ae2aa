// y = factor x, the op to copy. Parallel over pieces of the array; memory bound: one read, one write.
#include "cpu/cpu.h"
#include "cpu/simd.h"
#include "cpu/team.h"

namespace gimbal::GB_ISA {

void cpu_skeleton(Cpu& cpu, const float* x, float* y, int64_t count, float factor) {
    const F16 a = broadcast(factor);
    Team::ranges(cpu.threads, count, kElementGrain, [&](int64_t begin, int64_t end) {
        for_lanes(begin, end, [&](int64_t i, auto n) { store(y + i, a * load(x + i, n), n); });
    });
}

void cpu_skeleton_backward(Cpu& cpu, const float* dy, float* dx, int64_t count, float factor) {
    cpu_skeleton(cpu, dy, dx, count, factor);
}

} // namespace gimbal::GB_ISA
