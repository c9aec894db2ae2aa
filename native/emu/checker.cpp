// Classifying an access and saying what is wrong with it; see checker.h and shadow.h.
#include "checker.h"

#include <cstdio>

namespace emu {

namespace {

const char* verb(Access kind) {
    if (kind == Access::read || kind == Access::acquire) return "read";
    return kind == Access::atomic ? "atomic operation" : "write";
}

std::string in_bytes(std::size_t bytes) {
    return " of " + std::to_string(bytes) + " bytes";
}

// "byte 12 of tile", or how far behind which array.
std::string shared_name(const Block& block, std::size_t offset) {
    const SharedArray* before = nullptr;
    for (const SharedArray& array : block.arrays)
        if (array.offset <= offset && (before == nullptr || array.offset > before->offset)) before = &array;
    if (before == nullptr) return "of a block that has none";
    const std::size_t byte = offset - before->offset;
    const std::string name = std::string(before->name) + " (" + std::to_string(before->bytes) + " bytes)";
    if (byte < before->bytes) return "byte " + std::to_string(byte) + " of " + name;
    return std::to_string(byte - before->bytes) + " bytes past the end of " + name;
}

[[noreturn]] void raise_misplaced(uintptr_t address, std::size_t bytes, Access kind, uintptr_t pc) {
    std::string text = std::string("out-of-bounds global ") + verb(kind) + in_bytes(bytes) + ": ";
    if (device_memory.contains(address)) {
        text += device_memory.describe(address);
    } else if (in_stacks(address)) {
        text = std::string(verb(kind)) + in_bytes(bytes) + " of another thread's local memory";
    } else {
        char number[32];
        std::snprintf(number, sizeof number, "0x%lx", static_cast<unsigned long>(address));
        text = std::string(verb(kind)) + in_bytes(bytes) + " at " + number +
               ", which is no device memory: a host pointer, null, or a wild one";
    }
    raise_fault(text, {nullptr, 0, pc});
}

} // namespace

void raise_finding(const Finding& f, std::size_t bytes, Access kind, uintptr_t pc) {
    const std::string name = shared_name(*machine.thread->block, f.offset);
    const std::string other = (f.other_is_known ? thread_name(f.other_thread) : "several threads") + " at " +
                              (f.other_pc == 0 ? "an unknown line" : describe({nullptr, 0, absolute(f.other_pc)}));
    const std::string access = verb(kind);
    std::string text;
    switch (f.hazard) {
    case Hazard::none:
        break;
    case Hazard::outside:
        text = "out-of-bounds shared " + access + in_bytes(bytes) + ": " + name;
        break;
    case Hazard::uninitialised:
        text = "read of uninitialised shared memory, " + name;
        break;
    case Hazard::pending:
        text = access + " of shared memory with a cp.async in flight, " + name + ", by " + other;
        break;
    case Hazard::write_after_write:
        text = "race in shared memory, write after write by " + other + ", " + name;
        break;
    case Hazard::read_after_write:
        text = "race in shared memory, read after write by " + other + ", " + name;
        break;
    case Hazard::write_after_read:
        text = "race in shared memory, write after read by " + other + ", " + name;
        break;
    }
    raise_fault(text, {nullptr, 0, pc});
}

void check_elsewhere(uintptr_t address, std::size_t bytes, Access kind, uintptr_t pc) {
    const bool reads = kind == Access::read || kind == Access::acquire; // a volatile read is an acquire
    if (bytes == 0 || (reads && in_library(address))) return;
    raise_misplaced(address, bytes, kind, pc);
}

void require_shared(const void* address, std::size_t bytes, Access kind, uintptr_t pc) {
    const auto value = reinterpret_cast<uintptr_t>(address);
    if (!is_shared(value)) raise_fault("an address in shared memory was wanted", {nullptr, 0, pc});
    if (machine.checking) check_shared(value, bytes, kind, pc);
}

void require_global(const void* address, std::size_t bytes, Access kind, uintptr_t pc) {
    const auto value = reinterpret_cast<uintptr_t>(address);
    if (machine.checking && !check_global(value, bytes, kind, pc)) raise_misplaced(value, bytes, kind, pc);
}

} // namespace emu
