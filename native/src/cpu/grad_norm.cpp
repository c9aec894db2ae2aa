// The norm of all gradients. The array is cut into pieces by its length alone (GradNormPlan); a piece is summed in
// sixteen double lanes and the fixed tree, the pieces in ascending order. A float32 squared is exact in double and
// cannot overflow.
#include "grad_norm.h"
#include "cpu/cpu.h"
#include "cpu/simd.h"
#include "cpu/team.h"

namespace gimbal::GB_ISA {

namespace {

double sum_of_squares(const float* x, int64_t begin, int64_t end) {
    double lanes[kLanes] = {};
    int64_t i = begin;
    for (; i + kLanes <= end; i += kLanes)
        for (int64_t k = 0; k < kLanes; ++k)
            lanes[k] += static_cast<double>(x[i + k]) * static_cast<double>(x[i + k]);
    for (int64_t k = 0; i + k < end; ++k)
        lanes[k] += static_cast<double>(x[i + k]) * static_cast<double>(x[i + k]);
    for (int64_t width = kLanes / 2; width > 0; width /= 2)
        for (int64_t k = 0; k < width; ++k)
            lanes[k] += lanes[k + width];
    return lanes[0];
}

} // namespace

void cpu_grad_norm(Cpu& cpu, const float* gradients, gb_step_state* state, int64_t count, float max_norm) {
    const GradNormPlan plan(count);
    double squares[GradNormPlan::kPieces];
    Team::ranges(cpu.threads, count, plan.length, [&](int64_t begin, int64_t end) {
        squares[begin / plan.length] = sum_of_squares(gradients, begin, end);
    });
    double total = 0;
    for (int64_t piece = 0; piece < plan.pieces; ++piece)
        total += squares[piece];
    const double norm = std::sqrt(total);
    const double coefficient = static_cast<double>(max_norm) / (norm + 1e-6);
    state->gradient_norm = static_cast<float>(norm);
    // As torch: 0 for an infinite norm, NaN for NaN.
    state->clip_coefficient = max_norm <= 0 || coefficient >= 1 ? 1.0f : static_cast<float>(coefficient);
}

} // namespace gimbal::GB_ISA
