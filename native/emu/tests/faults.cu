// Kernels with one planted fault each; faults.cpp says how each must be reported. GB_PLANTED stands on the line before
// the fault.
#include "faults.h"

#include "simt/simt.h"

#define GB_PLANTED *a.line = __LINE__ + 1
#define GB_FAULT(name) extern "C" __global__ void __launch_bounds__(256) name(FaultArguments a)

namespace {

GB_DEVICE int thread() {
    return static_cast<int>(threadIdx.x);
}
GB_DEVICE int index() {
    return static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
}

} // namespace

// ---- races in shared memory

GB_FAULT(missing_barrier) {
    GB_SHARED(float, tile, kFaultThreads);
    tile[thread()] = 0.0f;
    __syncthreads();
    GB_PLANTED;
    tile[thread()] = a.x[thread()];
    a.y[thread()] = tile[kFaultThreads - 1 - thread()];
}

GB_FAULT(missing_second_barrier) {
    GB_SHARED(float, tile, kFaultThreads);
    for (int k = 0; k < 2; ++k) {
        tile[thread()] = a.x[thread() + k];
        __syncthreads();
        GB_PLANTED;
        a.y[thread()] = tile[kFaultThreads - 1 - thread()];
    }
}

GB_FAULT(two_writers) {
    GB_SHARED(float, tile, kFaultThreads);
    GB_PLANTED;
    tile[thread() / 2] = 1.0f;
}

GB_FAULT(two_writers_of_a_byte) {
    GB_SHARED(unsigned char, tile, kFaultThreads);
    tile[thread()] = 1;
    GB_PLANTED;
    if (thread() == 40) tile[10] = 1;
}

GB_FAULT(missing_warp_barrier) {
    GB_SHARED(float, tile, 32);
    tile[thread()] = a.x[thread()];
    __syncwarp();
    for (int offset = 16; offset > 0; offset /= 2)
        if (thread() < offset) {
            GB_PLANTED;
            tile[thread()] += tile[thread() + offset];
        }
    a.y[thread()] = tile[0];
}

// A shuffle moves its value and orders no memory.
GB_FAULT(shuffle_is_no_barrier) {
    GB_SHARED(float, tile, 32);
    tile[thread()] = a.x[thread()];
    a.y[thread()] = __shfl_xor_sync(~0u, a.x[thread()], 1);
    GB_PLANTED;
    a.y[thread()] = tile[31 - thread()];
}

GB_FAULT(atomic_and_plain) {
    GB_SHARED(unsigned, count, 1);
    if (thread() == 0) count[0] = 0;
    __syncthreads();
    if (thread() == 5) count[0] = 7;
    GB_PLANTED;
    if (thread() != 5) atomicAdd(&count[0], 1u);
}

// ---- outside memory

GB_FAULT(uninitialised_shared) {
    GB_SHARED(float, tile, kFaultThreads);
    if (thread() != 41) tile[thread()] = 1.0f;
    __syncthreads();
    GB_PLANTED;
    a.y[thread()] = tile[thread()];
}

// The last block's values are gone.
GB_FAULT(shared_of_the_last_block) {
    GB_SHARED(float, tile, kFaultThreads);
    if (blockIdx.x == 0) tile[thread()] = 1.0f;
    __syncthreads();
    GB_PLANTED;
    a.y[thread()] = tile[thread()];
}

GB_FAULT(shared_overrun) {
    GB_SHARED(float, tile, kFaultThreads - 1);
    GB_PLANTED;
    tile[thread()] = 1.0f;
}

GB_FAULT(shared_overrun_by_a_half) {
    GB_SHARED(uint16_t, tile, kFaultThreads - 1);
    GB_PLANTED;
    tile[thread()] = 1;
}

GB_FAULT(dynamic_shared_overrun) {
    GB_DYNAMIC_SHARED(float, tile);
    GB_PLANTED;
    tile[thread()] = 1.0f;
}

GB_FAULT(too_much_static_shared) {
    GB_PLANTED;
    GB_SHARED(float, tile, 12289);
    tile[thread()] = 1.0f;
}

