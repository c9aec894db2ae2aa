// What is known about each byte of a block's shared memory: who wrote it last and when, who read it since. From that
// follow races, reads of what nobody wrote, and accesses outside every array.
//
// Time is one counter for the machine, advanced by every barrier. An access carries the time of its warp's last
// synchronisation. It is ordered before mine if its thread is mine, if it is older than my block's last barrier, or if
// its warp is mine and it is older than the warp's last __syncwarp. Shuffles and votes order nothing, as in CUDA.
//
// A cell stands for four bytes. A word that is accessed in parts is split into four cells until it is next written
// as a whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace emu {

// One thread's view of time, in which its accesses are judged.
struct Moment {
    uint32_t block_start = 0; // cells written before are not initialised
    uint32_t block_time = 0;  // last barrier of the block
    uint32_t warp_time = 0;   // last barrier of the warp, at least block_time
    uint16_t thread = 0;      // linear index in the block
};

enum class Access : uint8_t {
    read,
    write,
    atomic,  // read and write in one
    acquire, // a read that orders what follows
    release, // a write that orders what came before
};

// What is wrong with an access.
enum class Hazard : uint8_t {
    none,
    outside,
    uninitialised,
    pending,
    write_after_write,
    read_after_write,
    write_after_read
};

struct Finding {
    Hazard hazard = Hazard::none;
    std::size_t offset = 0; // in shared memory
    unsigned other_thread = 0;
    uint32_t other_pc = 0;
    bool other_is_known = false; // one thread, rather than several
};

class Shadow {
public:
    // Nothing is allocated any more, and nothing remembered.
    void clear() {
        cells_.clear();
        whole_ = 0;
    }
    // Bytes [offset, offset + bytes) may be used from now on; offset is a multiple of 16, beyond all earlier ones.
    void allocate(std::size_t offset, std::size_t bytes);

    // Judges an access and records it if there is nothing wrong. pc: where it stands, relative to the library.
    Finding access(std::size_t offset, std::size_t bytes, Access kind, const Moment& m, uint32_t pc) {
        std::size_t done = 0;
        if (offset % 4 == 0 && bytes % 4 == 0 && offset + bytes <= whole_ && kind != Access::atomic) {
            Cell* cell = &cells_[offset / 4];
            for (; done != bytes; done += 4, ++cell)
                if (!(kind == Access::read ? read(*cell, m, pc) : write(*cell, m, pc))) break;
            if (done == bytes) [[likely]]
                return {};
        }
        return access_slowly(offset + done, bytes - done, kind, m, pc);
    }

    // An asynchronous copy has begun, or ended, on whole words that access() has found free to write.
    void begin_copy(std::size_t offset, std::size_t bytes, const Moment& m, uint32_t pc);
    void end_copy(std::size_t offset, std::size_t bytes, const Moment& m);

private:
    // writer and reader: a thread; or, beyond any thread, one of these.
    enum : uint16_t {
        kWarp = 0x8000,        // reader: several lanes of warp (value - kWarp)
        kBlock = 0x9000,       // reader: threads of several warps
        kUnallocated = 0xa000, // writer, with write_time kMarked
        kPending = 0xa001,     // writer, with write_time kMarked; reader is the thread that copies
        kSplit = 0xa002,       // writer, with write_time kMarked
    };
    static constexpr uint32_t kMarked = ~0u;

    struct Cell {
        uint32_t write_time = 0, read_time = 0;
        uint32_t write_pc = 0, read_pc = 0;
        uint16_t writer = 0, reader = 0;
        bool atomic = false; // the last write was an atomic operation
    };

    static bool write_is_ordered(const Cell& c, const Moment& m) {
        return c.write_time < m.block_time ||
               (c.writer < kWarp &&
                (c.writer == m.thread || (c.writer >> 5 == m.thread >> 5 && c.write_time < m.warp_time)));
    }
    static bool reads_are_ordered(const Cell& c, const Moment& m) {
        if (c.read_time < m.block_time || c.reader == m.thread) return true;
        const bool same_warp = c.reader < kWarp ? c.reader >> 5 == m.thread >> 5 : c.reader - kWarp == m.thread >> 5;
        return same_warp && c.read_time < m.warp_time;
    }

    static bool read(Cell& c, const Moment& m, uint32_t pc) {
        const bool written_before_barrier = c.write_time - m.block_start < m.block_time - m.block_start;
        if (!written_before_barrier && (c.write_time < m.block_start || !write_is_ordered(c, m))) return false;
        if (c.reader == kBlock && c.read_time >= m.block_time) { // several warps already
            if (c.read_time < m.warp_time) c.read_time = m.warp_time;
            return true;
        }
        uint16_t reader = m.thread;
        if (!reads_are_ordered(c, m)) {
            const bool same_warp = (c.reader < kWarp ? c.reader >> 5 : c.reader - kWarp) == m.thread >> 5;
            reader = same_warp ? static_cast<uint16_t>(kWarp + (m.thread >> 5)) : static_cast<uint16_t>(kBlock);
        }
        c.read_time = reader < kWarp || m.warp_time > c.read_time ? m.warp_time : c.read_time;
        c.reader = reader;
        c.read_pc = pc;
        return true;
    }
    static bool write(Cell& c, const Moment& m, uint32_t pc) {
        if (c.write_time == kMarked || !write_is_ordered(c, m) || !reads_are_ordered(c, m)) return false;
        c = {m.warp_time, 0, pc, 0, m.thread, 0, false};
        return true;
    }

    Finding access_slowly(std::size_t offset, std::size_t bytes, Access kind, const Moment& m, uint32_t pc);
    static Finding access_cell(Cell& c, Access kind, const Moment& m, uint32_t pc);
    void split(std::size_t word);

    std::vector<Cell> cells_; // one per word, up to the end of what is allocated
    std::size_t whole_ = 0;   // bytes that cells_ stands for
    std::vector<Cell> parts_; // four per word, of words that are split
};

} // namespace emu
