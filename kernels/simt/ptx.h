// All inline PTX of the kernels, one function a primitive; the host twins are in simt/host.h. What is listed in
// simt/opcodes.txt is what this file may use: an opcode that a target lacks is noticed there first.
#pragma once

#if !defined(GB_SIMT_HOST)

GB_DEVICE float to_float(bf16 v) {
    return __uint_as_float(static_cast<unsigned>(v.bits) << 16);
}

// Round to nearest even; NaN becomes 0x7fff. By clang's builtin where there is one: it does not unroll loops around
// inline text.
GB_DEVICE bf16 to_bf16(float v) {
    bf16 r;
#if defined(__clang__)
    r.bits = __builtin_bit_cast(uint16_t, __nvvm_f2bf16_rn(v));
#else
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(r.bits) : "f"(v));
#endif
    return r;
}

// Two in one register, `low` in the lower half.
GB_DEVICE unsigned pack_bf16x2(float low, float high) {
#if defined(__clang__)
    return __builtin_bit_cast(unsigned, __nvvm_ff2bf16x2_rn(high, low));
#else
    unsigned r;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(high), "f"(low));
    return r;
#endif
}

// Copies 16 bytes from global to shared memory, or writes zeros if not `valid` (the source is then not read). Both
// addresses are multiples of 16.
GB_DEVICE void cp_async16(void* shared, const void* global, bool valid = true) {
    asm volatile(
        "cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(static_cast<unsigned>(__cvta_generic_to_shared(shared))),
        "l"(global), "r"(valid ? 16 : 0)
        : "memory");
}

GB_DEVICE void cp_async_commit() {
    asm volatile("cp.async.commit_group;" ::: "memory");
}

// Waits until at most `Pending` of this thread's committed groups are under way.
template <int Pending> GB_DEVICE void cp_async_wait() {
    asm volatile("cp.async.wait_group %0;" ::"n"(Pending) : "memory");
}

// Matrices of 8x8 16-bit elements from shared memory; lane i gives the address of row i % 8 of matrix i / 8.
GB_DEVICE void ldmatrix_x4(unsigned (&r)[4], const void* shared) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(static_cast<unsigned>(__cvta_generic_to_shared(shared)))
                 : "memory");
}

GB_DEVICE void ldmatrix_x4_trans(unsigned (&r)[4], const void* shared) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(static_cast<unsigned>(__cvta_generic_to_shared(shared)))
                 : "memory");
}

GB_DEVICE void ldmatrix_x2(unsigned (&r)[2], const void* shared) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];"
                 : "=r"(r[0]), "=r"(r[1])
                 : "r"(static_cast<unsigned>(__cvta_generic_to_shared(shared)))
                 : "memory");
}

GB_DEVICE void ldmatrix_x2_trans(unsigned (&r)[2], const void* shared) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];"
                 : "=r"(r[0]), "=r"(r[1])
                 : "r"(static_cast<unsigned>(__cvta_generic_to_shared(shared)))
                 : "memory");
}

// d += a b on the tensor cores: a (16, 16) row-major, b (16, 8) column-major, both bf16; d (16, 8) float32.
GB_DEVICE void mma_bf16_16x8x16(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
                 "{%0, %1, %2, %3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// A flag that one block raises for another: what was written before the release is seen after the acquire.
GB_DEVICE unsigned load_acquire(const unsigned* p) {
    unsigned v;
    asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(v) : "l"(p) : "memory");
    return v;
}

GB_DEVICE void store_release(unsigned* p, unsigned v) {
    asm volatile("st.release.gpu.global.u32 [%0], %1;" ::"l"(p), "r"(v) : "memory");
}

#endif
