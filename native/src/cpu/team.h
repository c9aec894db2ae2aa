// One team of threads per process. Workers spin briefly for the next job, then sleep: spinning barriers collapse when
// cores are shared, and sleeping ones cost more than a small kernel.
#pragma once

#include <cstdint>
#include <type_traits>

namespace gimbal {

class Team {
public:
    static constexpr int kMaximumThreads = 256;

    // Processors that this process may use.
    static int processors();

    // Calls task(i) for every i in 0..tasks-1, in any order, on up to `threads` threads, the caller among them. Tasks must
    // not depend on which thread runs them: results may depend on shapes, never on the number of threads. If another
    // thread holds the team, the caller runs all of them. Exceptions must not leave a task.
    template <class Task> static void run(int threads, int64_t tasks, Task&& task) {
        if (threads <= 1 || tasks <= 1) {
            for (int64_t i = 0; i < tasks; ++i) task(i);
            return;
        }
        using Plain = std::remove_reference_t<Task>;
        run_parallel(threads, tasks, [](void* data, int64_t i) { (*static_cast<Plain*>(data))(i); }, &task);
    }

    // Calls body(begin, end) over 0..count in pieces of `grain` (the last may be shorter).
    template <class Body> static void ranges(int threads, int64_t count, int64_t grain, Body&& body) {
        const int64_t pieces = (count + grain - 1) / grain;
        run(threads, pieces, [&](int64_t piece) {
            const int64_t begin = piece * grain;
            body(begin, begin + grain < count ? begin + grain : count);
        });
    }

private:
    using Call = void (*)(void*, int64_t);
    static void run_parallel(int threads, int64_t tasks, Call call, void* data);
};

} // namespace gimbal
