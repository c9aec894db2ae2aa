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
    switch (options.architecture) {
    case 80:
        return {.major = 8,
                .minor = 0,
                .multiprocessors = 108,
                .shared_opt_in = 163 << 10,
                .shared_per_multiprocessor = 164 << 10,
                .threads_per_multiprocessor = 2048};
    case 86:
        return {.major = 8,
                .minor = 6,
                .multiprocessors = 84,
                .shared_opt_in = 99 << 10,
                .shared_per_multiprocessor = 100 << 10,
                .threads_per_multiprocessor = 1536};
    case 89:
        return {.major = 8,
                .minor = 9,
                .multiprocessors = 128,
                .shared_opt_in = 99 << 10,
                .shared_per_multiprocessor = 100 << 10,
                .threads_per_multiprocessor = 1536};
    default:
        return {.major = 9,
                .minor = 0,
                .multiprocessors = 132,
                .shared_opt_in = 227 << 10,
                .shared_per_multiprocessor = 228 << 10,
                .threads_per_multiprocessor = 2048};
    }
}

namespace {

// CUdevice_attribute, as far as anyone asks.
bool device_attribute(int attribute, int& value) {
    const Limits limits = device_limits();
    switch (attribute) {
    case 1:
        value = 1024;
        return true; // threads per block
    case 2:
    case 3:
        value = 1024;
        return true; // block, x and y
    case 4:
        value = 64;
        return true; // block, z
    case 5:
        value = 2147483647;
        return true; // grid, x
    case 6:
    case 7:
        value = 65535;
        return true; // grid, y and z
    case 8:
        value = static_cast<int>(limits.shared_per_block);
        return true; // shared memory per block
    case 9:
        value = 65536;
        return true; // constant memory
    case 10:
        value = static_cast<int>(kWarpSize);
        return true; // warp
    case 12:
    case 82:
        value = 65536;
        return true; // registers per block, per SM
    case 13:
        value = 1500000;
        return true; // clock, kHz
    case 14:
        value = 512;
        return true; // texture alignment
    case 16:
        value = limits.multiprocessors;
        return true; // multiprocessors
    case 18:
    case 40:
    case 41:
        value = 1;
        return true; // integrated (see below), engines, UVA
    case 19:
    case 31:
        value = 1;
        return true; // maps host memory, concurrent kernels
    case 36:
        value = 1500000;
        return true; // memory clock, kHz
    case 37:
        value = 5120;
        return true; // bus width, bits
    case 38:
        value = 32 << 20;
        return true; // L2 bytes
    case 39:
        value = static_cast<int>(limits.threads_per_multiprocessor);
        return true;
    case 75:
        value = limits.major;
        return true;
    case 76:
        value = limits.minor;
        return true;
    case 81:
        value = static_cast<int>(limits.shared_per_multiprocessor);
        return true;
    case 95:
        value = 0;
        return true; // cooperative launches
    case 97:
        value = static_cast<int>(limits.shared_opt_in);
        return true;
    case 106:
        value = 32;
        return true; // blocks per multiprocessor
    case 111:
        value = 1 << 10;
        return true; // shared memory kept by the system
    case 115:
        value = 1;
        return true; // memory pools
    default:
        return false;
    }
}

const char* result_name(Result result) {
    switch (result) {
    case kSuccess:
        return "CUDA_SUCCESS";
    case kInvalidValue:
        return "CUDA_ERROR_INVALID_VALUE";
    case kOutOfMemory:
        return "CUDA_ERROR_OUT_OF_MEMORY";
    case kNotInitialized:
        return "CUDA_ERROR_NOT_INITIALIZED";
    case kNoDevice:
        return "CUDA_ERROR_NO_DEVICE";
    case kInvalidDevice:
        return "CUDA_ERROR_INVALID_DEVICE";
    case kInvalidImage:
        return "CUDA_ERROR_INVALID_IMAGE";
    case kInvalidContext:
        return "CUDA_ERROR_INVALID_CONTEXT";
    case kNoBinaryForGpu:
        return "CUDA_ERROR_NO_BINARY_FOR_GPU";
    case kInvalidPtx:
        return "CUDA_ERROR_INVALID_PTX";
    case kInvalidHandle:
        return "CUDA_ERROR_INVALID_HANDLE";
    case kIllegalState:
        return "CUDA_ERROR_ILLEGAL_STATE";
    case kNotFound:
        return "CUDA_ERROR_NOT_FOUND";
    case kNotReady:
        return "CUDA_ERROR_NOT_READY";
    case kLaunchOutOfResources:
        return "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES";
    case kContextIsDestroyed:
        return "CUDA_ERROR_CONTEXT_IS_DESTROYED";
    case kLaunchFailed:
        return "CUDA_ERROR_LAUNCH_FAILED";
    case kNotPermitted:
        return "CUDA_ERROR_NOT_PERMITTED";
    case kNotSupported:
        return "CUDA_ERROR_NOT_SUPPORTED";
    case kCaptureUnsupported:
        return "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED";
    case kCaptureInvalidated:
        return "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED";
    case kCaptureMerge:
        return "CUDA_ERROR_STREAM_CAPTURE_MERGE";
    case kCaptureUnmatched:
        return "CUDA_ERROR_STREAM_CAPTURE_UNMATCHED";
    case kCaptureUnjoined:
        return "CUDA_ERROR_STREAM_CAPTURE_UNJOINED";
    case kCaptureIsolation:
        return "CUDA_ERROR_STREAM_CAPTURE_ISOLATION";
    case kCaptureImplicit:
        return "CUDA_ERROR_STREAM_CAPTURE_IMPLICIT";
    case kCapturedEvent:
        return "CUDA_ERROR_CAPTURED_EVENT";
    case kCaptureWrongThread:
        return "CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD";
    default:
        return nullptr;
    }
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
