// Layer norm in two passes over a row: the mean, then the squares about it, so that an offset of the row costs no
// digits.
#include "cpu/cpu.h"
#include "cpu/rows.h"
#include "cpu/storage.h"

namespace gimbal::GB_ISA {

void cpu_layernorm(Cpu& cpu, const void* x, const void* weight, const void* bias, void* y, float* mean, float* rstd,
                   int64_t rows, int64_t width, float epsilon, gb_dtype x_dtype, gb_dtype weight_dtype,
                   gb_dtype y_dtype) {
    as_stored(x_dtype, weight_dtype, y_dtype, [&](auto of_x, auto of_weight, auto of_y) {
        const auto* input = of_x(x);
        const auto* w = of_weight(weight);
        const auto* b = of_weight(bias);
        auto* output = of_y(y);
        const float count = static_cast<float>(width);
        for_rows(cpu.threads, rows, width, [&](int64_t r) {
            const auto* from = input + r * width;
            auto* to = output + r * width;
            F16 sum = zero();
            for_lanes(0, width, [&](int64_t j, auto n) { sum = sum + load(from + j, n); });
            const float centre = reduce_add(sum) / count;
            const F16 c = broadcast(centre);
            F16 squares = zero();
            for_lanes(0, width, [&](int64_t j, auto n) {
                const F16 v = load(from + j, n, centre) - c;
                squares = fma(v, v, squares);
            });
            const float scale = 1.0f / std::sqrt(reduce_add(squares) / count + epsilon);
            if (rstd != nullptr) {
                mean[r] = centre;
                rstd[r] = scale;
            }
            const F16 s = broadcast(scale);
            for_lanes(0, width, [&](int64_t j, auto n) {
                const F16 normalised = (load(from + j, n) - c) * s;
                const F16 scaled = normalised * load(w + j, n);
                store(to + j, b == nullptr ? scaled : scaled + load(b + j, n), n);
            });
        });
    });
}

void cpu_layernorm_backward(Cpu& cpu, const void* dy, const void* x, const void* weight, const float* mean,
                            const float* rstd, void* dx, float* dweight, float* dbias, int64_t rows, int64_t width,
                            int32_t accumulate, gb_dtype x_dtype, gb_dtype weight_dtype, gb_dtype y_dtype) {
    as_stored(x_dtype, weight_dtype, y_dtype, [&](auto of_x, auto of_weight, auto of_y) {
        const auto* gradient = of_y(dy);
        const auto* input = of_x(x);
        const auto* w = of_weight(weight);
        auto* output = of_x(dx);
        const float count = static_cast<float>(width);
        for_rows(cpu.threads, rows, width, [&](int64_t r) {
            const auto* g = gradient + r * width;
            const auto* from = input + r * width;
            const F16 c = broadcast(mean[r]), s = broadcast(rstd[r]);
            F16 sum = zero(), products = zero();
            for_lanes(0, width, [&](int64_t j, auto n) {
                const F16 weighted = load(g + j, n) * load(w + j, n);
                sum = sum + weighted;
                products = fma(weighted, (load(from + j, n, mean[r]) - c) * s, products);
            });
            const F16 mean_gradient = broadcast(reduce_add(sum) / count);
            const F16 mean_product = broadcast(reduce_add(products) / count);
            for_lanes(0, width, [&](int64_t j, auto n) {
                const F16 normalised = (load(from + j, n) - c) * s;
                const F16 centred = load(g + j, n) * load(w + j, n) - mean_gradient;
                store_gradient(output + r * width + j, s * fma(-normalised, mean_product, centred), accumulate != 0, n);
            });
        });
        if (dweight != nullptr)
            sum_over_rows(cpu.threads, dweight, rows, width, [&](F16 sum, int64_t r, int64_t j, auto n) {
                const int64_t i = r * width + j;
                return fma(load(gradient + i, n), (load(input + i, n) - broadcast(mean[r])) * broadcast(rstd[r]), sum);
            });
        if (dbias != nullptr)
            sum_over_rows(cpu.threads, dbias, rows, width, [&](F16 sum, int64_t r, int64_t j, auto n) {
                return sum + load(gradient + r * width + j, n);
            });
    });
}

} // namespace gimbal::GB_ISA
