// A matrix product in packed panels: what matmul and matmul_packed are made of.
#pragma once

#include "cpu/cpu.h"

namespace gimbal::GB_ISA {

// C = op(A) op(B) + bias, or C += with accumulate. B comes plain, or packed as in packed.h.
struct Product {
    const float* a;
    const float* b;      // null if packed
    const float* packed; // null if plain
    const float* bias;   // nullable
    float* c;
    int64_t m, n, k;
    int64_t lda, ldb, ldc;
    bool trans_a, trans_b;
    bool accumulate;
};

void multiply(Cpu& cpu, const Product& product);

} // namespace gimbal::GB_ISA
