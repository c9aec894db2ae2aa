// The shell of every op: argument checks, then the launch on the context's device.
#pragma once

#include "context.h"
#include "status.h"

#include <initializer_list>

namespace gimbal {

// Argument checks. A check that fails throws an Error naming the argument, what was wanted and what was got.
class Arguments {
public:
    // Not null unless the op has nothing to do (`needed` false).
    void pointer(const char* name, const void* value, bool needed = true) const;
    // At least `minimum`.
    void size(const char* name, int64_t value, int64_t minimum = 0) const;
    // The product fits 63 bits.
    void product(const char* name, std::initializer_list<int64_t> sizes) const;
    void stride(const char* name, int64_t value, int64_t width) const { size(name, value, width); }
    void flag(const char* name, int32_t value) const;
    void finite(const char* name, float value) const;
    // `condition` holds, else "<name>: wanted <wanted>, got <value>".
    void require(bool condition, const char* name, const char* wanted, double value) const;
    void dtype(const char* name, gb_dtype value, std::initializer_list<gb_dtype> supported) const;
    // Of activations and weights: float32 or bfloat16.
    void storage(const char* name, gb_dtype value) const;
    // Of what meets weights of a type: the same, or float32.
    void beside(gb_dtype weights, const char* name, gb_dtype value) const;
};

// Runs an op: `checks` on every device, then the function that `choose` picks from the table of the context's backend,
// with the op's own arguments (nothing on GB_DEVICE_META).
template <class Checks, class Choose, class... Args>
gb_status run(const char* operation, gb_context* context, Checks&& checks, Choose choose, Args... args) noexcept {
    return guard(operation, [&] {
        if (context == nullptr) throw Error(GB_INVALID_ARGUMENT, "context is null");
        checks(Arguments());
        context->launch(operation, choose, args...);
    });
}

} // namespace gimbal
