// Streams, events, capture and graphs: the calls. What they do is in streams.h.
#include "streams.h"

#include <algorithm>

namespace emu {

namespace {

using SharedGraph = std::shared_ptr<const Graph>;

// Graphs and what was instantiated from them, by handle.
std::vector<std::unique_ptr<Graph>> graphs;
std::vector<std::unique_ptr<SharedGraph>> executables;

template <class T> T* find_in(const std::vector<std::unique_ptr<T>>& all, void* handle) {
    for (const auto& item : all)
        if (item.get() == handle) return item.get();
    return nullptr;
}

template <class T> Result destroy_in(std::vector<std::unique_ptr<T>>& all, void* handle) {
    return std::erase_if(all, [=](const auto& item) { return item.get() == handle; }) != 0 ? kSuccess : kInvalidHandle;
}

template <class Body> Result with_stream(void* handle, Body body) {
    return call(Needs::context, [&]() -> Result {
        Stream* const stream = streams().find(handle);
        return stream == nullptr ? kInvalidHandle : body(*stream);
    });
}

template <class Body> Result with_event(void* handle, Body body) {
    return call(Needs::context, [&]() -> Result {
        const std::shared_ptr<Event> event = streams().find_event(handle);
        return event == nullptr ? kInvalidHandle : body(event);
    });
}

// A wait for what a capture has only written down.
Result forbid_captured(const std::shared_ptr<Event>& event) {
    if (event->capture == nullptr) return streams().forbid_in_capture(nullptr);
    event->capture->invalid = true;
    return kCapturedEvent;
}

constexpr unsigned kDisableTiming = 2;

} // namespace

} // namespace emu

using namespace emu;

GB_API cuStreamGetCtx(void* stream, Context** context) {
    return call(Needs::initialised, [=] {
        if (streams().find(stream) == nullptr) return kInvalidHandle;
        *context = &driver().context;
        return kSuccess;
    });
}

GB_API cuStreamCreate(Stream** stream, unsigned flags) {
    return call(Needs::context, [=] {
        if (flags > 1) return kInvalidValue;
        *stream = streams().create(flags);
        return kSuccess;
    });
}

GB_API cuStreamCreateWithPriority(Stream** stream, unsigned flags, int) {
    return cuStreamCreate(stream, flags);
}

GB_API cuStreamDestroy_v2(void* handle) {
    return with_stream(handle, [=](Stream& s) -> Result {
        if (reinterpret_cast<uintptr_t>(handle) <= 1) return kInvalidHandle;
        if (s.capture != nullptr) s.capture->invalid = true;
        if (const Result result = streams().synchronize(s)) return result;
        streams().destroy(&s);
        return kSuccess;
    });
}

GB_API cuStreamSynchronize(void* handle) {
    return with_stream(handle, [](Stream& s) -> Result {
        if (s.capture != nullptr) return streams().forbid_in_capture(&s);
        if (const Result forbidden = streams().forbid_in_capture(nullptr)) return forbidden;
        return streams().synchronize(s);
    });
}

// Whoever asks again and again sees the work get done.
GB_API cuStreamQuery(void* handle) {
    return with_stream(handle, [](Stream& s) -> Result {
        if (s.capture != nullptr) return streams().forbid_in_capture(&s);
        if (s.queue.empty()) return kSuccess;
        const Result result = streams().poll();
        return result != kSuccess || s.queue.empty() ? result : kNotReady;
    });
}

GB_API cuStreamWaitEvent(void* handle, void* event, unsigned) {
    return with_stream(handle, [=](Stream& s) {
        const std::shared_ptr<Event> found = streams().find_event(event);
        return found == nullptr ? kInvalidHandle : streams().wait(s, found);
    });
}

GB_API cuStreamIsCapturing(void* handle, int* status) {
    return with_stream(handle, [=](Stream& s) {
        *status = s.capture == nullptr ? 0 : s.capture->invalid ? 2 : 1;
        return kSuccess;
    });
}

GB_API cuStreamBeginCapture_v2(void* handle, int mode) {
    return with_stream(handle, [=](Stream& s) { return streams().begin_capture(s, mode); });
}

GB_API cuStreamEndCapture(void* handle, Graph** graph) {
    return with_stream(handle, [=](Stream& s) {
        std::unique_ptr<Graph> captured;
        const Result result = streams().end_capture(s, captured);
        *graph = captured.get();
        if (captured != nullptr) graphs.push_back(std::move(captured));
        return result;
    });
}

GB_API cuGraphInstantiateWithFlags(SharedGraph** executable, void* handle, unsigned long long) {
    return call(Needs::context, [=] {
        const Graph* const graph = find_in(graphs, handle);
        if (graph == nullptr) return kInvalidValue;
        executables.push_back(std::make_unique<SharedGraph>(std::make_shared<Graph>(*graph)));
        *executable = executables.back().get();
        return kSuccess;
    });
}

GB_API cuGraphLaunch(void* handle, void* stream) {
    return with_stream(stream, [=](Stream& s) {
        const SharedGraph* const executable = find_in(executables, handle);
        if (executable == nullptr) return kInvalidValue;
        return streams().submit(s, [graph = *executable] { graph->replay(); });
    });
}

GB_API cuGraphExecDestroy(void* handle) {
    return call(Needs::context, [=] { return destroy_in(executables, handle); });
}

GB_API cuGraphDestroy(void* handle) {
    return call(Needs::context, [=] { return destroy_in(graphs, handle); });
}

GB_API cuEventCreate(void** event, unsigned flags) {
    return call(Needs::context, [=] {
        *event = streams().create_event(flags);
        return kSuccess;
    });
}

GB_API cuEventDestroy_v2(void* event) {
    return call(Needs::context, [=] { return streams().destroy_event(event) ? kSuccess : kInvalidHandle; });
}

GB_API cuEventRecord(void* event, void* stream) {
    return with_stream(stream, [=](Stream& s) {
        const std::shared_ptr<Event> found = streams().find_event(event);
        return found == nullptr ? kInvalidHandle : streams().record(s, found);
    });
}

GB_API cuEventSynchronize(void* event) {
    return with_event(event, [](const std::shared_ptr<Event>& e) -> Result {
        if (const Result forbidden = forbid_captured(e)) return forbidden;
        return streams().synchronize(*e);
    });
}

GB_API cuEventQuery(void* event) {
    return with_event(event, [](const std::shared_ptr<Event>& e) -> Result {
        if (e->capture != nullptr) return forbid_captured(e);
        if (e->completed == e->recorded) return kSuccess;
        const Result result = streams().poll();
        return result != kSuccess || e->completed == e->recorded ? result : kNotReady;
    });
}

GB_API cuEventElapsedTime(float* milliseconds, void* start, void* end) {
    return with_event(start, [=](const std::shared_ptr<Event>& first) {
        const std::shared_ptr<Event> second = streams().find_event(end);
        if (second == nullptr || first->recorded == 0 || second->recorded == 0) return kInvalidHandle;
        if (((first->flags | second->flags) & kDisableTiming) != 0) return kInvalidHandle;
        if (first->completed != first->recorded || second->completed != second->recorded) return kNotReady;
        *milliseconds = std::chrono::duration<float, std::milli>(second->time - first->time).count();
        return kSuccess;
    });
}
