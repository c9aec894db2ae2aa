// How a kernel reports data that the host cannot check, a token id outside its table: the first one found is recorded,
// its result is NaN, and the next synchronisation turns the record into an error.
#pragma once

#include <cstdint>

namespace gimbal {

struct FaultRecord {
    unsigned raised; // 0 until a kernel wrote the fields below
    unsigned reserved;
    const char* op;       // of the host: the name of the op
    const char* argument; // of the host: the name of the argument
    int64_t row;
    int64_t value;
    int64_t lowest, limit; // what was wanted: at least `lowest`, less than `limit`
};

// What a launch hands its kernel.
struct FaultSite {
    FaultRecord* record;
    const char* op;
    const char* argument;
};

} // namespace gimbal

#if defined(__CUDA__) || defined(__CUDACC__) || defined(GB_SIMT_HOST)
#include "simt/simt.h"

namespace gimbal::device {

GB_DEVICE void raise(const FaultSite& site, int64_t row, int64_t value, int64_t limit, int64_t lowest = 0) {
    if (atomicCAS(&site.record->raised, 0u, 1u) != 0u) return;
    site.record->op = site.op;
    site.record->argument = site.argument;
    site.record->row = row;
    site.record->value = value;
    site.record->lowest = lowest;
    site.record->limit = limit;
}

} // namespace gimbal::device
#endif
