// Queued work: streams, events and captured graphs.
//
// Work waits in its stream until something asks for its result; then streams are advanced in an order drawn from the
// seed, each in its own order, until the answer is there. So what a program forgot to wait for is not done yet, and
// what two streams do without an event between them happens in any order.
#pragma once

#include "driver.h"

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

namespace emu {

using Work = std::function<void()>;

struct Graph {
    struct Node {
        Work work; // empty: a dependency alone
        std::vector<std::size_t> after;
    };
    std::vector<Node> nodes; // a node comes after those it depends on
    void replay() const;     // in any order that the dependencies allow
};

struct Stream;

// A capture under way, shared by the streams that take part.
struct Capture {
    Graph graph;
    Stream* origin = nullptr;
    int mode = 0;
    std::thread::id thread;
    bool invalid = false;
};

struct Event {
    unsigned flags = 0;
    uint64_t recorded = 0, completed = 0; // how often, by call and by execution
    std::chrono::steady_clock::time_point time;
    std::shared_ptr<Capture> capture; // of the last record, if that was captured
    std::vector<std::size_t> captured_after;
};

struct Stream {
    struct Item {
        uint64_t sequence; // among all work of the device
        Work work;
        std::shared_ptr<Event> event; // waited for before
        uint64_t event_count = 0;
    };
    unsigned flags = 0;
    std::deque<Item> queue;
    std::shared_ptr<Capture> capture;
    std::vector<std::size_t> captured_after; // nodes that the next one depends on
};

class Streams {
public:
    Stream* create(unsigned flags);
    void destroy(Stream* stream);
    // The stream behind a handle; null for none. Handles 0 and 1 are the legacy default stream.
    Stream* find(void* handle);
    std::shared_ptr<Event> find_event(void* handle);
    void* create_event(unsigned flags);
    bool destroy_event(void* handle);

    // Queues work, or captures it as a node.
    Result submit(Stream& stream, Work work);
    Result record(Stream& stream, const std::shared_ptr<Event>& event);
    Result wait(Stream& stream, const std::shared_ptr<Event>& event);

    // Runs work until the stream, the event's last record, or everything is done. The context's loss, if it comes to
    // it.
    Result synchronize(Stream& stream);
    Result synchronize(Event& event);
    Result synchronize();
    // Runs one piece of work, if any can run: for callers that poll.
    Result poll();

    // What capture forbids: calls that wait, allocate or copy at once. kSuccess if no capture minds; else the capture
    // that does is invalid from then on. `stream` is the one asked to wait, or null.
    Result forbid_in_capture(Stream* stream);
    Result begin_capture(Stream& stream, int mode);
    Result end_capture(Stream& stream, std::unique_ptr<Graph>& graph);

    void reset();

private:
    bool runnable(const Stream& stream) const;
    bool step();
    template <class Done> Result run_until(Done done);
    bool is_default(const Stream& stream) const { return &stream == &default_; }

    Stream default_;
    std::vector<std::unique_ptr<Stream>> streams_;
    std::vector<std::shared_ptr<Event>> events_;
    std::vector<std::shared_ptr<Capture>> captures_; // under way
    uint64_t sequence_ = 0, random_ = 1;
};

Streams& streams();

} // namespace emu
