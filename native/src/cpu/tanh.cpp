// Hyperbolic tangent, element by element.
#include "cpu/cpu.h"
#include "cpu/math.h"
#include "cpu/storage.h"
#include "cpu/team.h"

namespace gimbal::GB_ISA {

void cpu_tanh(Cpu& cpu, const void* x, void* y, int64_t count, gb_dtype dtype) {
    as_stored(dtype, [&](auto stored) {
        const auto* input = stored(x);
        auto* output = stored(y);
        Team::ranges(cpu.threads, count, kElementGrain, [&](int64_t begin, int64_t end) {
            for_lanes(begin, end, [&](int64_t i, auto n) { store(output + i, tanh(load(input + i, n)), n); });
        });
    });
}

void cpu_tanh_backward(Cpu& cpu, const void* dy, const void* y, void* dx, int64_t count, gb_dtype dtype) {
    as_stored(dtype, [&](auto stored) {
        const auto* gradient = stored(dy);
        const auto* value = stored(y);
        auto* output = stored(dx);
        const F16 one = broadcast(1.0f);
        Team::ranges(cpu.threads, count, kElementGrain, [&](int64_t begin, int64_t end) {
            for_lanes(begin, end, [&](int64_t i, auto n) {
                const F16 v = load(value + i, n);
                store(output + i, load(gradient + i, n) * fma(-v, v, one), n);
            });
        });
    });
}

} // namespace gimbal::GB_ISA
