// Order between threads of a launch, and conflicts where there is none; see global_races.h.
#include "global_races.h"

#include <algorithm>

namespace emu {

GlobalRaces global_races;

namespace {

bool is_write(Access kind) {
    return kind == Access::write || kind == Access::atomic || kind == Access::release;
}
bool is_atomic(Access kind) {
    return kind != Access::read && kind != Access::write;
}

uint64_t block_of(uint64_t thread) {
    return thread / machine.threads_per_block;
}

void merge(std::unordered_map<uint64_t, uint32_t>& into, const std::unordered_map<uint64_t, uint32_t>& from) {
    for (const auto& [block, time] : from) {
        uint32_t& known = into[block];
        known = std::max(known, time);
    }
}

} // namespace

void GlobalRaces::begin_launch() {
    pages_.clear();
    known_.clear();
    released_.clear();
}

GlobalRaces::Page& GlobalRaces::page_of(uintptr_t address) {
    Page& page = pages_[address / kPageBytes];
    if (page.cells == nullptr) page.cells = std::make_unique<Cell[]>(kPageBytes / page.bytes_per_cell);
    return page;
}

void GlobalRaces::divide(Page& page) {
    auto bytes = std::make_unique<Cell[]>(kPageBytes);
    for (std::size_t i = 0; i < kPageBytes; ++i)
        bytes[i] = page.cells[i / page.bytes_per_cell];
    page = {std::move(bytes), 1};
}

// As of shared memory within a block; between blocks by what mine has acquired.
bool GlobalRaces::is_ordered(const Trace& other, const Self& self) const {
    if (other.time == 0 || (other.thread == self.thread && !other.several)) return true;
    const uint64_t block = block_of(other.thread);
    if (block == self.block) {
        const bool same_warp =
            other.thread % machine.threads_per_block / kWarpSize == machine.moment.thread / kWarpSize;
        return other.time < machine.moment.block_time ||
               (same_warp && !other.several && other.time < machine.moment.warp_time);
    }
    const auto mine = known_.find(self.block);
    if (mine == known_.end()) return false;
    const auto acquired = mine->second.find(block);
    return acquired != mine->second.end() && other.time <= acquired->second;
}

void GlobalRaces::raise(const char* what, const Trace& other, uintptr_t pc) {
    const auto thread = static_cast<unsigned>(other.thread % machine.threads_per_block);
    raise_fault(std::string("race in global memory, ") + what + " by " + block_name(block_of(other.thread)) + ", " +
                    thread_name(thread) + " at " + describe({nullptr, 0, absolute(other.pc)}),
                {nullptr, 0, pc});
}

void GlobalRaces::record_read(Cell& c, bool atomic, const Self& self, uintptr_t pc) const {
    const auto is_free = [&](const Trace& t) { return t.time == 0 || block_of(t.thread) == self.block; };
    if (!is_free(c.reads[0])) std::swap(c.reads[0], c.reads[1]);
    Trace& own = c.reads[0];
    const bool alone = !is_free(own) || is_ordered(own, self);
    own = {self.thread, self.now, relative(pc), atomic && (alone || own.atomic), !alone};
}

void GlobalRaces::judge(Cell& c, Access kind, const Self& self, uintptr_t pc) {
    const bool atomic = is_atomic(kind), write = is_write(kind);
    if (!(atomic && c.write.atomic) && !is_ordered(c.write, self))
        raise(write ? "write after write" : "read after write", c.write, pc);
    if (!write) return record_read(c, atomic, self, pc);
    for (const Trace& read : c.reads)
        if (!(atomic && read.atomic) && !is_ordered(read, self)) raise("write after read", read, pc);
    c = {};
    c.write = {self.thread, self.now, relative(pc), atomic, false};
}

// The flag hands on what its releaser knew and did, this access included; time advances, so nothing that it does next.
void GlobalRaces::synchronise(uintptr_t flag, Access kind, const Self& self) {
    if (kind != Access::release) {
        const auto found = released_.find(flag);
        if (found != released_.end()) merge(known_[self.block], found->second);
    }
    if (kind == Access::acquire) return;
    Clock& released = released_[flag];
    if (kind == Access::release) released.clear();
    merge(released, known_[self.block]);
    released[self.block] = self.now;
    ++machine.clock;
}

void GlobalRaces::access(uintptr_t address, std::size_t bytes, Access kind, uintptr_t pc) {
    Self self{};
    self.block = linear_block();
    self.thread = self.block * machine.threads_per_block + machine.moment.thread;
    self.now = machine.clock;
    if (is_atomic(kind)) synchronise(address, kind, self);
    for (uintptr_t at = address; at < address + bytes;) {
        Page& page = page_of(at);
        const uintptr_t end = std::min(address + bytes, (at / kPageBytes + 1) * kPageBytes);
        if (page.bytes_per_cell == 4 && (at % 4 != 0 || end % 4 != 0)) divide(page);
        for (; at < end; at += page.bytes_per_cell)
            judge(page.cells[at % kPageBytes / page.bytes_per_cell], kind, self, pc);
    }
}

} // namespace emu
