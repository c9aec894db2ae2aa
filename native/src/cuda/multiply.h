// The product that matmul, matmul_packed and linear_logprob are made of.
#pragma once

#include "cuda/cuda.h"
#include "matmul.h"

namespace gimbal {

void multiply(Cuda& cuda, const MatmulArguments& product);

} // namespace gimbal
