// The largest size among all gradients.
#include "cpu/cpu.h"
#include "cpu/simd.h"
#include "cpu/team.h"

namespace gimbal::GB_ISA {

namespace {

constexpr int64_t kMaximumPieces = 256;

// Of two sizes the larger, or NaN if one is.
F16 larger(F16 a, F16 b) {
    return select(a >= b, a, select(a == a, b, a));
}
float larger(float a, float b) {
    return a >= b || a != a ? a : b;
}

float largest(const float* gradients, int64_t begin, int64_t end) {
    F16 most = zero();
    for_lanes(begin, end, [&](int64_t i, auto n) { most = larger(most, abs(load(gradients + i, n))); });
    float lanes[kLanes], size = 0.0f;
    store(lanes, most);
    for (float lane : lanes)
        size = larger(size, lane);
    return size;
}

} // namespace

void cpu_grad_max(Cpu& cpu, const float* gradients, gb_step_state* state, int64_t count, float max_norm) {
    const int64_t even = (count + kMaximumPieces - 1) / kMaximumPieces;
    const int64_t length = even > kElementGrain ? even : kElementGrain;
    float parts[kMaximumPieces] = {};
    Team::ranges(cpu.threads, count, length, [&](int64_t begin, int64_t end) {
        parts[begin / length] = largest(gradients, begin, end);
    });
    float norm = 0.0f;
    for (int64_t piece = 0; piece * length < count; ++piece)
        norm = larger(norm, parts[piece]);
    const double coefficient = static_cast<double>(max_norm) / (static_cast<double>(norm) + 1e-6);
    state->gradient_norm = norm;
    state->clip_coefficient = max_norm <= 0 || coefficient >= 1 ? 1.0f : static_cast<float>(coefficient);
}

} // namespace gimbal::GB_ISA
