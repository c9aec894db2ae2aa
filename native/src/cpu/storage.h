// Arrays whose type a call chooses, one by one: float32 or bfloat16. Arithmetic is float32; a result is rounded once,
// to nearest even, when it is stored.
#pragma once

#include "cpu/bfloat16.h"
#include "gimbal.h"

namespace gimbal::GB_ISA {

// Names an array as what it holds.
template <class T> struct Stored {
    using Element = T;
    GB_INLINE const T* operator()(const void* p) const { return static_cast<const T*>(p); }
    GB_INLINE T* operator()(void* p) const { return static_cast<T*>(p); }
};

// Calls body with a Stored for each dtype.
template <class Body> void as_stored(gb_dtype dtype, Body&& body) {
    if (dtype == GB_BFLOAT16)
        body(Stored<bf16>{});
    else
        body(Stored<float>{});
}
template <class Body> void as_stored(gb_dtype a, gb_dtype b, Body&& body) {
    as_stored(a, [&](auto first) { as_stored(b, [&](auto second) { body(first, second); }); });
}
template <class Body> void as_stored(gb_dtype a, gb_dtype b, gb_dtype c, Body&& body) {
    as_stored(a, [&](auto first) { as_stored(b, c, [&](auto second, auto third) { body(first, second, third); }); });
}

// Copies count elements, rounding or widening them where the types differ.
template <class From, class To> GB_INLINE void copy_elements(const From* from, To* to, int64_t count) {
    for_lanes(0, count, [&](int64_t j, auto n) { store(to + j, load(from + j, n), n); });
}
template <class T> GB_INLINE void clear_elements(T* to, int64_t count) {
    for_lanes(0, count, [&](int64_t j, auto n) { store(to + j, zero(), n); });
}

} // namespace gimbal::GB_ISA
