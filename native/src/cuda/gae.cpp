#include "gae.h"

#include "cuda/cuda.h"

namespace gimbal {

void cuda_gae(Cuda& cuda, const float* rewards, const float* values, const float* last_values,
              const uint8_t* terminated, const uint8_t* truncated, const float* truncated_values, const uint8_t* mask,
              float* advantages, float* returns, int64_t rows, int64_t steps, float gamma, float lambda) {
    const GaeArguments arguments{rewards,        values,
                                 last_values,    terminated,
                                 truncated,      truncated_values,
                                 mask,           advantages,
                                 returns,        rows,
                                 steps,          gamma,
                                 gamma * lambda, static_cast<GaeTile*>(cuda.workspace),
                                 cuda.tickets()};
    if (rows == 0 || steps == 0) return;
    if (steps <= kGaeShortSteps)
        return cuda.launch({"gae", "gae_kernel_short"}, {(rows + kGaeShortRows - 1) / kGaeShortRows}, kGaeShortThreads,
                           arguments, gae_shared_bytes(steps));
    const auto warps = [&](int64_t steps_of_warp) {
        return static_cast<int>((steps + steps_of_warp - 1) / steps_of_warp);
    };
    if (steps <= kGaeMediumSteps)
        return cuda.launch({"gae", "gae_kernel_medium"}, {rows}, 32 * warps(kGaeChunk), arguments);
    if (steps <= kGaeTile) return cuda.launch({"gae", "gae_kernel_long"}, {rows}, 32 * warps(4 * kGaeChunk), arguments);
    cuda.launch({"gae", "gae_kernel_tiles"}, {gae_tiles(rows, steps)}, kGaeThreads, arguments);
}

} // namespace gimbal
