// Ranges named after the ops in the timeline of a profiler. Nothing is linked: a profiler (Nsight Systems, Nsight
// Compute) names its injection library in NVTX_INJECTION64_PATH, and that library puts its functions into our table
// (the injection protocol of NVTX version 3). Without a profiler a range costs one comparison.
#pragma once

namespace gimbal {

// From here to the end of the scope, on this thread. `name` is zero-terminated.
class ProfilerRange {
public:
    explicit ProfilerRange(const char* name);
    ~ProfilerRange();
    ProfilerRange(const ProfilerRange&) = delete;
    ProfilerRange& operator=(const ProfilerRange&) = delete;
};

} // namespace gimbal
