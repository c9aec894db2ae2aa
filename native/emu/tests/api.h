// The driver's functions as the tests of the emulator call them: linked in, by the names of the binary interface.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

using Address = unsigned long long;

extern "C" {
int cuInit(unsigned flags);
int cuDevicePrimaryCtxRetain(void** context, int device);
int cuDevicePrimaryCtxRelease_v2(int device);
int cuDevicePrimaryCtxReset_v2(int device);
int cuDeviceGetAttribute(int* value, int attribute, int device);
int cuCtxSetCurrent(void* context);
int cuCtxPushCurrent_v2(void* context);
int cuCtxPopCurrent_v2(void** context);
int cuCtxSynchronize();
int cuModuleLoadDataEx(void** module, const void* image, unsigned count, int* options, void** values);
int cuModuleGetFunction(void** function, void* module, const char* name);
int cuFuncGetAttribute(int* value, int attribute, void* function);
int cuFuncSetAttribute(void* function, int attribute, int value);
int cuLaunchKernel(void* function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                   unsigned block_y, unsigned block_z, unsigned shared_bytes, void* stream, void** parameters,
                   void** extra);
int cuMemAlloc_v2(Address* address, std::size_t bytes);
int cuMemFree_v2(Address address);
int cuMemAllocAsync(Address* address, std::size_t bytes, void* stream);
int cuMemFreeAsync(Address address, void* stream);
int cuMemGetInfo_v2(std::size_t* available, std::size_t* total);
int cuMemHostAlloc(void** host, std::size_t bytes, unsigned flags);
int cuMemFreeHost(void* host);
int cuMemcpyHtoD_v2(Address target, const void* source, std::size_t bytes);
int cuMemcpyDtoH_v2(void* target, Address source, std::size_t bytes);
int cuMemcpyHtoDAsync_v2(Address target, const void* source, std::size_t bytes, void* stream);
int cuMemcpyDtoHAsync_v2(void* target, Address source, std::size_t bytes, void* stream);
int cuMemcpyDtoDAsync_v2(Address target, Address source, std::size_t bytes, void* stream);
int cuMemsetD8_v2(Address target, unsigned char value, std::size_t count);
int cuMemsetD32Async(Address target, unsigned value, std::size_t count, void* stream);
int cuStreamCreate(void** stream, unsigned flags);
int cuStreamDestroy_v2(void* stream);
int cuStreamSynchronize(void* stream);
int cuStreamQuery(void* stream);
int cuStreamWaitEvent(void* stream, void* event, unsigned flags);
int cuStreamIsCapturing(void* stream, int* status);
int cuStreamBeginCapture_v2(void* stream, int mode);
int cuStreamEndCapture(void* stream, void** graph);
int cuGraphInstantiateWithFlags(void** executable, void* graph, unsigned long long flags);
int cuGraphLaunch(void* executable, void* stream);
int cuGraphExecDestroy(void* executable);
int cuGraphDestroy(void* graph);
int cuEventCreate(void** event, unsigned flags);
int cuEventRecord(void* event, void* stream);
int cuEventQuery(void* event);
int cuEventSynchronize(void* event);
int cuEventDestroy_v2(void* event);
int cuEventElapsedTime(float* milliseconds, void* start, void* end);
int cuPointerGetAttribute(void* value, int attribute, Address address);
int cuGetErrorName(int result, const char** name);
int cuGetErrorString(int result, const char** text);
}

// Ends the program if a call that a test relies on fails.
#define GB_REQUIRE(call)                                                                                               \
    do {                                                                                                               \
        if (const int result_ = (call)) {                                                                              \
            std::printf("%s:%d: %s gives %d\n", __FILE__, __LINE__, #call, result_);                                   \
            std::exit(2);                                                                                              \
        }                                                                                                              \
    } while (0)

// An image that has every kernel of the program.
constexpr char kAllKernels[] = "// cudaemu: all kernels";
