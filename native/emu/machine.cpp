// The scheduler: blocks into slots, threads onto fibers, barriers, collectives, deadlocks; see machine.h.
#include "machine.h"

#include "global_races.h"
#include "guard.h"
#include "ready_queue.h"

#include <algorithm>
#include <cstring>

#include <sys/mman.h>

namespace emu {

Machine machine;

namespace {

// One resident block with its threads; fiber i of slot s runs on stack s * kMaximumThreads + i.
struct Slot {
    Block block;
    std::vector<Thread> threads;
};

struct PendingFault {
    bool raised = false;
    std::string what;
    Place place;
    std::string thread; // block and thread
};

StackPool stacks;
std::vector<Slot> slots;
ReadyQueue ready;
Fiber scheduler; // the OS thread's own position, in run()
PendingFault fault;
uint64_t idle_spins, seen_progress;

// Calls act(i) for 0 <= i < count, backwards under the reverse schedule.
template <class Act> void in_schedule_order(unsigned count, Act act) {
    for (unsigned k = 0; k < count; ++k)
        act(options.schedule == Schedule::reverse ? count - 1 - k : k);
}

void make_ready(Thread& thread) {
    thread.state = State::ready;
    ready.push(&thread);
}

// The thread runs from now on.
void enter(Thread& thread) {
    Block& block = *thread.block;
    machine.thread = &thread;
    machine.shared = reinterpret_cast<uintptr_t>(block.shared);
    machine.shadow = &block.shadow;
    machine.moment = {block.start_time, block.time, block.warp_time[thread.linear / kWarpSize], thread.linear};
}

void switch_to(Fiber& from, Thread& to) {
    enter(to);
    switch_fiber(from, to.fiber);
}

// The running thread stops here until it is ready and chosen again.
void give_way() {
    Thread& self = *machine.thread;
    if (ready.empty()) {
        switch_fiber(self.fiber, scheduler);
        return;
    }
    Thread& next = *ready.pop();
    if (&next == &self) return enter(self);
    switch_to(self.fiber, next);
}

[[noreturn]] void leave_launch() {
    switch_fiber(machine.thread->fiber, scheduler);
    __builtin_unreachable();
}

unsigned first_lane(unsigned mask) {
    return static_cast<unsigned>(__builtin_ctz(mask));
}

unsigned lanes_of_warp(unsigned warp) {
    const unsigned lanes = std::min(kWarpSize, machine.threads_per_block - warp * kWarpSize);
    return lanes == kWarpSize ? ~0u : (1u << lanes) - 1;
}

std::string triple(uint64_t packed) {
    const uint3 v = simt::unpack<uint3>(packed);
    return "(" + std::to_string(v.x) + ", " + std::to_string(v.y) + ", " + std::to_string(v.z) + ")";
}

uint64_t pack(uint64_t x, uint64_t y, uint64_t z) {
    return x | y << 31 | z << 47;
}

// Index `linear` of a box as large as `size`.
uint64_t pack_index(uint64_t linear, dim3 size) {
    return pack(linear % size.x, linear / size.x % size.y, linear / size.x / size.y);
}

std::string block_and_thread(const Thread& thread) {
    return block_name(thread.block->linear) + ", " + thread_name(thread.linear);
}

void advance_block_time(Block& block) {
    block.time = ++machine.clock;
    std::fill(std::begin(block.warp_time), std::end(block.warp_time), block.time);
}

void release_barrier(Block& block) {
    ++machine.progress;
    block.at_barrier = 0;
    advance_block_time(block);
    in_schedule_order(machine.threads_per_block, [&](unsigned i) { make_ready(block.threads[i]); });
}

void end_thread() {
    Thread& self = *machine.thread;
    Block& block = *self.block;
    self.state = State::done;
    ++block.exited;
    block.ended[self.linear / kWarpSize] |= 1u << self.linear % kWarpSize;
    ++machine.progress;
    if (block.at_barrier != 0) {
        const Thread* const waiting = std::find_if(block.threads, block.threads + machine.threads_per_block,
                                                   [](const Thread& t) { return t.state == State::at_barrier; });
        raise_fault("a thread ends while " + thread_name(waiting->linear) + " waits at __syncthreads", waiting->place);
    }
    if (block.exited == machine.threads_per_block) {
        block.active = false;
        leave_launch(); // for the next block
    }
    give_way();
    __builtin_unreachable();
}

void run_thread() {
    machine.launch.kernel->call(machine.launch.parameters);
    end_thread();
}

void start_block(Slot& slot, std::size_t slot_index, uint64_t linear) {
    Block& block = slot.block;
    block.linear = linear;
    block.packed_index = pack_index(linear, machine.launch.grid);
    block.threads = slot.threads.data();
    block.exited = block.at_barrier = 0;
    block.active = true;
    advance_block_time(block);
    block.start_time = block.time;
    std::fill(std::begin(block.waiting), std::end(block.waiting), 0u);
    std::fill(std::begin(block.ended), std::end(block.ended), 0u);
    std::memset(block.shared, 0xff, block.shared_top); // NaN: nothing of the last block is left
    for (unsigned i = 0; i < machine.threads_per_block; ++i) {
        Thread& thread = slot.threads[i];
        thread.copies.clear();
        thread.group_ends.clear();
        thread.groups_done = 0;
        stacks.prepare(thread.fiber, slot_index * kMaximumThreads + i, run_thread);
    }
    in_schedule_order(machine.threads_per_block, [&](unsigned i) { make_ready(slot.threads[i]); });
}

// The order in which blocks start: any is allowed, none may matter.
uint64_t block_in_order(uint64_t i, uint64_t count) {
    if (options.schedule == Schedule::forward) return i;
    if (options.schedule == Schedule::reverse) return count - 1 - i;
    constexpr uint64_t prime = 4294967311; // above any grid that is not enumerated for years: coprime to the count
    return static_cast<uint64_t>((static_cast<unsigned __int128>(i) * prime + options.seed) % count);
}

void report_deadlock() {
    std::string waiting;
    const Thread* first = nullptr;
    unsigned places = 0;
    for (const Slot& slot : slots)
        for (unsigned i = 0; slot.block.active && i < machine.threads_per_block; ++i) {
            const Thread& t = slot.threads[i];
            const bool known =
                first != nullptr && t.place.line == first->place.line && t.place.file == first->place.file;
            if (t.state == State::done || known || ++places > 4) continue;
            if (first == nullptr) first = &t;
            waiting += "\n    " + block_and_thread(t) +
                       (t.state == State::at_barrier ? " waits at __syncthreads, " : " waits for its warp, ") +
                       describe({t.place.file, t.place.line, 0});
        }
    fault = {true, "deadlock: no thread can run" + waiting, first->place, block_and_thread(*first)};
}

bool prepare_slots(std::size_t count) {
    if (!stacks.reserve(count * kMaximumThreads)) return false;
    if (slots.size() < count) slots.resize(count);
    for (std::size_t i = 0; i < count; ++i) {
        Slot& slot = slots[i];
        slot.threads.resize(std::max<std::size_t>(slot.threads.size(), machine.threads_per_block));
        for (unsigned k = 0; k < machine.threads_per_block; ++k) {
            slot.threads[k].block = &slot.block;
            slot.threads[k].linear = static_cast<uint16_t>(k);
            slot.threads[k].packed_index = pack_index(k, machine.launch.block);
        }
        if (slot.block.shared == nullptr) {
            void* const memory =
                mmap(nullptr, kSharedBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
            if (memory == MAP_FAILED) return false;
            slot.block.shared = static_cast<unsigned char*>(memory);
        }
        Block& block = slot.block;
        block.active = false;
        block.arrays.clear();
        block.shadow.clear();
        block.shared_top = machine.launch.shared_bytes;
        if (block.shared_top == 0) continue;
        block.arrays.push_back({nullptr, "dynamic shared memory", 0, block.shared_top});
        block.shadow.allocate(0, block.shared_top);
    }
    ready.reserve(count * machine.threads_per_block);
    return true;
}

void run_blocks(std::size_t resident) {
    const dim3 grid = machine.launch.grid;
    const uint64_t count = uint64_t{grid.x} * grid.y * grid.z;
    uint64_t started = 0;
    for (;;) {
        bool any_active = false;
        for (std::size_t i = 0; i < resident; ++i) {
            if (!slots[i].block.active && started < count) start_block(slots[i], i, block_in_order(started++, count));
            any_active = any_active || slots[i].block.active;
        }
        if (!any_active) return;
        if (ready.empty()) return report_deadlock();
        switch_to(scheduler, *ready.pop());
        if (fault.raised) return;
    }
}

} // namespace

uint64_t next_random() { // xorshift64*
    uint64_t& x = machine.random;
    x ^= x >> 12, x ^= x << 25, x ^= x >> 27;
    return x * 0x2545f4914f6cdd1dull >> 16;
}

std::string run(const Launch& launch) {
    constexpr uint32_t kClockLimit = 1u << 30;
    const dim3 grid = launch.grid;
    const uint64_t blocks = uint64_t{grid.x} * grid.y * grid.z;
    machine.launch = launch;
    machine.checking = options.check && launch.kernel->instrumented;
    machine.checking_races = options.global_races;
    if (options.global_races) global_races.begin_launch();
    machine.threads_per_block = launch.block.x * launch.block.y * launch.block.z;
    machine.random = options.seed * 0x9e3779b97f4a7c15ull | 1;
    if (machine.clock > kClockLimit) machine.clock = 0; // shadows are cleared below
    fault = {};
    idle_spins = 0;
    const auto resident = static_cast<std::size_t>(std::min<uint64_t>(options.resident, blocks));
    if (!prepare_slots(resident)) return "no memory for the threads' stacks";
    {
        const Guard guard(options.timeout, machine.progress);
        run_blocks(resident);
    }
    machine.thread = nullptr;
    if (!fault.raised) return {};
    return fault.what + "\n  at " + describe(fault.place) + "\n  in " + launch.kernel->name + ", " + fault.thread;
}

void raise_fault(std::string what, const Place& place) {
    fault = {true, std::move(what), place, block_and_thread(*machine.thread)};
    leave_launch();
}

std::string thread_name(unsigned linear) {
    return "thread " + triple(pack_index(linear, machine.launch.block));
}
std::string block_name(uint64_t linear) {
    return "block " + triple(pack_index(linear, machine.launch.grid));
}
uint64_t linear_block() {
    return machine.thread->block->linear;
}

void join_collective(Collective kind, unsigned mask, const Place& place) {
    Thread& self = *machine.thread;
    Block& block = *self.block;
    const unsigned warp = self.linear / kWarpSize, lane = self.linear % kWarpSize;
    Thread* const warp_threads = block.threads + warp * kWarpSize;
    if ((mask >> lane & 1) == 0) raise_fault("warp collective: the caller is not in its own mask", place);
    mask &= lanes_of_warp(warp);
    if (const unsigned ended = block.ended[warp] & mask)
        raise_fault("warp collective: " + thread_name(warp * kWarpSize + first_lane(ended)) + " of its mask has ended",
                    place);
    self.collective = kind;
    self.mask = mask;
    self.place = place;
    self.state = State::in_collective;

    const auto require_agreement = [&](const Thread& other) {
        if (other.collective == kind && other.mask == mask && other.place.line == place.line) return;
        raise_fault("divergent warp collective: " + thread_name(other.linear) + " waits at " + describe(other.place) +
                        (other.mask != mask ? ", with another mask" : ""),
                    place);
    };
    unsigned& waiting = block.waiting[warp];
    if (const unsigned others = waiting & mask) require_agreement(warp_threads[first_lane(others)]);
    waiting |= 1u << lane;
    if ((waiting & mask) != mask) return give_way();

    Thread* lanes[kWarpSize] = {};
    for (unsigned rest = mask; rest != 0; rest &= rest - 1) {
        const unsigned i = first_lane(rest);
        lanes[i] = &warp_threads[i];
        require_agreement(*lanes[i]);
    }
    ++machine.progress;
    perform_collective(kind, mask, lanes);
    waiting &= ~mask;
    if (kind == Collective::sync_warp) block.warp_time[warp] = ++machine.clock;
    in_schedule_order(kWarpSize, [&](unsigned i) {
        if (lanes[i] != nullptr) make_ready(*lanes[i]);
    });
    give_way();
}

void spin(const Place& place) {
    Thread& self = *machine.thread;
    constexpr uint64_t kPatience = 10000; // looks per thread
    if (seen_progress != machine.progress) {
        seen_progress = machine.progress;
        idle_spins = 0;
    } else if (++idle_spins > kPatience * options.resident * machine.threads_per_block) {
        raise_fault("deadlock: every thread that can run waits for a change of memory that no one makes", place);
    }
    make_ready(self);
    give_way();
}

bool in_stacks(uintptr_t address) {
    return stacks.contains(address);
}

} // namespace emu

namespace simt {

using namespace emu;

uint64_t packed_thread_index() {
    return machine.thread->packed_index;
}
uint64_t packed_block_index() {
    return machine.thread->block->packed_index;
}
uint64_t packed_block_size() {
    const dim3 v = machine.launch.block;
    return pack(v.x, v.y, v.z);
}
uint64_t packed_grid_size() {
    const dim3 v = machine.launch.grid;
    return pack(v.x, v.y, v.z);
}

void sync_threads(Site site) {
    Thread& self = *machine.thread;
    Block& block = *self.block;
    self.place = {site.file, site.line, reinterpret_cast<uintptr_t>(__builtin_return_address(0))};
    if (block.exited != 0) raise_fault("__syncthreads after threads of the block have ended", self.place);
    self.state = State::at_barrier;
    if (++block.at_barrier == machine.threads_per_block) release_barrier(block);
    give_way();
}

} // namespace simt
