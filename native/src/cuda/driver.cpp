#include "cuda/driver.h"

#include "cuda/library.h"
#include "status.h"

#include <cstdio>
#include <string>

namespace gimbal::driver {
namespace {

#if defined(_WIN32)
constexpr const char* kSystemLibrary = "nvcuda.dll";
#else
constexpr const char* kSystemLibrary = "libcuda.so.1";
#endif

Driver load() {
    const char* named = environment("GIMBAL_CUDA_DRIVER");
    const std::string name = named != nullptr ? named : kSystemLibrary;
    std::string why;
    void* library = open_library(name.c_str(), why);
    if (library == nullptr)
        throw Error(GB_UNSUPPORTED, "no CUDA driver: " + why + "; install the NVIDIA driver, or open the CPU");
    Driver driver;
    const auto resolve = [&](const char* symbol) {
        void* function = find_symbol(library, symbol);
        if (function == nullptr)
            throw Error(GB_UNSUPPORTED, name + " has no " + symbol + "; wanted the driver of CUDA 12 or later");
        return function;
    };
#define GB_DRIVER(symbol, name, parameters) driver.name = reinterpret_cast<Result(*) parameters>(resolve(#symbol));
    GB_DRIVER_FUNCTIONS
#undef GB_DRIVER
    char text[256];
    if (const Result result = driver.init(0); result != kSuccess)
        throw Error(GB_UNSUPPORTED, name + ": " + driver.describe(result, text, sizeof text));
    return driver;
}

} // namespace

const Driver& Driver::get() {
    static const Driver driver = load();
    return driver;
}

const char* Driver::describe(Result result, char* buffer, std::size_t bytes) const {
    const char *code = nullptr, *text = nullptr;
    if (error_name(result, &code) != kSuccess || code == nullptr) code = "an unknown error";
    if (error_text(result, &text) != kSuccess || text == nullptr) text = "no text";
    std::snprintf(buffer, bytes, "%s (%d): %s", code, result, text);
    return buffer;
}

} // namespace gimbal::driver
