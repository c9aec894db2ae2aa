// How the emulated device behaves, from the environment; read when the driver is initialised and when its context is
// reset. README.md lists the variables.
#pragma once

#include <cstddef>
#include <cstdint>

namespace emu {

enum class Schedule { forward, reverse, random };
enum class AsyncCopies { early, late, random };

struct Options {
    Schedule schedule = Schedule::forward;
    uint64_t seed = 1;
    AsyncCopies async = AsyncCopies::late;
    unsigned resident = 1;     // blocks whose threads are interleaved; 4 under the random schedule unless given
    bool check = true;         // every access of a kernel is checked
    bool global_races = false; // conflicts between threads in global memory too
    bool late_streams = true;  // queued work runs when something waits for it, not at once
    unsigned architecture = 90;
    std::size_t memory = std::size_t{64} << 30; // of the device; backed only where touched
    double timeout = 60; // seconds in which one thread of a kernel may run without reaching any barrier or end
};

// Reads CUDAEMU_*; a value that is not understood is reported on standard error and ignored.
Options options_from_environment();

extern Options options;

} // namespace emu
