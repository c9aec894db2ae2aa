// Root-mean-square norm. Statistics of a row in sixteen lanes and the fixed tree; the weight gradient by column slices.
#include "cpu/cpu.h"
#include "cpu/rows.h"
#include "cpu/storage.h"

namespace gimbal::GB_ISA {

void cpu_rmsnorm(Cpu& cpu, const void* x, const void* weight, void* y, float* rstd, int64_t rows, int64_t width,
                 float epsilon, gb_dtype x_dtype, gb_dtype weight_dtype, gb_dtype y_dtype) {
    as_stored(x_dtype, weight_dtype, y_dtype, [&](auto of_x, auto of_weight, auto of_y) {
        const auto* input = of_x(x);
        const auto* w = of_weight(weight);
        auto* output = of_y(y);
        for_rows(cpu.threads, rows, width, [&](int64_t r) {
            const auto* from = input + r * width;
            auto* to = output + r * width;
            F16 squares = zero();
            for_lanes(0, width, [&](int64_t j, auto n) {
                const F16 v = load(from + j, n);
                squares = fma(v, v, squares);
            });
            const float scale = 1.0f / std::sqrt(reduce_add(squares) / static_cast<float>(width) + epsilon);
            if (rstd != nullptr) rstd[r] = scale;
            const F16 s = broadcast(scale);
            for_lanes(0, width, [&](int64_t j, auto n) { store(to + j, load(from + j, n) * s * load(w + j, n), n); });
        });
    });
}

void cpu_rmsnorm_backward(Cpu& cpu, const void* dy, const void* x, const void* weight, const float* rstd, void* dx,
                          float* dweight, int64_t rows, int64_t width, int32_t accumulate, gb_dtype x_dtype,
                          gb_dtype weight_dtype, gb_dtype y_dtype) {
    as_stored(x_dtype, weight_dtype, y_dtype, [&](auto of_x, auto of_weight, auto of_y) {
        const auto* gradient = of_y(dy);
        const auto* input = of_x(x);
        const auto* w = of_weight(weight);
        auto* output = of_x(dx);
        for_rows(cpu.threads, rows, width, [&](int64_t r) {
            const auto* g = gradient + r * width;
            const auto* from = input + r * width;
            const F16 s = broadcast(rstd[r]);
            F16 products = zero();
            for_lanes(0, width, [&](int64_t j, auto n) {
                products = fma(load(g + j, n) * load(w + j, n), load(from + j, n) * s, products);
            });
            const F16 mean = broadcast(reduce_add(products) / static_cast<float>(width));
            for_lanes(0, width, [&](int64_t j, auto n) {
                const F16 normalised = load(from + j, n) * s;
                const F16 value = s * fma(-normalised, mean, load(g + j, n) * load(w + j, n));
                store_gradient(output + r * width + j, value, accumulate != 0, n);
            });
        });
        if (dweight == nullptr) return;
        sum_over_rows(cpu.threads, dweight, rows, width, [&](F16 sum, int64_t r, int64_t j, auto n) {
            const int64_t i = r * width + j;
            return fma(load(gradient + i, n), load(input + i, n) * broadcast(rstd[r]), sum);
        });
    });
}

} // namespace gimbal::GB_ISA
