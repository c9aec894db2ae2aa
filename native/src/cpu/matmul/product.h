// A matrix product in packed panels: what matmul and matmul_packed are made of.
#pragma once

#include "cpu/cpu.h"

namespace gimbal::GB_ISA {

// C = op(A) op(B) + bias, or C += with accumulate. B comes plain, or packed as in packed.h. B's type is the one that is
// multiplied; A and C are of it or float32.
struct Product {
    const void* a;
    const void* b;       // null if packed
    const float* packed; // null if plain
    const float* bias;   // nullable
    void* c;
    int64_t m, n, k;
    int64_t lda, ldb, ldc;
    bool trans_a, trans_b;
    bool accumulate;
    gb_dtype a_dtype = GB_FLOAT32, b_dtype = GB_FLOAT32, c_dtype = GB_FLOAT32;
};

void multiply(Cpu& cpu, const Product& product);

} // namespace gimbal::GB_ISA
