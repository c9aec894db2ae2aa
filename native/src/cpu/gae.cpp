// Generalised advantage estimation, one pass. The recursion runs backwards along a row, so sixteen rows go together, in
// tiles of sixteen steps turned on their side; fewer than four rows are scanned one by one. Both take advantage_step.
#include "cpu/bytes.h"
#include "cpu/cpu.h"
#include "cpu/scalar.h"
#include "cpu/team.h"
#include "cpu/transpose.h"

#include "common/policy_gradient.h"

namespace gimbal::GB_ISA {
namespace {

struct Rollout {
    const float *rewards, *values, *last_values;
    const uint8_t *terminated, *truncated;
    const float* truncated_values;
    const uint8_t* mask;
    float *advantages, *returns;
    int64_t steps;
    float gamma, gamma_lambda;
};

void scan_tiles(const Rollout& rollout, int64_t row, int rows) {
    const F16 gamma = broadcast(rollout.gamma), gamma_lambda = broadcast(rollout.gamma_lambda);
    AdvantageState<F16> next{zero(), zero()};
    if (rollout.last_values != nullptr) next.value = load(rollout.last_values + row, rows);

    F16 rewards[16], values[16], terminated[16], truncated[16], truncated_values[16], mask[16], returns[16];
    for (int t = 0; t < 16; ++t) {
        terminated[t] = truncated[t] = truncated_values[t] = zero();
        mask[t] = broadcast(1.0f);
    }
    const int64_t steps = rollout.steps;
    for (int64_t end = steps; end > 0; end -= 16) {
        const int n = end < 16 ? static_cast<int>(end) : 16;
        const int64_t at = row * steps + end - n;
        // Sixteen rows read backwards are too many streams to be foreseen: the tile after next is asked for here.
        if (end > 48) {
            prefetch_rows(rollout.rewards + at - 32, steps * 4, rows);
            prefetch_rows(rollout.values + at - 32, steps * 4, rows);
        }
        load_tile(rollout.rewards + at, steps, rows, n, rewards);
        load_tile(rollout.values + at, steps, rows, n, values);
        if (rollout.terminated != nullptr) load_tile(rollout.terminated + at, steps, rows, n, terminated);
        if (rollout.truncated != nullptr) {
            load_tile(rollout.truncated + at, steps, rows, n, truncated);
            load_tile(rollout.truncated_values + at, steps, rows, n, truncated_values);
        }
        if (rollout.mask != nullptr) load_tile(rollout.mask + at, steps, rows, n, mask);
        for (int t = n - 1; t >= 0; --t) {
            const StepFlags<F16> flags{terminated[t] > zero(), truncated[t] > zero(), mask[t] > zero()};
            next = advantage_step(rewards[t], values[t], truncated_values[t], flags, next, gamma, gamma_lambda);
            rewards[t] = select(flags.kept, next.advantage, zero());
            returns[t] = select(flags.kept, next.advantage + values[t], zero());
        }
        store_tile(rollout.advantages + at, steps, rows, n, rewards);
        store_tile(rollout.returns + at, steps, rows, n, returns);
    }
}

void scan_row(const Rollout& rollout, int64_t row) {
    AdvantageState<float> next{rollout.last_values != nullptr ? rollout.last_values[row] : 0.0f, 0.0f};
    for (int64_t i = (row + 1) * rollout.steps - 1; i >= row * rollout.steps; --i) {
        const StepFlags<float> flags{rollout.terminated != nullptr && rollout.terminated[i] != 0,
                                     rollout.truncated != nullptr && rollout.truncated[i] != 0,
                                     rollout.mask == nullptr || rollout.mask[i] != 0};
        const float truncated_value = rollout.truncated != nullptr ? rollout.truncated_values[i] : 0.0f;
        next = advantage_step(rollout.rewards[i], rollout.values[i], truncated_value, flags, next, rollout.gamma,
                              rollout.gamma_lambda);
        rollout.advantages[i] = flags.kept ? next.advantage : 0.0f;
        rollout.returns[i] = flags.kept ? next.advantage + rollout.values[i] : 0.0f;
    }
}

} // namespace

void cpu_gae(Cpu& cpu, const float* rewards, const float* values, const float* last_values, const uint8_t* terminated,
             const uint8_t* truncated, const float* truncated_values, const uint8_t* mask, float* advantages,
             float* returns, int64_t rows, int64_t steps, float gamma, float lambda) {
    const Rollout rollout{rewards, values,     last_values, terminated, truncated, truncated_values,
                          mask,    advantages, returns,     steps,      gamma,     gamma * lambda};
    Team::ranges(cpu.threads, rows, 16, [&](int64_t begin, int64_t end) {
        if (end - begin >= 4) return scan_tiles(rollout, begin, static_cast<int>(end - begin));
        for (int64_t row = begin; row < end; ++row)
            scan_row(rollout, row);
    });
}

} // namespace gimbal::GB_ISA
