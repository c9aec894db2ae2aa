// Compares our own declarations of the CUDA driver with its real header, where a toolkit is at hand. Compiled, never
// run:
//   g++ -std=c++20 -fsyntax-only -Inative/src -I$CUDA_HOME/include native/check/driver_constants.cpp
#include "cuda/driver.h"
#include "same.h"

#include <cuda.h>

namespace gimbal::driver {

GB_SAME(kSuccess, CUDA_SUCCESS);
GB_SAME(kInvalidValue, CUDA_ERROR_INVALID_VALUE);
GB_SAME(kOutOfMemory, CUDA_ERROR_OUT_OF_MEMORY);
GB_SAME(kNoDevice, CUDA_ERROR_NO_DEVICE);
GB_SAME(kInvalidDevice, CUDA_ERROR_INVALID_DEVICE);
GB_SAME(kMultiprocessors, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
GB_SAME(kComputeMajor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
GB_SAME(kComputeMinor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
GB_SAME(kSharedPerBlockOptIn, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);
GB_SAME(kMaxDynamicShared, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES);
GB_SAME(kErrorLog, CU_JIT_ERROR_LOG_BUFFER);
GB_SAME(kErrorLogBytes, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES);
GB_SAME(kPortable, CU_MEMHOSTALLOC_PORTABLE);
GB_SAME(kDeviceMapped, CU_MEMHOSTALLOC_DEVICEMAP);
GB_SAME(kNonBlocking, CU_STREAM_NON_BLOCKING);
GB_SAME(kCaptureThreadLocal, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL);

#define GB_DRIVER(symbol, name, parameters)                                                                            \
    static_assert(Parameters<decltype(Driver::name)>::Match<decltype(&::symbol)>::value, #symbol);
GB_DRIVER_FUNCTIONS
#undef GB_DRIVER

} // namespace gimbal::driver
