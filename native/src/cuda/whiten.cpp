#include "whiten.h"

#include "cuda/cuda.h"

namespace gimbal {

void cuda_whiten(Cuda& cuda, const float* x, const uint8_t* mask, float* y, double* moments, int64_t count,
                 float epsilon, int32_t ddof, int32_t keep_mean) {
    if (count == 0 && moments != nullptr) cuda.fill(moments, 0, 2 * sizeof(double));
    auto* result = static_cast<uint8_t*>(cuda.workspace);
    const Cut cut = cut_blocks(count, kBlockUnit);
    cuda.launch({"whiten", "whiten_kernel"}, {2 * cut.blocks}, kStatisticsThreads,
                WhitenArguments{x, mask, y, moments, reinterpret_cast<double*>(result + kWhitenResultBytes), result,
                                cuda.tickets(), cut, count, epsilon, ddof, keep_mean});
}

} // namespace gimbal
