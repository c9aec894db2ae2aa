// Kernels register themselves by name. The registration of kernels/<op>.cu is generated (register.cmake), and compiled
// with the kernels: no header of the C library here, see simt/host.h.
#pragma once

#include "simt/emulator.h"

#include <cstddef>
#include <utility>

namespace emu {

struct Kernel {
    const char* name;
    void (*call)(void* const* parameters); // one address per parameter
    unsigned maximum_threads;              // of __launch_bounds__
    bool instrumented;                     // its accesses are reported to the checker
    unsigned parameter_count;
    const std::size_t* parameter_sizes;
};

// Null if there is none.
const Kernel* find_kernel(const char* name);

struct Registration {
    explicit Registration(const Kernel& kernel);
    Kernel kernel;
    const Registration* next;
};

template <auto Function> struct Entry;
template <class... Args, void (*Function)(Args...)> struct Entry<Function> {
    static constexpr unsigned kCount = sizeof...(Args);
    static constexpr std::size_t kSizes[kCount + 1] = {sizeof(Args)..., 0};

    template <std::size_t... I>
    __attribute__((no_sanitize("thread", "alignment"))) static void spread(void* const* p, std::index_sequence<I...>) {
        Function(*static_cast<Args*>(p[I])...);
    }
    __attribute__((no_sanitize("thread", "alignment"))) static void call(void* const* p) {
        spread(p, std::index_sequence_for<Args...>{});
    }
};

// Of the arguments of __launch_bounds__ the first is the limit.
template <class... Rest> constexpr unsigned first_bound(unsigned threads, Rest...) {
    return threads;
}

template <auto Function> Kernel describe_kernel(const char* name, unsigned maximum_threads) {
    using Call = Entry<Function>;
#if defined(__SANITIZE_THREAD__)
    constexpr bool kInstrumented = true;
#else
    constexpr bool kInstrumented = false;
#endif
    return {name, &Call::call, maximum_threads, kInstrumented, Call::kCount, Call::kSizes};
}

} // namespace emu
