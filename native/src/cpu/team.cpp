#include "cpu/team.h"

#include <atomic>
#include <mutex>
#include <thread>

#if defined(__linux__)
#include <sched.h>
#endif
#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

namespace gimbal {
namespace {

void relax() {
#if defined(__x86_64__) || defined(_M_X64)
    _mm_pause();
#else
    std::this_thread::yield();
#endif
}

constexpr int kSpins = 2000;

// Waits until value differs from `old`: first spinning, then asleep.
uint32_t wait_for_change(const std::atomic<uint32_t>& value, uint32_t old) {
    for (int spin = 0; spin < kSpins; ++spin) {
        const uint32_t now = value.load(std::memory_order_acquire);
        if (now != old) return now;
        relax();
    }
    value.wait(old, std::memory_order_acquire);
    return value.load(std::memory_order_acquire);
}

// A job is published by bumping `generation`. Every started worker answers each generation by one decrement of
// `running`, whether or not it takes part, so the caller knows when no worker can touch the job any more.
struct Workers {
    std::mutex owner;
    int started = 0;
    std::atomic<uint32_t> generation{0};
    std::atomic<uint32_t> running{0};
    std::atomic<int64_t> next{0};
    int64_t tasks = 0;
    int helpers = 0;
    void (*call)(void*, int64_t) = nullptr;
    void* data = nullptr;

    void work() {
        for (int64_t i = next.fetch_add(1, std::memory_order_relaxed); i < tasks;
             i = next.fetch_add(1, std::memory_order_relaxed))
            call(data, i);
    }

    void loop(int index, uint32_t seen) {
        for (;;) {
            seen = wait_for_change(generation, seen);
            if (index < helpers) work();
            if (running.fetch_sub(1, std::memory_order_acq_rel) == 1) running.notify_one();
        }
    }

    void start(int wanted) {
        for (; started < wanted; ++started)
            std::thread([this, index = started, seen = generation.load()] { loop(index, seen); }).detach();
    }
};

// Never destroyed: its threads may outlive main.
Workers& workers() {
    static Workers* instance = new Workers;
    return *instance;
}

} // namespace

int Team::processors() {
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        const int count = CPU_COUNT(&set);
        if (count > 0) return count < kMaximumThreads ? count : kMaximumThreads;
    }
#endif
    const unsigned count = std::thread::hardware_concurrency();
    return count == 0 ? 1 : count < kMaximumThreads ? static_cast<int>(count) : kMaximumThreads;
}

void Team::run_parallel(int threads, int64_t tasks, Call call, void* data) {
    Workers& team = workers();
    std::unique_lock lock(team.owner, std::try_to_lock);
    if (!lock.owns_lock()) {
        for (int64_t i = 0; i < tasks; ++i) call(data, i);
        return;
    }
    const int64_t useful = tasks < threads ? tasks : threads;
    team.helpers = static_cast<int>(useful) - 1;
    team.start(team.helpers);
    team.tasks = tasks;
    team.call = call;
    team.data = data;
    team.next.store(0, std::memory_order_relaxed);
    team.running.store(static_cast<uint32_t>(team.started), std::memory_order_release);
    team.generation.fetch_add(1, std::memory_order_release);
    team.generation.notify_all();
    team.work();
    for (uint32_t left = team.running.load(std::memory_order_acquire); left != 0;)
        left = wait_for_change(team.running, left);
}

} // namespace gimbal
