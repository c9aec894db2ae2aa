// SwiGLU on rows of gate | up. Each index reads its gate and up before it writes them, so dx may be x.
#include "cpu/cpu.h"
#include "cpu/math.h"
#include "cpu/rows.h"
#include "cpu/storage.h"

namespace gimbal::GB_ISA {

void cpu_swiglu(Cpu& cpu, const void* x, void* y, int64_t rows, int64_t width, gb_dtype dtype) {
    as_stored(dtype, [&](auto stored) {
        const auto* input = stored(x);
        auto* output = stored(y);
        for_rows(cpu.threads, rows, width, [&](int64_t r) {
            const auto *gates = input + r * 2 * width, *ups = gates + width;
            for_lanes(0, width, [&](int64_t j, auto n) {
                const F16 gate = load(gates + j, n);
                store(output + r * width + j, gate * sigmoid(gate) * load(ups + j, n), n);
            });
        });
    });
}

// With s = sigmoid(gate): dgate = dy up (s + gate s (1 - s)), dup = dy gate s.
void cpu_swiglu_backward(Cpu& cpu, const void* dy, const void* x, void* dx, int64_t rows, int64_t width,
                         gb_dtype dtype) {
    as_stored(dtype, [&](auto stored) {
        const auto* gradient = stored(dy);
        const auto* input = stored(x);
        auto* output = stored(dx);
        for_rows(cpu.threads, rows, width, [&](int64_t r) {
            const int64_t gates = r * 2 * width, ups = gates + width;
            for_lanes(0, width, [&](int64_t j, auto n) {
                const F16 g = load(gradient + r * width + j, n);
                const F16 gate = load(input + gates + j, n), up = load(input + ups + j, n);
                F16 slope;
                const F16 s = sigmoid(gate, slope);
                store(output + gates + j, g * up * fma(gate, slope, s), n);
                store(output + ups + j, g * (gate * s), n);
            });
        });
    });
}

} // namespace gimbal::GB_ISA
