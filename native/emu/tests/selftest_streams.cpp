// Streams, events and captures: what is done when, and what is refused.
#include "check.h"
#include "selftest.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace {

constexpr int kCount = 64;
enum Mode { kGlobal = 0, kThreadLocal = 1, kRelaxed = 2 };

void* new_stream(unsigned flags = 1) {
    void* stream = nullptr;
    GB_REQUIRE(cuStreamCreate(&stream, flags));
    return stream;
}

void* new_event() {
    void* event = nullptr;
    GB_REQUIRE(cuEventCreate(&event, 0));
    return event;
}

int add(const Setting& setting, const Array<float>& x, float value, void* stream) {
    return setting.launch("add_step", 1, kCount, StepArguments{x.pointer(), value, kCount}, stream);
}

// Work waits until it is asked for; copies from pageable memory are taken at the call, from pinned memory when they
// run.
void test_late_work() {
    const Setting setting;
    void* const stream = new_stream();
    const Array<float> x(std::vector<float>(kCount, 0.0f));
    std::vector<float> pageable(kCount, 1.0f);
    void* memory = nullptr;
    GB_REQUIRE(cuMemHostAlloc(&memory, kCount * sizeof(float), 0));
    float* const pinned = static_cast<float*>(memory);
    GB_GIVES(0, cuMemcpyHtoDAsync_v2(x.address(), pageable.data(), kCount * sizeof(float), stream));
    pageable[0] = 100.0f;
    GB_GIVES(0, add(setting, x, 10.0f, stream));
    pinned[0] = -1.0f;
    GB_GIVES(0, cuMemcpyDtoHAsync_v2(pinned, x.address(), kCount * sizeof(float), stream));
    GB_CHECK(pinned[0] == -1.0f);
    GB_GIVES(600, cuStreamQuery(stream));
    GB_GIVES(0, cuStreamSynchronize(stream));
    GB_GIVES(0, cuStreamQuery(stream));
    GB_CHECK(pinned[0] == 11.0f && pinned[kCount - 1] == 11.0f);
    GB_GIVES(0, cuMemcpyHtoDAsync_v2(x.address(), pinned, kCount * sizeof(float), stream));
    pinned[0] = 5.0f;
    GB_GIVES(0, add(setting, x, 1.0f, stream));
    GB_GIVES(0, cuMemcpyDtoHAsync_v2(pageable.data(), x.address(), kCount * sizeof(float), stream)); // waits
    GB_CHECK(pageable[0] == 6.0f && pageable[1] == 12.0f);
    while (cuStreamQuery(stream) == 600) {
    }
    GB_GIVES(0, cuMemFreeHost(memory));
}

// What an event orders is ordered under every seed; what nothing orders is not.
void test_order() {
    std::set<float> unordered;
    for (int seed = 1; seed <= 20; ++seed) {
        const Setting setting{{"CUDAEMU_SEED", std::to_string(seed)}};
        void *const first = new_stream(), *const second = new_stream(), *const event = new_event();
        const Array<float> x(std::vector<float>(kCount, 1.0f)), y(kCount), z(kCount);
        for (int i = 0; i < 5; ++i)
            GB_GIVES(0, add(setting, x, 1.0f, first));
        GB_GIVES(0, cuMemcpyDtoDAsync_v2(z.address(), x.address(), kCount * sizeof(float), second));
        GB_GIVES(0, cuEventRecord(event, first));
        GB_GIVES(0, cuStreamWaitEvent(second, event, 0));
        GB_GIVES(0, cuMemcpyDtoDAsync_v2(y.address(), x.address(), kCount * sizeof(float), second));
        GB_GIVES(0, cuStreamSynchronize(second));
        GB_GIVES(0, cuEventQuery(event));
        GB_CHECK(y.values()[0] == 6.0f);
        unordered.insert(z.values()[0]);
        GB_GIVES(0, cuEventDestroy_v2(event));
        GB_GIVES(0, cuStreamDestroy_v2(first));
        GB_GIVES(400, cuStreamSynchronize(first));
    }
    GB_CHECK(unordered.size() >= 4);
}

