// Initialisation, the device and its attributes, contexts, and the names of results.
#include "driver.h"
#include "modules.h"
#include "streams.h"

#include <cstdio>

namespace emu {

thread_local std::vector<Context*> current_contexts;

Driver& driver() {
    static Driver d;
    return d;
}

void reset_context() {
    streams().reset();
    modules().clear();
    device_memory.free_all();
    driver().context.lost = kSuccess;
    driver().context.report.clear();
    options = options_from_environment();
    streams().reset(); // with the new seed
}

void lose_context(const std::string& report) {
    Context& context = driver().context;
    context.lost = kLaunchFailed;
    context.report = report;
    std::fprintf(stderr, "cudaemu: %s\n", report.c_str());
}

Limits device_limits() {
    constexpr unsigned k = 1 << 10;
    switch (options.architecture) {
    case 80:
        return {8, 0, 108, 163 * k, 164 * k, 2048};
    case 86:
        return {8, 6, 84, 99 * k, 100 * k, 1536};
    case 89:
        return {8, 9, 128, 99 * k, 100 * k, 1536};
    default:
        return {9, 0, 132, 227 * k, 228 * k, 2048};
    }
}

namespace {

// CUdevice_attribute, as far as anyone asks.
bool device_attribute(int attribute, int& value) {
    const Limits limits = device_limits();
    struct Attribute {
        int number;
        unsigned value;
    };
    const Attribute attributes[] = {
        {1, kMaximumThreads},                    // threads per block
        {2, 1024},                               // block, x
        {3, 1024},                               // block, y
        {4, 64},                                 // block, z
        {5, 2147483647},                         // grid, x
        {6, 65535},                              // grid, y
        {7, 65535},                              // grid, z
        {8, limits.shared_per_block},            // bytes, unless a function opts in
        {9, 65536},                              // constant memory, bytes
        {10, kWarpSize},                         // threads of a warp
        {12, 65536},                             // registers per block
        {13, 1500000},                           // clock, kHz
        {16, limits.multiprocessors},            //
        {18, 0},                                 // integrated into the host
        {19, 1},                                 // maps host memory
        {31, 1},                                 // kernels run side by side
        {36, 1500000},                           // memory clock, kHz
        {37, 5120},                              // memory bus, bits
        {38, 32 << 20},                          // L2 cache, bytes
        {39, limits.threads_per_multiprocessor}, //
        {40, 1},                                 // copy engines
        {41, 1},                                 // one address space with the host
        {75, limits.major},                      // compute capability
        {76, limits.minor},                      //
        {81, limits.shared_per_multiprocessor},  //
        {82, 65536},                             // registers per multiprocessor
        {95, 0},                                 // cooperative launches
        {97, limits.shared_opt_in},              // shared memory of a block that opts in
        {106, 32},                               // blocks per multiprocessor
        {111, 1024},                             // shared memory per block kept by the system
        {115, 1},                                // stream-ordered allocation
    };
    for (const Attribute& a : attributes)
        if (a.number == attribute) return value = static_cast<int>(a.value), true;
    return false;
}

const char* result_name(Result result) {
    struct Name {
        Result result;
        const char* name;
    };
    static constexpr Name kNames[] = {
        {kSuccess, "CUDA_SUCCESS"},
        {kInvalidValue, "CUDA_ERROR_INVALID_VALUE"},
        {kOutOfMemory, "CUDA_ERROR_OUT_OF_MEMORY"},
        {kNotInitialized, "CUDA_ERROR_NOT_INITIALIZED"},
        {kNoDevice, "CUDA_ERROR_NO_DEVICE"},
        {kInvalidDevice, "CUDA_ERROR_INVALID_DEVICE"},
        {kInvalidImage, "CUDA_ERROR_INVALID_IMAGE"},
        {kInvalidContext, "CUDA_ERROR_INVALID_CONTEXT"},
        {kNoBinaryForGpu, "CUDA_ERROR_NO_BINARY_FOR_GPU"},
        {kInvalidPtx, "CUDA_ERROR_INVALID_PTX"},
        {kInvalidHandle, "CUDA_ERROR_INVALID_HANDLE"},
        {kIllegalState, "CUDA_ERROR_ILLEGAL_STATE"},
        {kNotFound, "CUDA_ERROR_NOT_FOUND"},
        {kNotReady, "CUDA_ERROR_NOT_READY"},
        {kLaunchOutOfResources, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES"},
        {kContextIsDestroyed, "CUDA_ERROR_CONTEXT_IS_DESTROYED"},
        {kLaunchFailed, "CUDA_ERROR_LAUNCH_FAILED"},
        {kNotPermitted, "CUDA_ERROR_NOT_PERMITTED"},
        {kNotSupported, "CUDA_ERROR_NOT_SUPPORTED"},
        {kCaptureUnsupported, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED"},
        {kCaptureInvalidated, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED"},
        {kCaptureMerge, "CUDA_ERROR_STREAM_CAPTURE_MERGE"},
        {kCaptureUnmatched, "CUDA_ERROR_STREAM_CAPTURE_UNMATCHED"},
        {kCaptureUnjoined, "CUDA_ERROR_STREAM_CAPTURE_UNJOINED"},
        {kCaptureIsolation, "CUDA_ERROR_STREAM_CAPTURE_ISOLATION"},
        {kCaptureImplicit, "CUDA_ERROR_STREAM_CAPTURE_IMPLICIT"},
        {kCapturedEvent, "CUDA_ERROR_CAPTURED_EVENT"},
        {kCaptureWrongThread, "CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD"},
    };
    for (const Name& n : kNames)
        if (n.result == result) return n.name;
    return nullptr;
}

} // namespace

} // namespace emu

using namespace emu;

GB_API cuInit(unsigned flags) {
    return call(Needs::nothing, [=] {
        if (flags != 0) return kInvalidValue;
        if (!driver().initialised) options = options_from_environment();
        driver().initialised = true;
        return kSuccess;
    });
}

GB_API cuDriverGetVersion(int* version) {
    if (version == nullptr) return kInvalidValue;
    *version = 12040;
    return kSuccess;
}

GB_API cuDeviceGetCount(int* count) {
    return call(Needs::initialised, [=] { return *count = 1, kSuccess; });
}

GB_API cuDeviceGet(int* device, int ordinal) {
    return call(Needs::initialised, [=] { return ordinal != 0 ? kInvalidDevice : (*device = 0, kSuccess); });
}

GB_API cuDeviceGetName(char* name, int bytes, int device) {
    return call(Needs::initialised, [=] {
        if (device != 0) return kInvalidDevice;
        std::snprintf(name, static_cast<std::size_t>(bytes), "Emulated GPU (sm_%u)", options.architecture);
        return kSuccess;
    });
}

GB_API cuDeviceGetAttribute(int* value, int attribute, int device) {
    return call(Needs::initialised, [=] {
        if (device != 0) return kInvalidDevice;
        return device_attribute(attribute, *value) ? kSuccess : kInvalidValue;
    });
}

GB_API cuDeviceTotalMem_v2(std::size_t* bytes, int device) {
    return call(Needs::initialised, [=] { return device != 0 ? kInvalidDevice : (*bytes = options.memory, kSuccess); });
}

GB_API cuDevicePrimaryCtxRetain(Context** context, int device) {
    return call(Needs::initialised, [=] {
        if (device != 0) return kInvalidDevice;
        if (driver().context.retained++ == 0) reset_context();
        *context = &driver().context;
        return kSuccess;
    });
}

GB_API cuDevicePrimaryCtxRelease_v2(int device) {
    return call(Needs::initialised, [=] {
        if (device != 0) return kInvalidDevice;
        if (driver().context.retained == 0) return kInvalidContext;
        if (driver().context.retained == 1) {
            streams().synchronize();
            reset_context();
        }
        --driver().context.retained;
        return kSuccess;
    });
}

GB_API cuDevicePrimaryCtxReset_v2(int device) {
    return call(Needs::initialised, [=] { return device != 0 ? kInvalidDevice : (reset_context(), kSuccess); });
}

GB_API cuCtxSetCurrent(Context* context) {
    return call(Needs::initialised, [=] {
        if (context != nullptr && context != &driver().context) return kInvalidContext;
        if (!current_contexts.empty()) current_contexts.pop_back();
        if (context != nullptr) current_contexts.push_back(context);
        return kSuccess;
    });
}

GB_API cuCtxGetCurrent(Context** context) {
    return call(Needs::initialised, [=] {
        *context = current_contexts.empty() ? nullptr : current_contexts.back();
        return kSuccess;
    });
}

GB_API cuCtxPushCurrent_v2(Context* context) {
    return call(Needs::initialised, [=] {
        if (context != &driver().context) return kInvalidContext;
        current_contexts.push_back(context);
        return kSuccess;
    });
}

GB_API cuCtxPopCurrent_v2(Context** context) {
    return call(Needs::initialised, [=] {
        if (current_contexts.empty()) return kInvalidContext;
        if (context != nullptr) *context = current_contexts.back();
        current_contexts.pop_back();
        return kSuccess;
    });
}

GB_API cuCtxGetDevice(int* device) {
    return call(Needs::context, [=] { return *device = 0, kSuccess; });
}

GB_API cuCtxSynchronize() {
    return call(Needs::context, [] {
        const Result forbidden = streams().forbid_in_capture(nullptr);
        return forbidden != kSuccess ? forbidden : streams().synchronize();
    });
}

GB_API cuGetErrorName(Result result, const char** name) {
    *name = result_name(result);
    return *name == nullptr ? kInvalidValue : kSuccess;
}

// Of a launch that failed: what the checker found.
GB_API cuGetErrorString(Result result, const char** text) {
    const std::string& report = driver().context.report;
    *text = result == kLaunchFailed && !report.empty() ? report.c_str() : result_name(result);
    return *text == nullptr ? kInvalidValue : kSuccess;
}
