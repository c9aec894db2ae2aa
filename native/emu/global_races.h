// Conflicts in device memory between the threads of one launch, under CUDAEMU_GLOBAL_RACES=1: two accesses to one byte,
// one of them a write, not both atomic, and neither ordered before the other.
//
// Within a block, barriers order as they do in shared memory. Blocks are ordered only by flags: what a block did before
// a release (store_release, an atomic operation, a volatile write) is ordered before what another does after the
// acquire (load_acquire, an atomic operation, a volatile read) that finds it. That a block counts as a whole here,
// where CUDA orders threads, can hide a race and never makes one up.
#pragma once

#include "machine.h"

#include <cstdint>
#include <memory>
#include <unordered_map>

namespace emu {

class GlobalRaces {
public:
    void begin_launch();
    // Judges and records an access of the running thread; raises a race.
    void access(uintptr_t address, std::size_t bytes, Access kind, uintptr_t pc);

private:
    // The last access of a thread, counted through the grid, or of several threads of its block. Time 0 is never.
    struct Trace {
        uint64_t thread = 0;
        uint32_t time = 0, pc = 0;
        bool atomic = false, several = false;
    };
    // Of a word, or a byte: its last write, and the last reads since, of two blocks.
    struct Cell {
        Trace write, reads[2];
    };
    static constexpr std::size_t kPageBytes = 4096;
    // A cell per word, until some access is to less: then a cell per byte.
    struct Page {
        std::unique_ptr<Cell[]> cells;
        std::size_t bytes_per_cell = 4;
    };
    using Clock = std::unordered_map<uint64_t, uint32_t>; // per block, the time up to which it is ordered before

    struct Self {
        uint64_t thread, block;
        uint32_t now;
    };
    Page& page_of(uintptr_t address);
    static void divide(Page& page);
    bool is_ordered(const Trace& other, const Self& self) const;
    void judge(Cell& cell, Access kind, const Self& self, uintptr_t pc);
    void record_read(Cell& cell, bool atomic, const Self& self, uintptr_t pc) const;
    void synchronise(uintptr_t flag, Access kind, const Self& self);
    [[noreturn]] static void raise(const char* what, const Trace& other, uintptr_t pc);

    std::unordered_map<uintptr_t, Page> pages_;
    std::unordered_map<uint64_t, Clock> known_;     // per block: what is ordered before it
    std::unordered_map<uintptr_t, Clock> released_; // per flag: what is ordered before who finds it
};

extern __attribute__((visibility("hidden"))) GlobalRaces global_races;

} // namespace emu
