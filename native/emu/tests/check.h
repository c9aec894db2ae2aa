// A small test harness, and a device to test on.
#pragma once

#include "api.h"

#include <cstdio>
#include <string>
#include <vector>

inline int failures = 0;

#define GB_CHECK(condition)                                                                                            \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            std::printf("%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition);                                  \
            ++failures;                                                                                                \
        }                                                                                                              \
    } while (0)

// The result of a call of the driver.
#define GB_GIVES(wanted, call)                                                                                         \
    do {                                                                                                               \
        if (const int result_ = (call); result_ != (wanted)) {                                                         \
            std::printf("%s:%d: %s gives %d, wanted %d\n", __FILE__, __LINE__, #call, result_, wanted);                \
            ++failures;                                                                                                \
        }                                                                                                              \
    } while (0)

// Environment variables for a scope, read by the context that begins with it.
class Setting {
public:
    struct Variable {
        const char* name;
        std::string value;
    };
    Setting(std::initializer_list<Variable> variables = {}) : variables_(variables) {
        for (const auto& [name, value] : variables_)
            setenv(name, value.c_str(), 1);
        GB_REQUIRE(cuDevicePrimaryCtxReset_v2(0));
        GB_REQUIRE(cuModuleLoadDataEx(&module_, kAllKernels, 0, nullptr, nullptr));
    }
    ~Setting() {
        for (const auto& [name, value] : variables_)
            unsetenv(name);
    }
    Setting(const Setting&) = delete;
    Setting& operator=(const Setting&) = delete;

    void* function(const char* name) const {
        void* result = nullptr;
        GB_REQUIRE(cuModuleGetFunction(&result, module_, name));
        return result;
    }
    template <class Arguments>
    int launch(const char* name, unsigned blocks, unsigned threads, Arguments arguments, void* stream = nullptr,
               unsigned shared_bytes = 0) const {
        void* parameters[] = {&arguments};
        return cuLaunchKernel(function(name), blocks, 1, 1, threads, 1, 1, shared_bytes, stream, parameters, nullptr);
    }

private:
    std::vector<Variable> variables_;
    void* module_ = nullptr;
};

// An array on the device; released with the context.
template <class T> class Array {
public:
    explicit Array(std::size_t count) : count_(count) { GB_REQUIRE(cuMemAlloc_v2(&address_, count * sizeof(T))); }
    explicit Array(const std::vector<T>& values) : Array(values.size()) {
        GB_REQUIRE(cuMemcpyHtoD_v2(address_, values.data(), values.size() * sizeof(T)));
    }
    std::vector<T> values() const {
        std::vector<T> result(count_);
        GB_REQUIRE(cuMemcpyDtoH_v2(result.data(), address_, count_ * sizeof(T)));
        return result;
    }
    Address address() const { return address_; }
    T* pointer() const { return reinterpret_cast<T*>(static_cast<uintptr_t>(address_)); }

private:
    Address address_ = 0;
    std::size_t count_;
};

void test_driver();  // selftest_driver.cpp
void test_streams(); // selftest_streams.cpp
