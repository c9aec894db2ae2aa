// The emulated multiprocessor: threads as fibers, blocks as the state that their threads share, and the scheduler that
// runs a launch. One launch at a time, on the OS thread that asks for it; the driver holds its lock meanwhile.
//
// A thread runs until it waits (barrier, warp collective, spinning load) or ends; then the next ready one runs. The
// last lane to arrive at a warp collective carries it out for all: machine.cpp knows who waits, warp.cpp what is done.
// A fault leaves all fibers where they are and returns to launch(), which reports it.
#pragma once

#include "fault.h"
#include "fiber.h"
#include "options.h"
#include "registry.h"
#include "shadow.h"

#include "simt/emulator.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace emu {

constexpr unsigned kWarpSize = 32;
constexpr unsigned kMaximumThreads = 1024; // in a block
constexpr unsigned kMaximumWarps = kMaximumThreads / kWarpSize;

enum class State : uint8_t { ready, at_barrier, in_collective, done };

enum class Collective : uint8_t {
    sync_warp,
    shuffle_index,
    shuffle_up,
    shuffle_down,
    shuffle_xor,
    ballot,
    any,
    all,
    load_matrices,
    multiply_matrices
};

// What a lane brings to a collective, and what it takes away.
union Operand {
    struct {
        uint64_t value;
        int lane, width;
    } shuffle;
    unsigned vote;
    struct {
        const void* row;
        int matrices;
        bool transposed;
        uint32_t result[4];
    } load;
    struct {
        float d[4];
        uint32_t a[4], b[2];
    } multiply;
};

// One cp.async.
struct PendingCopy {
    void* shared;
    const void* global; // null: zeros
    bool late;          // the bytes move when it is waited for
};

struct Block;

struct Thread {
    Fiber fiber;
    Block* block = nullptr;
    uint64_t packed_index = 0;
    uint16_t linear = 0;
    State state = State::done;
    Collective collective{};
    unsigned mask = 0;
    Place place; // where it waits
    Operand operand;
    std::vector<PendingCopy> copies;     // in order of issue
    std::vector<std::size_t> group_ends; // committed groups, as ends in `copies`
    std::size_t groups_done = 0;
};

struct SharedArray {
    const void* declaration; // null: the dynamic array
    const char* name;
    std::size_t offset, bytes;
};

// A block that is resident, and where its threads keep what they share.
struct Block {
    uint64_t linear = 0, packed_index = 0; // in the grid
    Thread* threads = nullptr;
    unsigned exited = 0, at_barrier = 0;
    bool active = false;
    unsigned char* shared = nullptr;
    std::vector<SharedArray> arrays;
    std::size_t shared_top = 0; // end of what is allocated
    Shadow shadow;
    uint32_t start_time = 0, time = 0;
    uint32_t warp_time[kMaximumWarps] = {};
    unsigned waiting[kMaximumWarps] = {}; // lanes in a collective, per warp
    unsigned ended[kMaximumWarps] = {};   // lanes that have returned
};

struct Launch {
    const Kernel* kernel = nullptr;
    dim3 grid, block;
    unsigned shared_bytes = 0; // dynamic
    unsigned shared_limit = 0; // static and dynamic together
    void* const* parameters = nullptr;
};

// Runs it to its end. Empty if all went well, else the report of the fault.
std::string run(const Launch& launch);

// ---- for the parts of the machine

// What runs; the hooks read the first part at every access of a kernel.
struct Machine {
    Thread* thread = nullptr; // null outside a launch
    uintptr_t shared = 0;     // of the thread's block
    Shadow* shadow = nullptr; // of the thread's block
    Moment moment;            // the thread's
    bool checking = false, checking_races = false;

    Launch launch;
    unsigned threads_per_block = 0;
    uint32_t clock = 0;
    uint64_t progress = 0; // of the launch: what a spinning thread waits for may have happened
    uint64_t random = 0;
};
extern __attribute__((visibility("hidden"))) Machine machine;

// Ends the launch with a report. Only from a fiber.
[[noreturn]] void raise_fault(std::string what, const Place& place);

uint64_t next_random();

// The running thread waits for its lanes in `mask`, and finds its operand changed afterwards.
void join_collective(Collective kind, unsigned mask, const Place& place);
// For all lanes of the mask; lanes[i] is null outside it.
void perform_collective(Collective kind, unsigned mask, Thread* const* lanes);

// Lets others run: what this thread looks at may change only then. A launch in which all threads only do that, with
// nothing changing, is a deadlock.
void spin(const Place& place);

// "thread (3, 0, 0)" for a linear index in a block, "block (1, 0, 0)" for one in the grid.
std::string thread_name(unsigned linear);
std::string block_name(uint64_t linear);
// Of the running thread's block in the grid.
uint64_t linear_block();

// True of an address on any thread's stack.
bool in_stacks(uintptr_t address);

constexpr std::size_t kSharedBytes = 320 << 10; // of addresses; what a block may use is the architecture's

} // namespace emu
