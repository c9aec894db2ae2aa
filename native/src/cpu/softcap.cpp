// Logits scaled and held within a cap, element by element.
#include "cpu/cpu.h"
#include "cpu/math.h"
#include "cpu/storage.h"
#include "cpu/team.h"

namespace gimbal::GB_ISA {

void cpu_softcap(Cpu& cpu, const void* x, void* y, int64_t count, float scale, float cap, gb_dtype dtype) {
    as_stored(dtype, [&](auto stored) {
        const auto* input = stored(x);
        auto* output = stored(y);
        const F16 factor = broadcast(scale), limit = broadcast(cap);
        Team::ranges(cpu.threads, count, kElementGrain, [&](int64_t begin, int64_t end) {
            for_lanes(begin, end, [&](int64_t i, auto n) {
                const F16 v = factor * load(input + i, n);
                store(output + i, cap > 0 ? limit * tanh(v / limit) : v, n);
            });
        });
    });
}

void cpu_softcap_backward(Cpu& cpu, const void* dy, const void* y, void* dx, int64_t count, float scale, float cap,
                          gb_dtype dtype) {
    as_stored(dtype, [&](auto stored) {
        const auto* gradient = stored(dy);
        const auto* value = stored(y);
        auto* output = stored(dx);
        const F16 factor = broadcast(scale), limit = broadcast(cap), one = broadcast(1.0f);
        Team::ranges(cpu.threads, count, kElementGrain, [&](int64_t begin, int64_t end) {
            for_lanes(begin, end, [&](int64_t i, auto n) {
                const F16 g = factor * load(gradient + i, n);
                if (cap > 0) {
                    const F16 t = load(value + i, n) / limit;
                    store(output + i, g * fma(-t, t, one), n);
                } else {
                    store(output + i, g, n);
                }
            });
        });
    });
}

} // namespace gimbal::GB_ISA
