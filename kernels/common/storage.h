// Arrays whose type a launch chooses, one by one: float32 or bfloat16. Arithmetic is float32; a result is rounded once,
// when it is stored.
#pragma once

#include "common/vec.h"

namespace gimbal::device {

// Calls body with the pointer as what it is. The same for the whole grid, so a branch costs next to nothing: a kernel
// does it once for each of its loops, instead of being compiled for every combination.
template <class Body> GB_DEVICE void as_stored(const void* p, bool is_bf16, Body body) {
    if (is_bf16)
        body(static_cast<const bf16*>(p));
    else
        body(static_cast<const float*>(p));
}
template <class Body> GB_DEVICE void as_stored(void* p, bool is_bf16, Body body) {
    if (is_bf16)
        body(static_cast<bf16*>(p));
    else
        body(static_cast<float*>(p));
}

} // namespace gimbal::device
