// The CUDA driver, loaded at run time: the engine builds and runs without a toolkit, and without a driver as long as no
// CUDA device is opened. GIMBAL_CUDA_DRIVER names another library than the system's, the emulator for one.
//
// The declarations are our own; the names carry the suffix of the driver's binary interface. scripts/gpu-check.sh
// compares them with the real header where a toolkit is at hand.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gimbal::driver {

using Result = int;
using DeviceId = int;
using Address = unsigned long long;
using Context = struct ContextObject*;
using Module = struct ModuleObject*;
using Function = struct FunctionObject*;
using Stream = struct StreamObject*;
using Graph = struct GraphObject*;
using GraphExec = struct GraphExecObject*;

enum : Result {
    kSuccess = 0,
    kInvalidValue = 1,
    kOutOfMemory = 2,
    kNoDevice = 100,
    kInvalidDevice = 101,
};

enum DeviceAttribute : int {
    kMultiprocessors = 16,
    kComputeMajor = 75,
    kComputeMinor = 76,
    kSharedPerBlockOptIn = 97,
};

enum FunctionAttribute : int { kMaxDynamicShared = 8 };
enum JitOption : int { kErrorLog = 5, kErrorLogBytes = 6 };
enum HostMemoryFlag : unsigned { kPortable = 1, kDeviceMapped = 2 };
enum StreamFlag : unsigned { kNonBlocking = 1 };
enum CaptureMode : int { kCaptureThreadLocal = 1 };

// GB_DRIVER(symbol, name, parameters)
#define GB_DRIVER_FUNCTIONS                                                                                            \
    GB_DRIVER(cuInit, init, (unsigned))                                                                                \
    GB_DRIVER(cuDriverGetVersion, driver_version, (int*))                                                              \
    GB_DRIVER(cuDeviceGetCount, device_count, (int*))                                                                  \
    GB_DRIVER(cuDeviceGet, device_get, (DeviceId*, int))                                                               \
    GB_DRIVER(cuDeviceGetName, device_name, (char*, int, DeviceId))                                                    \
    GB_DRIVER(cuDeviceGetAttribute, device_attribute, (int*, int, DeviceId))                                           \
    GB_DRIVER(cuDeviceTotalMem_v2, device_memory, (std::size_t*, DeviceId))                                            \
    GB_DRIVER(cuDevicePrimaryCtxRetain, context_retain, (Context*, DeviceId))                                          \
    GB_DRIVER(cuDevicePrimaryCtxRelease_v2, context_release, (DeviceId))                                               \
    GB_DRIVER(cuCtxPushCurrent_v2, context_push, (Context))                                                            \
    GB_DRIVER(cuCtxGetDevice, context_device, (DeviceId*))                                                             \
    GB_DRIVER(cuCtxPopCurrent_v2, context_pop, (Context*))                                                             \
    GB_DRIVER(cuModuleLoadDataEx, module_load, (Module*, const void*, unsigned, int*, void**))                         \
    GB_DRIVER(cuModuleUnload, module_unload, (Module))                                                                 \
    GB_DRIVER(cuModuleGetFunction, module_function, (Function*, Module, const char*))                                  \
    GB_DRIVER(cuFuncSetAttribute, function_set_attribute, (Function, int, int))                                        \
    GB_DRIVER(cuMemAlloc_v2, allocate, (Address*, std::size_t))                                                        \
    GB_DRIVER(cuMemFree_v2, free, (Address))                                                                           \
    GB_DRIVER(cuMemHostAlloc, host_allocate, (void**, std::size_t, unsigned))                                          \
    GB_DRIVER(cuMemHostGetDevicePointer_v2, host_device_pointer, (Address*, void*, unsigned))                          \
    GB_DRIVER(cuMemFreeHost, host_free, (void*))                                                                       \
    GB_DRIVER(cuMemcpyHtoDAsync_v2, copy_in, (Address, const void*, std::size_t, Stream))                              \
    GB_DRIVER(cuMemcpyDtoHAsync_v2, copy_out, (void*, Address, std::size_t, Stream))                                   \
    GB_DRIVER(cuMemcpyDtoDAsync_v2, copy_within, (Address, Address, std::size_t, Stream))                              \
    GB_DRIVER(cuMemsetD8Async, fill, (Address, unsigned char, std::size_t, Stream))                                    \
    GB_DRIVER(cuStreamCreate, stream_create, (Stream*, unsigned))                                                      \
    GB_DRIVER(cuStreamGetCtx, stream_context, (Stream, Context*))                                                      \
    GB_DRIVER(cuStreamSynchronize, stream_synchronize, (Stream))                                                       \
    GB_DRIVER(cuStreamDestroy_v2, stream_destroy, (Stream))                                                            \
    GB_DRIVER(cuStreamBeginCapture_v2, capture_begin, (Stream, int))                                                   \
    GB_DRIVER(cuStreamEndCapture, capture_end, (Stream, Graph*))                                                       \
    GB_DRIVER(cuGraphInstantiateWithFlags, graph_instantiate, (GraphExec*, Graph, unsigned long long))                 \
    GB_DRIVER(cuGraphLaunch, graph_launch, (GraphExec, Stream))                                                        \
    GB_DRIVER(cuGraphExecDestroy, graph_exec_destroy, (GraphExec))                                                     \
    GB_DRIVER(cuGraphDestroy, graph_destroy, (Graph))                                                                  \
    GB_DRIVER(                                                                                                         \
        cuLaunchKernel, launch,                                                                                        \
        (Function, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, Stream, void**, void**))      \
    GB_DRIVER(cuGetErrorName, error_name, (Result, const char**))                                                      \
    GB_DRIVER(cuGetErrorString, error_text, (Result, const char**))

struct Driver {
#define GB_DRIVER(symbol, name, parameters) Result(*name) parameters = nullptr;
    GB_DRIVER_FUNCTIONS
#undef GB_DRIVER

    // Throws GB_UNSUPPORTED (no driver, or too old a one) naming the library.
    static const Driver& get();

    // "CUDA_ERROR_LAUNCH_FAILED (719): unspecified launch failure"
    const char* describe(Result result, char* buffer, std::size_t bytes) const;
};

} // namespace gimbal::driver
