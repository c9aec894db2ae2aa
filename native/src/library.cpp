// The library itself: version, op names, the thread's error message, argument checks.
#include "op.h"

#include <cmath>
#include <cstdio>
#include <string>

namespace {

thread_local std::string last_error;

constexpr char kOpNames[] =
#define GB_OP(name) #name "\0"
#define GB_BACKWARD(name) #name "_backward\0"
#include "ops.def"
#undef GB_OP
#undef GB_BACKWARD
    "";

} // namespace

int32_t gb_abi_version(void) { return GB_ABI_VERSION; }

const char* gb_last_error(void) { return last_error.c_str(); }

const char* gb_op_names(void) { return kOpNames; }

namespace gimbal {

gb_status fail(gb_status status, const char* operation, const char* message) noexcept {
    try {
        last_error = std::string(operation) + ": " + message;
    } catch (...) {
        last_error.clear();
    }
    return status;
}

namespace {

[[noreturn]] void refuse(const char* name, const std::string& wanted, const std::string& got) {
    throw Error(GB_INVALID_ARGUMENT, std::string(name) + ": wanted " + wanted + ", got " + got);
}

const char* dtype_name(gb_dtype dtype) {
    static constexpr const char* kNames[] = {"float32", "bfloat16", "int32", "uint8", "float64", "int64"};
    return dtype >= 0 && dtype <= GB_INT64 ? kNames[dtype] : "an unknown dtype";
}

std::string text(double value) {
    char buffer[32];
    std::snprintf(buffer, sizeof buffer, "%.9g", value);
    return buffer;
}

} // namespace

void Arguments::pointer(const char* name, const void* value, bool needed) const {
    if (value == nullptr && needed) refuse(name, "memory of the device", "null");
}

void Arguments::size(const char* name, int64_t value, int64_t minimum) const {
    if (value < minimum) refuse(name, "at least " + std::to_string(minimum), std::to_string(value));
}

void Arguments::product(const char* name, std::initializer_list<int64_t> sizes) const {
    int64_t total = 1;
    for (int64_t size : sizes) {
        if (size != 0 && total > INT64_MAX / 16 / size) refuse(name, "fewer than 2^59 elements", "more");
        total *= size;
    }
}

void Arguments::flag(const char* name, int32_t value) const {
    if (value != 0 && value != 1) refuse(name, "0 or 1", std::to_string(value));
}

void Arguments::finite(const char* name, float value) const {
    if (!std::isfinite(value)) refuse(name, "a finite number", text(value));
}

void Arguments::require(bool condition, const char* name, const char* wanted, double value) const {
    if (!condition) refuse(name, wanted, text(value));
}

void Arguments::dtype(const char* name, gb_dtype value, std::initializer_list<gb_dtype> supported) const {
    std::string wanted;
    for (gb_dtype dtype : supported) {
        if (dtype == value) return;
        wanted += (wanted.empty() ? "" : " or ") + std::string(dtype_name(dtype));
    }
    throw Error(GB_UNSUPPORTED, std::string(name) + ": wanted " + wanted + ", got " + dtype_name(value));
}

void Arguments::storage(const char* name, gb_dtype value) const {
    dtype(name, value, {GB_FLOAT32, GB_BFLOAT16});
}

void Arguments::beside(gb_dtype weights, const char* name, gb_dtype value) const {
    if (weights == GB_FLOAT32) return dtype(name, value, {GB_FLOAT32});
    dtype(name, value, {GB_FLOAT32, weights});
}

} // namespace gimbal
