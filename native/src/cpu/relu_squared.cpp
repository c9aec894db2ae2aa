// The squared rectifier, element by element.
#include "cpu/cpu.h"
#include "cpu/storage.h"
#include "cpu/team.h"

namespace gimbal::GB_ISA {

// NaN stays NaN: max gives its second operand where one is.
GB_INLINE static F16 rectified(F16 x) {
    return max(zero(), x);
}

void cpu_relu_squared(Cpu& cpu, const void* x, void* y, int64_t count, gb_dtype dtype) {
    as_stored(dtype, [&](auto stored) {
        const auto* input = stored(x);
        auto* output = stored(y);
        Team::ranges(cpu.threads, count, kElementGrain, [&](int64_t begin, int64_t end) {
            for_lanes(begin, end, [&](int64_t i, auto n) {
                const F16 v = rectified(load(input + i, n));
                store(output + i, v * v, n);
            });
        });
    });
}

void cpu_relu_squared_backward(Cpu& cpu, const void* dy, const void* x, void* dx, int64_t count, gb_dtype dtype) {
    as_stored(dtype, [&](auto stored) {
        const auto* gradient = stored(dy);
        const auto* input = stored(x);
        auto* output = stored(dx);
        Team::ranges(cpu.threads, count, kElementGrain, [&](int64_t begin, int64_t end) {
            for_lanes(begin, end, [&](int64_t i, auto n) {
                const F16 v = rectified(load(input + i, n));
                store(output + i, load(gradient + i, n) * (v + v), n);
            });
        });
    });
}

} // namespace gimbal::GB_ISA
