// What a kernel may rely on, whichever of the three compilers reads it:
//
//   clang   -x cuda without a toolkit: PTX for the library (simt/clang.h)
//   nvcc    machine code where a toolkit is installed (simt/nvcc.h)
//   host    any C++ compiler, GB_SIMT_HOST defined: the kernels run on the CPU under the emulated driver (simt/host.h)
//
// Beyond CUDA's own names: GB_DEVICE, GB_SHARED, GB_DYNAMIC_SHARED, bf16, and the primitives of simt/ptx.h.
#pragma once

#include <cstdint>

#if defined(GB_SIMT_HOST)
#include "simt/host.h"
#elif defined(__CUDACC__)
#include "simt/nvcc.h"
#else
#include "simt/clang.h"
#endif

#include "simt/ptx.h"
