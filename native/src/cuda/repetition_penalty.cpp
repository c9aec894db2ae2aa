#include "repetition_penalty.h"
#include "cuda/cuda.h"

namespace gimbal {

void cuda_repetition_penalty(Cuda& cuda, const void* x, const int32_t* ids, const int32_t* starts, void* y,
                             int64_t count, int64_t rows, int64_t vocabulary, int64_t x_stride, float penalty,
                             gb_dtype) {
    cuda.launch({"repetition_penalty", "repetition_penalty_kernel"}, {rows}, kRepetitionPenaltyThreads,
                RepetitionPenaltyArguments{static_cast<const float*>(x), ids, starts, static_cast<float*>(y), count,
                                           vocabulary, x_stride, penalty, cuda.fault("ids"), cuda.fault("starts")});
}

} // namespace gimbal