void test_events() {
    const Setting setting;
    void *const stream = new_stream(), *const start = new_event(), *const end = new_event();
    const Array<float> x(std::vector<float>(kCount, 0.0f));
    float milliseconds = -1.0f;
    GB_GIVES(400, cuEventElapsedTime(&milliseconds, start, end)); // never recorded
    GB_GIVES(0, cuEventRecord(start, stream));
    GB_GIVES(0, add(setting, x, 1.0f, stream));
    GB_GIVES(0, cuEventRecord(end, stream));
    GB_GIVES(600, cuEventElapsedTime(&milliseconds, start, end));
    GB_GIVES(0, cuEventSynchronize(end));
    GB_GIVES(0, cuEventElapsedTime(&milliseconds, start, end));
    GB_CHECK(milliseconds > 0.0f && milliseconds < 10000.0f);
}

// The legacy default stream waits for blocking streams and they for it, but not for others.
void test_default_stream() {
    bool overtaken = false;
    for (int seed = 1; seed <= 20; ++seed) {
        const Setting setting{{"CUDAEMU_SEED", std::to_string(seed)}};
        void *const blocking = new_stream(0), *const other = new_stream();
        const Array<float> x(std::vector<float>(kCount, 1.0f)), y(std::vector<float>(kCount, 1.0f)), z(kCount);
        GB_GIVES(0, add(setting, x, 1.0f, blocking));
        GB_GIVES(0, add(setting, y, 1.0f, other));
        GB_CHECK(x.values()[0] == 2.0f);
        overtaken = overtaken || y.values()[0] == 1.0f;
        GB_GIVES(0, add(setting, x, 1.0f, nullptr));
        GB_GIVES(0, cuMemcpyDtoDAsync_v2(z.address(), x.address(), kCount * sizeof(float), blocking));
        GB_GIVES(0, cuStreamSynchronize(blocking));
        GB_CHECK(z.values()[0] == 3.0f);
        GB_GIVES(0, cuEventSynchronize(new_event()));
    }
    GB_CHECK(overtaken);
}

// A graph keeps the parameters of its launches and runs them each time; two branches meet again.
void test_graphs() {
    const Setting setting;
    void *const stream = new_stream(), *const branch = new_stream(), *const fork = new_event(),
                *const join = new_event();
    void *graph = nullptr, *executable = nullptr;
    const Array<float> x(std::vector<float>(kCount, 0.0f)), y(std::vector<float>(kCount, 0.0f));
    int status = -1;
    GB_GIVES(0, cuStreamBeginCapture_v2(stream, kThreadLocal));
    GB_GIVES(0, cuStreamIsCapturing(stream, &status));
    GB_CHECK(status == 1);
    GB_GIVES(0, add(setting, x, 2.0f, stream));
    GB_GIVES(0, cuEventRecord(fork, stream));
    GB_GIVES(0, cuStreamWaitEvent(branch, fork, 0));
    GB_GIVES(0, cuMemcpyDtoDAsync_v2(y.address(), x.address(), kCount * sizeof(float), branch));
    GB_GIVES(0, cuEventRecord(join, branch));
    GB_GIVES(0, cuStreamWaitEvent(stream, join, 0));
    GB_GIVES(0, add(setting, x, 3.0f, stream));
    GB_GIVES(0, cuStreamEndCapture(stream, &graph));
    GB_GIVES(0, cuGraphInstantiateWithFlags(&executable, graph, 0));
    GB_GIVES(0, cuGraphDestroy(graph));
    GB_CHECK(x.values()[0] == 0.0f); // nothing has run
    GB_GIVES(0, cuGraphLaunch(executable, stream));
    GB_GIVES(0, cuGraphLaunch(executable, stream));
    GB_GIVES(0, cuStreamSynchronize(stream));
    GB_CHECK(x.values()[0] == 10.0f && y.values()[0] == 7.0f);
    GB_GIVES(0, cuGraphExecDestroy(executable));
    GB_GIVES(1, cuGraphLaunch(executable, stream));
}

