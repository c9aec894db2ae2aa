// Atomic operations, and loads that wait for other threads. One OS thread runs everything, so a plain read and write
// is atomic; what matters is that others run between, and that the checker knows.
#include "checker.h"

#include <cstring>

namespace emu {

namespace {

// Others run first: under some schedule each interleaving comes up, and a loop around an atomic operation ends.
template <class T, class Change> T change(T* p, Change next, uintptr_t pc) {
    if (reinterpret_cast<uintptr_t>(p) % sizeof(T) != 0) raise_fault("misaligned atomic operation", {nullptr, 0, pc});
    spin({nullptr, 0, pc});
    check_access(reinterpret_cast<uintptr_t>(p), sizeof(T), Access::atomic, pc);
    const T before = *p;
    const T after = next(before);
    if (after != before) ++machine.progress;
    *p = after;
    return before;
}

} // namespace

} // namespace emu

namespace simt {

using namespace emu;

#define GB_PC reinterpret_cast<uintptr_t>(__builtin_return_address(0))

uint32_t atomic(Atomic kind, uint32_t* p, uint32_t v) {
    return change(
        p,
        [=](uint32_t before) {
            return kind == Atomic::add ? before + v : kind == Atomic::exchange ? v : before > v ? before : v;
        },
        GB_PC);
}

uint64_t atomic_add(uint64_t* p, uint64_t v) {
    return change(
        p, [=](uint64_t before) { return before + v; }, GB_PC);
}

uint32_t atomic_compare_exchange(uint32_t* p, uint32_t compare, uint32_t v) {
    return change(
        p, [=](uint32_t before) { return before == compare ? v : before; }, GB_PC);
}

uint32_t load_acquire(const uint32_t* p) {
    const uintptr_t pc = GB_PC;
    spin({nullptr, 0, pc});
    check_access(reinterpret_cast<uintptr_t>(p), sizeof *p, Access::acquire, pc);
    return *p;
}

void store_release(uint32_t* p, uint32_t v) {
    check_access(reinterpret_cast<uintptr_t>(p), sizeof *p, Access::release, GB_PC);
    ++machine.progress;
    *p = v;
}

} // namespace simt
