// Which thread runs next.
#pragma once

#include "machine.h"

#include <utility>
#include <vector>

namespace emu {

// Ready threads, first in, first out; a thread is in it at most once.
class ReadyQueue {
public:
    void reserve(std::size_t threads) {
        std::size_t capacity = 64;
        while (capacity <= threads)
            capacity *= 2;
        ring_.assign(capacity, nullptr);
        clear();
    }
    void clear() { head_ = tail_ = 0; }
    bool empty() const { return head_ == tail_; }
    void push(Thread* thread) { ring_[tail_++ & (ring_.size() - 1)] = thread; }
    Thread* pop() {
        if (options.schedule == Schedule::random) std::swap(at(head_), at(head_ + next_random() % (tail_ - head_)));
        return at(head_++);
    }

private:
    Thread*& at(std::size_t i) { return ring_[i & (ring_.size() - 1)]; }
    std::vector<Thread*> ring_;
    std::size_t head_ = 0, tail_ = 0;
};

} // namespace emu
