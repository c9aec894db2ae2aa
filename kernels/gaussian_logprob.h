// What the launcher of gaussian_logprob (native/src/cuda/gaussian_logprob.cpp) hands its kernels.
#pragma once

#include "common/cut.h"

namespace gimbal {

constexpr int64_t kGaussianRowUnit = 32; // rows of a block of the sums over rows

} // namespace gimbal
