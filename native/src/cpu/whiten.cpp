// Whitening over the elements of mask 1: one pass for the moments, about a pivot, and one to write.
#include "cpu/bytes.h"
#include "cpu/cpu.h"
#include "cpu/math.h"
#include "cpu/statistics.h"

#include "common/moments.h"
#include "whiten.h"

namespace gimbal::GB_ISA {
namespace {

float pivot_of(const float* x, const uint8_t* mask, int64_t count) {
    const int64_t end = count < kWhitenPivotElements ? count : kWhitenPivotElements;
    D16 sum;
    for_lanes(0, end, [&](int64_t i, auto n) { sum.add(select(masked_out(mask, i, n), zero(), load(x + i, n))); });
    const double elements = static_cast<double>(kept(mask, 0, end));
    return elements > 0 ? static_cast<float>(reduce_add(sum) / elements) : 0.0f;
}

} // namespace

void cpu_whiten(Cpu& cpu, const float* x, const uint8_t* mask, float* y, double* moments, int64_t count, float epsilon,
                int32_t ddof, int32_t keep_mean) {
    const float pivot = pivot_of(x, mask, count);
    double totals[kWhitenSums] = {};
    sum_pieces<kWhitenSums>(cpu.threads, count, kElementGrain, totals,
                            [&](int64_t begin, int64_t end, double(&sums)[kWhitenSums]) {
                                D16 left, squares;
                                for_lanes(begin, end, [&](int64_t i, auto n) {
                                    const F16 d = load(x + i, n) - broadcast(pivot);
                                    const F16 difference = select(masked_out(mask, i, n), zero(), d);
                                    left.add(difference);
                                    squares.add_square(difference);
                                });
                                sums[0] = static_cast<double>(kept(mask, begin, end));
                                sums[1] = reduce_add(left);
                                sums[2] = reduce_add(squares);
                            });
    const Whitening whitening = finish_whitening(totals[0], pivot, totals[1], totals[2], epsilon, ddof, keep_mean != 0);
    if (moments != nullptr) {
        moments[0] = whitening.mean;
        moments[1] = whitening.variance;
    }
    const F16 near = broadcast(whitening.near), rest = broadcast(whitening.rest), scale = broadcast(whitening.scale),
              shift = broadcast(whitening.shift);
    Team::ranges(cpu.threads, count, kElementGrain, [&](int64_t begin, int64_t end) {
        for_lanes(begin, end, [&](int64_t i, auto n) {
            const F16 d = (load(x + i, n) - near) - rest;
            store(y + i, select(masked_out(mask, i, n), zero(), fma(d, scale, shift)), n);
        });
    });
}

} // namespace gimbal::GB_ISA
