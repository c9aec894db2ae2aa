// The rarer paths of shadow.h: words in parts, atomic operations, asynchronous copies, and saying what is wrong.
#include "shadow.h"

#include <algorithm>

namespace emu {

void Shadow::allocate(std::size_t offset, std::size_t bytes) {
    const std::size_t words = (offset + bytes + 3) / 4;
    Cell unallocated;
    unallocated.write_time = kMarked;
    unallocated.writer = kUnallocated;
    cells_.resize(words, unallocated);
    std::fill(cells_.begin() + static_cast<std::ptrdiff_t>(offset / 4), cells_.end(), Cell{});
    whole_ = 4 * words;
    if (bytes % 4 == 0) return;
    split(words - 1);
    for (std::size_t i = bytes % 4; i < 4; ++i)
        parts_[4 * (words - 1) + i] = unallocated;
}

void Shadow::split(std::size_t word) {
    if (parts_.size() < 4 * cells_.size()) parts_.resize(4 * cells_.size());
    for (std::size_t i = 0; i < 4; ++i)
        parts_[4 * word + i] = cells_[word];
    cells_[word].write_time = kMarked;
    cells_[word].writer = kSplit;
}

Finding Shadow::access_slowly(std::size_t offset, std::size_t bytes, Access kind, const Moment& m, uint32_t pc) {
    for (std::size_t i = offset; i < offset + bytes;) {
        const std::size_t word = i / 4;
        if (word >= cells_.size()) return {.hazard = Hazard::outside, .offset = i};
        const std::size_t end = std::min(4 * word + 4, offset + bytes);
        const bool whole = end - i == 4;
        Cell& cell = cells_[word];
        const bool marked = cell.write_time == kMarked && cell.writer != kSplit;
        if (!whole && !marked && cell.writer != kSplit) split(word);
        const bool in_parts = cell.write_time == kMarked && cell.writer == kSplit;
        for (std::size_t k = i; k < end; k = in_parts ? k + 1 : end) {
            Finding finding = access_cell(in_parts ? parts_[k] : cell, kind, m, pc);
            finding.offset = k;
            if (finding.hazard != Hazard::none) return finding;
        }
        if (whole && in_parts && kind != Access::read) cell = parts_[i];
        i = end;
    }
    return {};
}

Finding Shadow::access_cell(Cell& c, Access kind, const Moment& m, uint32_t pc) {
    const auto found = [&](Hazard hazard, unsigned thread, uint32_t at) {
        return Finding{hazard, 0, thread, at, thread < kWarp};
    };
    if (c.write_time == kMarked)
        return c.writer == kPending ? found(Hazard::pending, c.reader, c.read_pc) : found(Hazard::outside, kBlock, 0);
    if (kind == Access::read && c.write_time < m.block_start) return found(Hazard::uninitialised, kBlock, 0);
    if (!write_is_ordered(c, m) && !(kind == Access::atomic && c.atomic))
        return found(kind == Access::read ? Hazard::read_after_write : Hazard::write_after_write, c.writer, c.write_pc);
    if (kind == Access::read) {
        read(c, m, pc);
        return {};
    }
    if (!reads_are_ordered(c, m)) return found(Hazard::write_after_read, c.reader, c.read_pc);
    c = {m.warp_time, 0, pc, 0, m.thread, 0, kind == Access::atomic};
    return {};
}

void Shadow::begin_copy(std::size_t offset, std::size_t bytes, const Moment& m, uint32_t pc) {
    for (std::size_t word = offset / 4; word < (offset + bytes) / 4; ++word)
        cells_[word] = {kMarked, 0, 0, pc, kPending, m.thread, false};
}

void Shadow::end_copy(std::size_t offset, std::size_t bytes, const Moment& m) {
    for (std::size_t word = offset / 4; word < (offset + bytes) / 4; ++word)
        cells_[word] = {m.warp_time, 0, cells_[word].read_pc, 0, m.thread, 0, false};
}

} // namespace emu
