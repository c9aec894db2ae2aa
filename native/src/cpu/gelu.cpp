// GELU, element by element, by the formulas of kernels/common/gelu.h.
#include "cpu/cpu.h"
#include "cpu/math.h"
#include "cpu/team.h"

#include "common/gelu.h"

namespace gimbal::GB_ISA {

namespace {

template <class Form> void forward(Cpu& cpu, const float* x, float* y, int64_t count) {
    Team::ranges(cpu.threads, count, kElementGrain, [&](int64_t begin, int64_t end) {
        for_lanes(begin, end, [&](int64_t i, auto n) {
            const F16 v = load(x + i, n);
            store(y + i, v * Form::cdf(v), n);
        });
    });
}

template <class Form> void backward(Cpu& cpu, const float* dy, const float* x, float* dx, int64_t count) {
    Team::ranges(cpu.threads, count, kElementGrain, [&](int64_t begin, int64_t end) {
        for_lanes(begin, end,
                  [&](int64_t i, auto n) { store(dx + i, load(dy + i, n) * Form::slope(load(x + i, n)), n); });
    });
}

} // namespace

void cpu_gelu(Cpu& cpu, const void* x, void* y, int64_t count, int32_t form, gb_dtype) {
    (form == GB_GELU_ERF ? forward<GeluErf> : forward<GeluTanh>)(cpu, static_cast<const float*>(x),
                                                                 static_cast<float*>(y), count);
}

void cpu_gelu_backward(Cpu& cpu, const void* dy, const void* x, void* dx, int64_t count, int32_t form, gb_dtype) {
    (form == GB_GELU_ERF ? backward<GeluErf> : backward<GeluTanh>)(cpu, static_cast<const float*>(dy),
                                                                   static_cast<const float*>(x),
                                                                   static_cast<float*>(dx), count);
}

} // namespace gimbal::GB_ISA
