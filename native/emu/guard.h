// Signals while a kernel runs: a thread of it that never reaches a barrier or its end, a wild pointer, an overrun
// stack. Each becomes a fault of the launch, with its line, instead of a hang or the end of the process.
#pragma once

#include <cstdint>

#include <ctime>

namespace emu {

// For the OS thread that runs a launch, while it does.
class Guard {
public:
    // A thread is taken to hang if for `seconds` of processor time neither `progress` nor the running thread changes.
    Guard(double seconds, const uint64_t& progress);
    ~Guard();
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

private:
    timer_t timer_{};
    bool has_timer_ = false;
};

} // namespace emu
