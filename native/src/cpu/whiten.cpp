// Whitening over the elements of mask 1. Moments in double, in two passes: the mean, then the deviations from it.
#include "cpu/bytes.h"
#include "cpu/cpu.h"
#include "cpu/math.h"
#include "cpu/statistics.h"

namespace gimbal::GB_ISA {

void cpu_whiten(Cpu& cpu, const float* x, const uint8_t* mask, float* y, double* moments, int64_t count, float epsilon,
                int32_t ddof, int32_t keep_mean) {
    double first[2] = {};
    sum_pieces<2>(cpu.threads, count, kElementGrain, first, [&](int64_t begin, int64_t end, double(&sums)[2]) {
        D16 sum;
        for_lanes(begin, end,
                  [&](int64_t i, auto n) { sum.add(select(masked_out(mask, i, n), zero(), load(x + i, n))); });
        sums[0] = reduce_add(sum);
        sums[1] = static_cast<double>(kept(mask, begin, end));
    });
    const double elements = first[1];
    // The mean as a float and what that leaves, so that deviations are exact to float32.
    const F16 near = broadcast(static_cast<float>(elements > 0 ? first[0] / elements : 0));

    double second[2] = {};
    sum_pieces<2>(cpu.threads, count, kElementGrain, second, [&](int64_t begin, int64_t end, double(&sums)[2]) {
        D16 sum, squares;
        for_lanes(begin, end, [&](int64_t i, auto n) {
            const F16 d = select(masked_out(mask, i, n), zero(), load(x + i, n) - near);
            sum.add(d);
            squares.add(d * d);
        });
        sums[0] = reduce_add(sum);
        sums[1] = reduce_add(squares);
    });
    const bool enough = elements > ddof;
    const double left = elements > 0 ? second[0] / elements : 0;
    const double sum_of_squares = second[1] - left * second[0];
    const double variance = enough ? (sum_of_squares < 0 ? 0 : sum_of_squares) / (elements - ddof) : 0;
    const double mean = static_cast<double>(first_lane(near)) + left;
    if (moments != nullptr) {
        moments[0] = mean;
        moments[1] = variance;
    }

    const double root = std::sqrt(variance + static_cast<double>(epsilon));
    const F16 scale = broadcast(enough && root > 0 ? static_cast<float>(1 / root) : 0.0f);
    const F16 rest = broadcast(static_cast<float>(left)),
              shift = broadcast(keep_mean != 0 ? static_cast<float>(mean) : 0.0f);
    Team::ranges(cpu.threads, count, kElementGrain, [&](int64_t begin, int64_t end) {
        for_lanes(begin, end, [&](int64_t i, auto n) {
            const F16 d = (load(x + i, n) - near) - rest;
            store(y + i, select(masked_out(mask, i, n), zero(), fma(d, scale, shift)), n);
        });
    });
}

} // namespace gimbal::GB_ISA
