// cp.async: each thread has a list of copies under way, cut into committed groups. A late copy moves its bytes when it
// is waited for and an early one at once; a kernel must be right under both.
#include "checker.h"

#include <cstring>

namespace emu {

namespace {

constexpr std::size_t kBytes = 16;

bool copies_late() {
    return options.async == AsyncCopies::late || (options.async == AsyncCopies::random && next_random() % 2 != 0);
}

void move(const PendingCopy& copy) {
    if (copy.global == nullptr) {
        std::memset(copy.shared, 0, kBytes);
    } else {
        std::memcpy(copy.shared, copy.global, kBytes);
    }
}

std::size_t shared_offset(const void* address) {
    return static_cast<std::size_t>(static_cast<const unsigned char*>(address) - machine.thread->block->shared);
}

} // namespace

} // namespace emu

namespace simt {

using namespace emu;

void copy_async16(void* shared, const void* global, bool valid, Site site) {
    const Place place{site.file, site.line, reinterpret_cast<uintptr_t>(__builtin_return_address(0))};
    const auto target = reinterpret_cast<uintptr_t>(shared), source = reinterpret_cast<uintptr_t>(global);
    if (target % kBytes != 0 || (valid && source % kBytes != 0))
        raise_fault("cp.async: an address is not aligned to 16 bytes", place);
    require_shared(shared, kBytes, Access::write, place.pc);
    if (valid) require_global(global, kBytes, Access::read, place.pc);
    Thread& self = *machine.thread;
    const PendingCopy copy{shared, valid ? global : nullptr, copies_late()};
    if (copy.late) {
        std::memset(shared, 0xff, kBytes);
    } else {
        move(copy);
    }
    if (machine.checking)
        self.block->shadow.begin_copy(shared_offset(shared), kBytes, machine.moment, relative(place.pc));
    self.copies.push_back(copy);
}

void copy_async_commit() {
    machine.thread->group_ends.push_back(machine.thread->copies.size());
}

void copy_async_wait(unsigned pending) {
    const auto pc = reinterpret_cast<uintptr_t>(__builtin_return_address(0));
    Thread& self = *machine.thread;
    while (self.group_ends.size() - self.groups_done > pending) {
        std::size_t i = self.groups_done == 0 ? 0 : self.group_ends[self.groups_done - 1];
        for (; i < self.group_ends[self.groups_done]; ++i) {
            const PendingCopy& copy = self.copies[i];
            if (copy.late && copy.global != nullptr) require_global(copy.global, kBytes, Access::read, pc);
            if (copy.late) move(copy);
            if (machine.checking) self.block->shadow.end_copy(shared_offset(copy.shared), kBytes, machine.moment);
        }
        ++self.groups_done;
    }
    if (self.groups_done == self.group_ends.size() &&
        self.copies.size() == (self.group_ends.empty() ? 0 : self.group_ends.back())) {
        self.copies.clear();
        self.group_ends.clear();
        self.groups_done = 0;
    }
}

} // namespace simt
