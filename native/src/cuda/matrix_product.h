// The product that matmul, matmul_packed and linear_logprob are made of.
#pragma once

#include "cuda/cuda.h"
#include "matmul.h"
#include "matmul_bf16.h"

namespace gimbal {

void multiply(Cuda& cuda, const MatmulArguments& product);
// On the tensor cores; a float32 A is rounded to bfloat16.
void multiply(Cuda& cuda, const MatmulBf16Arguments& product, bool a_is_float, bool trans_a, bool trans_b);

} // namespace gimbal