GB_FAULT(too_much_static_and_dynamic) {
    GB_PLANTED;
    GB_SHARED(float, tile, kFaultThreads + 1);
    tile[thread()] = 1.0f;
}

GB_FAULT(global_read_overrun) {
    GB_PLANTED;
    const float v = a.x[index()];
    a.y[index() % kFaultFloats] = v;
}

GB_FAULT(global_write_overrun) {
    GB_PLANTED;
    a.y[index()] = 1.0f;
}

GB_FAULT(global_underrun) {
    GB_PLANTED;
    a.y[index()] = a.x[index() - 1];
}

GB_FAULT(vector_across_the_end) {
    GB_PLANTED;
    const float4 v = *reinterpret_cast<const float4*>(a.x + 4 * index());
    a.y[index()] = v.x + v.w;
}

GB_FAULT(misaligned_vector) {
    const float4* p = reinterpret_cast<const float4*>(a.x + (thread() == 3 ? 1 : 0));
    GB_PLANTED;
    const float4 v = *p;
    a.y[thread()] = v.x + v.y + v.z + v.w;
}

GB_FAULT(read_of_other_memory) {
    GB_PLANTED;
    a.y[thread()] = *a.other;
}

GB_FAULT(write_of_other_memory) {
    GB_PLANTED;
    *a.other = 1.0f;
}

GB_FAULT(local_memory_of_another) {
    GB_SHARED(const float*, pointers, kFaultThreads);
    float own[4] = {a.x[thread()], 1.0f, 2.0f, 3.0f};
    pointers[thread()] = own;
    __syncthreads();
    const float* p = pointers[thread() ^ 1];
    GB_PLANTED;
    a.y[thread()] = p[thread() & 3];
}

GB_FAULT(stack_overrun) {
    const auto descend = [&](auto self, int depth) -> float {
        volatile float frame[256];
        frame[depth & 255] = a.x[depth & 255];
        return depth == 0 ? 0.0f : self(self, depth - 1) + frame[depth & 255];
    };
    a.y[thread()] = descend(descend, 1000);
}

// ---- warps and barriers

GB_FAULT(divergent_barrier) {
    if (thread() < 40) {
        GB_PLANTED;
        __syncthreads();
    }
}

GB_FAULT(barrier_after_exit) {
    if (thread() == 0) return;
    GB_PLANTED;
    __syncthreads();
}

GB_FAULT(shuffle_after_exit) {
    if (thread() % 32 > 20) return;
    __syncwarp(0x1fffffu);
    GB_PLANTED;
    a.y[thread()] = __shfl_xor_sync(~0u, 1.0f, 1);
}

GB_FAULT(shuffle_outside_mask) {
    if (thread() % 32 >= 16) return;
    GB_PLANTED;
    a.y[thread()] = __shfl_down_sync(0xffffu, 1.0f, 1);
}

GB_FAULT(caller_outside_mask) {
    GB_PLANTED;
    a.y[thread()] = static_cast<float>(__ballot_sync(0xffffu, 1));
}

GB_FAULT(divergent_shuffles) {
    float v;
    if (thread() % 32 < 16) {
        v = __shfl_xor_sync(~0u, 1.0f, 1);
    } else {
        GB_PLANTED;
        v = __shfl_xor_sync(~0u, 2.0f, 1);
    }
    a.y[thread()] = v;
}

GB_FAULT(warp_against_block) {
    if (thread() < 16) {
        GB_PLANTED;
        __syncwarp();
    } else {
        __syncthreads();
    }
}

GB_FAULT(flag_that_no_one_raises) {
    GB_PLANTED;
    while (load_acquire(a.flags) == 0) {
    }
}

GB_FAULT(volatile_flag_that_no_one_raises) {
    const volatile unsigned* flag = a.flags;
    GB_PLANTED;
    while (*flag == 0) {
    }
}

