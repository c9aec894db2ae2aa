// Capturing work into graphs, what is forbidden meanwhile, and replay; see streams.h.
//
// A capture begins on one stream. Another joins when it waits for an event that was recorded in the capture, and must
// have been waited for itself when the capture ends.
#include "streams.h"

#include <algorithm>

namespace emu {

namespace {

enum CaptureMode { kGlobal = 0, kThreadLocal = 1, kRelaxed = 2 };

void add_missing(std::vector<std::size_t>& nodes, const std::vector<std::size_t>& more) {
    for (const std::size_t node : more)
        if (std::find(nodes.begin(), nodes.end(), node) == nodes.end()) nodes.push_back(node);
}

} // namespace

void Graph::replay() const {
    std::vector<std::size_t> missing(nodes.size()), ready; // dependencies that have not run; nodes without
    std::vector<std::vector<std::size_t>> before(nodes.size());
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        missing[i] = nodes[i].after.size();
        if (missing[i] == 0) ready.push_back(i);
        for (const std::size_t k : nodes[i].after)
            before[k].push_back(i);
    }
    while (!ready.empty() && driver().context.lost == kSuccess) {
        std::swap(ready[next_random() % ready.size()], ready.back());
        const std::size_t chosen = ready.back();
        ready.pop_back();
        if (nodes[chosen].work) nodes[chosen].work();
        for (const std::size_t k : before[chosen])
            if (--missing[k] == 0) ready.push_back(k);
    }
}

Result Streams::wait(Stream& stream, const std::shared_ptr<Event>& event) {
    if (event->capture == nullptr) {
        if (stream.capture != nullptr && event->recorded != 0) { // work outside the capture cannot come before a node
            stream.capture->invalid = true;
            return kCaptureIsolation;
        }
        if (event->recorded == event->completed) return kSuccess;
        stream.queue.push_back({++sequence_, {}, event, event->recorded});
        return kSuccess;
    }
    if (event->capture->invalid) return kCaptureInvalidated;
    if (stream.capture != nullptr && stream.capture != event->capture) {
        stream.capture->invalid = event->capture->invalid = true;
        return kCaptureMerge;
    }
    if (is_default(stream)) {
        event->capture->invalid = true;
        return kCaptureImplicit;
    }
    if (std::find(captures_.begin(), captures_.end(), event->capture) == captures_.end()) return kCapturedEvent;
    stream.capture = event->capture;
    add_missing(stream.captured_after, event->captured_after);
    return kSuccess;
}

Result Streams::forbid_in_capture(Stream* stream) {
    if (stream != nullptr && stream->capture != nullptr) {
        stream->capture->invalid = true;
        return kCaptureUnsupported;
    }
    for (const auto& capture : captures_) {
        const bool own_thread = capture->thread == std::this_thread::get_id();
        const bool minds = capture->mode == kGlobal || (capture->mode == kThreadLocal && own_thread);
        if (!minds) continue;
        capture->invalid = true;
        return kCaptureUnsupported;
    }
    return kSuccess;
}

Result Streams::begin_capture(Stream& stream, int mode) {
    if (is_default(stream)) return kCaptureUnsupported;
    if (stream.capture != nullptr) return kIllegalState;
    if (mode < kGlobal || mode > kRelaxed) return kInvalidValue;
    auto capture = std::make_shared<Capture>();
    capture->origin = &stream;
    capture->mode = mode;
    capture->thread = std::this_thread::get_id();
    captures_.push_back(capture);
    stream.capture = capture;
    stream.captured_after.clear();
    return kSuccess;
}

Result Streams::end_capture(Stream& stream, std::unique_ptr<Graph>& graph) {
    const std::shared_ptr<Capture> capture = stream.capture;
    if (capture == nullptr) return kIllegalState;
    if (capture->origin != &stream) return kCaptureUnmatched;
    if (capture->mode != kRelaxed && capture->thread != std::this_thread::get_id()) return kCaptureWrongThread;

    // Every node must be reached from what the origin depends on.
    std::vector<bool> reached(capture->graph.nodes.size());
    for (const std::size_t node : stream.captured_after)
        reached[node] = true;
    for (std::size_t i = reached.size(); i-- != 0;)
        for (const std::size_t before : capture->graph.nodes[i].after)
            reached[before] = reached[before] || reached[i];
    const bool joined = std::find(reached.begin(), reached.end(), false) == reached.end();

    const auto leave = [&](Stream& s) {
        if (s.capture != capture) return;
        s.capture = nullptr;
        s.captured_after.clear();
    };
    for (const auto& other : streams_)
        leave(*other);
    std::erase(captures_, capture);
    if (capture->invalid) return kCaptureInvalidated;
    if (!joined) return kCaptureUnjoined;
    graph = std::make_unique<Graph>(std::move(capture->graph));
    return kSuccess;
}

} // namespace emu
