// Segments of an array, from their starts, which only the device can read.
#pragma once

#include "common/fault.h"

namespace gimbal::device {

// True if starts[s] lies within what is allowed, starts ascending within 0..count; reports it otherwise.
GB_DEVICE bool check_start(const FaultSite& fault, const int32_t* starts, int64_t s, int64_t count) {
    const int64_t lowest = s > 0 ? starts[s - 1] : 0;
    if (starts[s] >= lowest && starts[s] <= count) return true;
    raise(fault, s, starts[s], count + 1, lowest);
    return false;
}

// True if both ends of segment s do.
GB_DEVICE bool check_segment(const FaultSite& fault, const int32_t* starts, int64_t s, int64_t count) {
    return check_start(fault, starts, s, count) && check_start(fault, starts, s + 1, count);
}

} // namespace gimbal::device
