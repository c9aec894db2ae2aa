// What the parts of the emulated driver share: results, the one device and its context, and the way into every call.
//
// The functions have the names and the binary interface of the real driver library; driver_*.cpp define them, one file
// a family. Every call takes the one lock, so the machine below is used by one OS thread at a time.
#pragma once

#include "machine.h"
#include "memory.h"

#include <mutex>
#include <new>
#include <string>
#include <vector>

namespace emu {

using Result = int;
using Address = unsigned long long;

// CUresult.
constexpr Result kSuccess = 0;
constexpr Result kInvalidValue = 1;
constexpr Result kOutOfMemory = 2;
constexpr Result kNotInitialized = 3;
constexpr Result kNoDevice = 100;
constexpr Result kInvalidDevice = 101;
constexpr Result kInvalidImage = 200;
constexpr Result kInvalidContext = 201;
constexpr Result kNoBinaryForGpu = 209;
constexpr Result kInvalidPtx = 218;
constexpr Result kInvalidHandle = 400;
constexpr Result kIllegalState = 401;
constexpr Result kNotFound = 500;
constexpr Result kNotReady = 600;
constexpr Result kLaunchOutOfResources = 701;
constexpr Result kContextIsDestroyed = 709;
constexpr Result kLaunchFailed = 719;
constexpr Result kNotPermitted = 800;
constexpr Result kNotSupported = 801;
constexpr Result kCaptureUnsupported = 900;
constexpr Result kCaptureInvalidated = 901;
constexpr Result kCaptureMerge = 902;
constexpr Result kCaptureUnmatched = 903;
constexpr Result kCaptureUnjoined = 904;
constexpr Result kCaptureIsolation = 905;
constexpr Result kCaptureImplicit = 906;
constexpr Result kCapturedEvent = 907;
constexpr Result kCaptureWrongThread = 908;

struct Context {
    unsigned retained = 0;
    Result lost = kSuccess; // sticky: every call fails with it until the context is gone
    std::string report;     // of the fault that lost it
};

struct Driver {
    std::mutex mutex;
    bool initialised = false;
    Context context; // the device's primary one; there is no other
};
Driver& driver();
extern thread_local std::vector<Context*> current_contexts; // of the OS thread, the current one last

// The context is gone or begins anew: all it held is released.
void reset_context();

// Records a fault of a kernel: the context is lost.
void lose_context(const std::string& report);

// Runs a call of the driver under the lock. Needs: what must hold before.
enum class Needs { nothing, initialised, context };
template <class Body> Result call(Needs needs, Body body) {
    Driver& d = driver();
    const std::lock_guard lock(d.mutex);
    if (needs != Needs::nothing && !d.initialised) return kNotInitialized;
    if (needs == Needs::context) {
        if (current_contexts.empty() || current_contexts.back() == nullptr) return kInvalidContext;
        if (d.context.retained == 0) return kContextIsDestroyed;
        if (d.context.lost != kSuccess) return d.context.lost;
    }
    try {
        return body();
    } catch (const std::bad_alloc&) {
        return kOutOfMemory;
    }
}

// What an architecture allows.
struct Limits {
    unsigned major, minor;
    unsigned multiprocessors;
    unsigned shared_opt_in; // per block, static and dynamic together
    unsigned shared_per_multiprocessor;
    unsigned threads_per_multiprocessor;
    unsigned shared_per_block = 48 << 10; // unless a function opts in
};
Limits device_limits();

} // namespace emu

#define GB_API extern "C" __attribute__((visibility("default"))) emu::Result
