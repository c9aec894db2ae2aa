// Queues and the order in which they advance; see streams.h. Capture is in capture.cpp.
#include "streams.h"

#include <algorithm>

namespace emu {

namespace {

constexpr std::size_t kLongestQueue = 1024; // as on a device: beyond it a submission waits for room

uint64_t draw(uint64_t& state) { // splitmix64
    uint64_t z = state += 0x9e3779b97f4a7c15ull;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

} // namespace

Streams& streams() {
    static Streams all;
    return all;
}

Stream* Streams::create(unsigned flags) {
    streams_.push_back(std::make_unique<Stream>());
    streams_.back()->flags = flags;
    return streams_.back().get();
}

void Streams::destroy(Stream* stream) {
    std::erase_if(streams_, [=](const auto& s) { return s.get() == stream; });
}

Stream* Streams::find(void* handle) {
    const auto value = reinterpret_cast<uintptr_t>(handle);
    if (value <= 1) return &default_;
    for (const auto& stream : streams_)
        if (stream.get() == handle) return stream.get();
    return nullptr;
}

void* Streams::create_event(unsigned flags) {
    events_.push_back(std::make_shared<Event>());
    events_.back()->flags = flags;
    return events_.back().get();
}

std::shared_ptr<Event> Streams::find_event(void* handle) {
    for (const auto& event : events_)
        if (event.get() == handle) return event;
    return nullptr;
}

bool Streams::destroy_event(void* handle) {
    return std::erase_if(events_, [=](const auto& e) { return e.get() == handle; }) != 0;
}

// The default stream comes after all earlier work of blocking streams, and they after its own.
bool Streams::runnable(const Stream& stream) const {
    if (stream.queue.empty()) return false;
    const Stream::Item& item = stream.queue.front();
    if (item.event != nullptr && item.event->completed < item.event_count) return false;
    const auto comes_before = [&](const Stream& other) {
        return !other.queue.empty() && other.queue.front().sequence < item.sequence;
    };
    constexpr unsigned kNonBlocking = 1;
    if (!is_default(stream)) return (stream.flags & kNonBlocking) != 0 || !comes_before(default_);
    return std::none_of(streams_.begin(), streams_.end(),
                        [&](const auto& other) { return (other->flags & kNonBlocking) == 0 && comes_before(*other); });
}

bool Streams::step() {
    std::vector<Stream*> candidates;
    if (runnable(default_)) candidates.push_back(&default_);
    for (const auto& stream : streams_)
        if (runnable(*stream)) candidates.push_back(stream.get());
    if (candidates.empty()) return false;
    Stream& chosen = *candidates[draw(random_) % candidates.size()];
    const Work work = std::move(chosen.queue.front().work);
    chosen.queue.pop_front();
    if (work) work();
    return true;
}

template <class Done> Result Streams::run_until(Done done) {
    const OpenMemory open;
    while (driver().context.lost == kSuccess && !done() && step()) {
    }
    return driver().context.lost;
}

Result Streams::submit(Stream& stream, Work work) {
    if (stream.capture != nullptr) {
        Capture& capture = *stream.capture;
        if (capture.invalid) return kCaptureInvalidated;
        capture.graph.nodes.push_back({std::move(work), stream.captured_after});
        stream.captured_after = {capture.graph.nodes.size() - 1};
        return kSuccess;
    }
    if (is_default(stream)) {
        // The legacy stream would have to wait for streams that capture.
        for (const auto& capture : captures_)
            if ((capture->origin->flags & 1) == 0) {
                capture->invalid = true;
                return kCaptureImplicit;
            }
    }
    stream.queue.push_back({++sequence_, std::move(work), nullptr, 0});
    if (!options.late_streams) return synchronize(stream);
    if (stream.queue.size() <= kLongestQueue) return kSuccess;
    return run_until([&] { return stream.queue.size() <= kLongestQueue / 2; });
}

Result Streams::record(Stream& stream, const std::shared_ptr<Event>& event) {
    event->capture = stream.capture;
    if (stream.capture != nullptr) {
        if (stream.capture->invalid) return kCaptureInvalidated;
        event->captured_after = stream.captured_after;
        return kSuccess;
    }
    const uint64_t count = ++event->recorded;
    return submit(stream, [event, count] {
        event->completed = count;
        event->time = std::chrono::steady_clock::now();
    });
}

Result Streams::synchronize(Stream& stream) {
    return run_until([&] { return stream.queue.empty(); });
}

Result Streams::synchronize(Event& event) {
    return run_until([&] { return event.completed == event.recorded; });
}

Result Streams::synchronize() {
    return run_until([] { return false; });
}

Result Streams::poll() {
    bool stepped = false;
    return run_until([&] { return std::exchange(stepped, true); });
}

void Streams::reset() {
    default_ = {};
    streams_.clear();
    events_.clear();
    captures_.clear();
    random_ = options.seed;
}

} // namespace emu
