// GELU, element by element, by the formulas of kernels/common/gelu.h.
#include "cpu/cpu.h"
#include "cpu/math.h"
#include "cpu/storage.h"
#include "cpu/team.h"

#include "common/gelu.h"

namespace gimbal::GB_ISA {

namespace {

template <class Form, class T> void forward(Cpu& cpu, const T* x, T* y, int64_t count) {
    Team::ranges(cpu.threads, count, kElementGrain, [&](int64_t begin, int64_t end) {
        for_lanes(begin, end, [&](int64_t i, auto n) {
            const F16 v = load(x + i, n);
            store(y + i, v * Form::cdf(v), n);
        });
    });
}

template <class Form, class T> void backward(Cpu& cpu, const T* dy, const T* x, T* dx, int64_t count) {
    Team::ranges(cpu.threads, count, kElementGrain, [&](int64_t begin, int64_t end) {
        for_lanes(begin, end,
                  [&](int64_t i, auto n) { store(dx + i, load(dy + i, n) * Form::slope(load(x + i, n)), n); });
    });
}

} // namespace

void cpu_gelu(Cpu& cpu, const void* x, void* y, int64_t count, int32_t form, gb_dtype dtype) {
    as_stored(dtype, [&](auto stored) {
        if (form == GB_GELU_ERF)
            forward<GeluErf>(cpu, stored(x), stored(y), count);
        else
            forward<GeluTanh>(cpu, stored(x), stored(y), count);
    });
}

void cpu_gelu_backward(Cpu& cpu, const void* dy, const void* x, void* dx, int64_t count, int32_t form, gb_dtype dtype) {
    as_stored(dtype, [&](auto stored) {
        if (form == GB_GELU_ERF)
            backward<GeluErf>(cpu, stored(dy), stored(x), stored(dx), count);
        else
            backward<GeluTanh>(cpu, stored(dy), stored(x), stored(dx), count);
    });
}

} // namespace gimbal::GB_ISA