GB_FAULT(endless_loop) {
    unsigned i = 1;
    // clang-format off
    GB_PLANTED;
    while (i != 0) asm volatile("" : "+r"(i));
    // clang-format on
    a.flags[0] = i;
}

// ---- asynchronous copies

GB_FAULT(copy_in_flight) {
    GB_SHARED(float4, tile, kFaultThreads);
    cp_async16(&tile[thread()], a.x + 4 * thread());
    cp_async_commit();
    GB_PLANTED;
    a.y[thread()] = tile[thread()].x;
}

GB_FAULT(copy_in_an_open_group) {
    GB_SHARED(float4, tile, kFaultThreads);
    cp_async16(&tile[thread()], a.x + 4 * thread());
    cp_async_wait<0>();
    GB_PLANTED;
    a.y[thread()] = tile[thread()].x;
}

GB_FAULT(copy_without_barrier) {
    GB_SHARED(float4, tile, kFaultThreads);
    tile[thread()].x = 0.0f;
    __syncthreads();
    GB_PLANTED;
    cp_async16(&tile[thread()], a.x + 4 * thread());
    cp_async_commit();
    cp_async_wait<0>();
    a.y[thread()] = tile[kFaultThreads - 1 - thread()].x;
}

// Two buffers in turn, and no barrier between the last use of one and its next copy.
GB_FAULT(copy_into_what_is_read) {
    GB_SHARED(float4, tile, 2 * kFaultThreads);
    float sum = 0.0f;
    cp_async16(&tile[thread()], a.x);
    cp_async_commit();
    for (int k = 0; k < 3; ++k) {
        cp_async16(&tile[(k + 1) % 2 * kFaultThreads + thread()], a.x + 4 * k);
        cp_async_commit();
        cp_async_wait<1>();
        __syncthreads();
        GB_PLANTED;
        sum += tile[k % 2 * kFaultThreads + kFaultThreads - 1 - thread()].x;
    }
    cp_async_wait<0>();
    a.y[thread()] = sum;
}

GB_FAULT(misaligned_copy) {
    GB_SHARED(float4, tile, kFaultThreads);
    GB_PLANTED;
    cp_async16(&tile[thread()], a.x + 1);
}

GB_FAULT(copy_from_outside) {
    GB_SHARED(float4, tile, 256);
    GB_PLANTED;
    cp_async16(&tile[thread()], a.x + 4 * index());
}

GB_FAULT(misaligned_ldmatrix) {
    GB_SHARED(uint16_t, tile, 32 * 12);
    unsigned r[4];
    for (int i = 0; i < 12; ++i)
        tile[12 * thread() + i] = 0;
    __syncwarp();
    GB_PLANTED;
    ldmatrix_x4(r, tile + 12 * thread());
    a.flags[thread()] = r[0];
}

// ---- races in global memory

GB_FAULT(global_two_writers) {
    GB_PLANTED;
    a.y[thread()] = 1.0f;
}

GB_FAULT(global_read_of_another_block) {
    a.y[index()] = 1.0f;
    GB_PLANTED;
    a.x[index()] = blockIdx.x == 0 ? 0.0f : a.y[index() - kFaultThreads];
}

GB_FAULT(global_write_of_what_is_read) {
    const float v = a.x[index() + 1];
    GB_PLANTED;
    a.x[index()] = v;
}

GB_FAULT(global_flag_without_release) {
    if (blockIdx.x == 0) {
        a.y[thread()] = 1.0f;
        __syncthreads();
        if (thread() == 0) a.flags[1] = 1;
    } else if (thread() == 0) {
        GB_PLANTED;
        if (a.flags[1] != 0) a.x[0] = a.y[1];
    }
}

GB_FAULT(global_write_after_release) {
    if (blockIdx.x == 0) {
        a.y[0] = 1.0f;
        store_release(a.flags, 1);
        a.y[1] = 1.0f;
    } else {
        while (load_acquire(a.flags) == 0) {
        }
        a.x[0] = a.y[0];
        GB_PLANTED;
        a.x[1] = a.y[1];
    }
}