// Calls that a capture forbids, each of which ends it.
void test_forbidden_in_capture() {
    const Setting setting;
    void *const stream = new_stream(), *const other = new_stream(), *const event = new_event();
    const Array<float> x(std::vector<float>(kCount, 0.0f));
    std::vector<float> host(kCount);
    const std::size_t bytes = kCount * sizeof(float);
    const auto refused = [&](int wanted, auto call, Mode mode = kGlobal) {
        void* graph = nullptr;
        GB_GIVES(0, cuStreamBeginCapture_v2(stream, mode));
        GB_GIVES(wanted, call());
        GB_GIVES(wanted == 0 ? 0 : 901, cuStreamEndCapture(stream, &graph));
        GB_CHECK((graph == nullptr) == (wanted != 0));
    };
    Address address = 0;
    refused(900, [&] { return cuMemAlloc_v2(&address, 16); });
    refused(900, [&] { return cuMemFree_v2(x.address()); });
    refused(900, [&] { return cuCtxSynchronize(); });
    refused(900, [&] { return cuStreamSynchronize(stream); });
    refused(900, [&] { return cuStreamSynchronize(other); });
    refused(900, [&] { return cuStreamQuery(stream); });
    refused(900, [&] { return cuMemcpyDtoH_v2(host.data(), x.address(), bytes); });
    refused(900, [&] { return cuMemcpyHtoDAsync_v2(x.address(), host.data(), bytes, stream); });
    refused(900, [&] { return cuMemcpyDtoHAsync_v2(host.data(), x.address(), bytes, stream); });
    refused(
        900, [&] { return cuStreamSynchronize(stream); }, kRelaxed);
    refused(
        0, [&] { return cuMemAlloc_v2(&address, 16); }, kRelaxed);
    refused(0, [&] { return add(setting, x, 1.0f, stream); });
    refused(0, [&] { return add(setting, x, 1.0f, other); }); // runs, outside the graph
    refused(907, [&] { return cuEventRecord(event, stream) != 0 ? -1 : cuEventSynchronize(event); });
    refused(907, [&] { return cuEventRecord(event, stream) != 0 ? -1 : cuEventQuery(event); });
    refused(905, [&] { return cuEventRecord(event, other) != 0 ? -1 : cuStreamWaitEvent(stream, event, 0); });
    refused(401, [&] {
        return cuStreamBeginCapture_v2(stream, kGlobal) == 401 ? cuStreamSynchronize(stream) + 401 - 900 : 0;
    });

    void* graph = nullptr;
    GB_GIVES(900, cuStreamBeginCapture_v2(nullptr, kGlobal));
    GB_GIVES(401, cuStreamEndCapture(stream, &graph));
    // A branch that does not come back.
    GB_GIVES(0, cuStreamBeginCapture_v2(stream, kGlobal));
    GB_GIVES(0, cuEventRecord(event, stream));
    GB_GIVES(0, cuStreamWaitEvent(other, event, 0));
    GB_GIVES(0, add(setting, x, 1.0f, other));
    GB_GIVES(903, cuStreamEndCapture(other, &graph));
    GB_GIVES(904, cuStreamEndCapture(stream, &graph));
    // The legacy default stream would wait for a blocking stream that captures.
    void* const blocking = new_stream(0);
    GB_GIVES(0, cuStreamBeginCapture_v2(blocking, kRelaxed));
    GB_GIVES(906, add(setting, x, 1.0f, nullptr));
    GB_GIVES(901, cuStreamEndCapture(blocking, &graph));
    GB_GIVES(0, cuCtxSynchronize());
}

void test_stream_ordered_memory() {
    const Setting setting;
    void* const stream = new_stream();
    Address address = 0;
    std::size_t before = 0, after = 0, total = 0;
    GB_GIVES(0, cuMemGetInfo_v2(&before, &total));
    GB_GIVES(0, cuMemAllocAsync(&address, kCount * sizeof(float), stream));
    GB_GIVES(0, cuMemsetD32Async(address, 0, kCount, stream));
    const StepArguments arguments{reinterpret_cast<float*>(static_cast<uintptr_t>(address)), 1.0f, kCount};
    GB_GIVES(0, setting.launch("add_step", 1, kCount, arguments, stream));
    GB_GIVES(0, cuMemFreeAsync(address, stream));
    GB_GIVES(0, cuStreamSynchronize(stream));
    GB_GIVES(0, cuMemGetInfo_v2(&after, &total));
    GB_CHECK(before == after);
    GB_GIVES(0, setting.launch("add_step", 1, kCount, arguments, stream)); // after the free
    GB_GIVES(719, cuStreamSynchronize(stream));
}

} // namespace

void test_streams() {
    test_late_work();
    test_order();
    test_events();
    test_default_stream();
    test_graphs();
    test_forbidden_in_capture();
    test_stream_ordered_memory();
}
