// Classifying an access and saying what is wrong with it; see checker.h and shadow.h.
#include "checker.h"

namespace emu {

namespace {

const char* verb(Access kind) {
    return kind == Access::read ? "read" : kind == Access::write ? "write" : "atomic operation";
}

std::string in_bytes(std::size_t bytes) { return " of " + std::to_string(bytes) + " bytes"; }

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

[[noreturn]] void raise_finding(const Finding& f, const Block& block, std::size_t bytes, Access kind, uintptr_t pc) {
    const std::string name = shared_name(block, f.offset);
    const std::string other = (f.other_is_known ? thread_name(f.other_thread) : "several threads") + " at " +
                              (f.other_pc == 0 ? "an unknown line" : describe({nullptr, 0, absolute(f.other_pc)}));
    std::string text;
    switch (f.hazard) {
    case Hazard::none: break;
    case Hazard::outside: text = std::string("out-of-bounds shared ") + verb(kind) + in_bytes(bytes) + ": " + name; break;
    case Hazard::uninitialised: text = "read of uninitialised shared memory, " + name; break;
    case Hazard::pending:
        text = std::string(verb(kind)) + " of shared memory with a cp.async in flight, " + name + ", copied by " + other;
        break;
    case Hazard::write_after_write: text = "race in shared memory, write after write by " + other + ", " + name; break;
    case Hazard::read_after_write: text = "race in shared memory, read after write by " + other + ", " + name; break;
    case Hazard::write_after_read: text = "race in shared memory, write after read by " + other + ", " + name; break;
    }
    raise_fault(text, {nullptr, 0, pc});
}

// False if the address is not the running block's shared memory.
bool access_shared(uintptr_t address, std::size_t bytes, Access kind, uintptr_t pc) {
    Block& block = *machine.thread->block;
    const std::size_t offset = address - reinterpret_cast<uintptr_t>(block.shared);
    if (offset >= kSharedBytes) return false;
    const Finding finding = block.shadow.access(offset, bytes, kind, moment(pc));
    if (finding.hazard != Hazard::none) [[unlikely]]
        raise_finding(finding, block, bytes, kind, pc);
    return true;
}

bool access_global(uintptr_t address, std::size_t bytes, Access kind, uintptr_t pc) {
    (void)kind, (void)pc;
    return device_memory().holds_quickly(address, bytes);
}

[[noreturn]] void raise_misplaced(uintptr_t address, std::size_t bytes, Access kind, uintptr_t pc) {
    std::string text = std::string("out-of-bounds global ") + verb(kind) + in_bytes(bytes) + ": ";
    if (device_memory().contains(address)) {
        text += device_memory().describe(address);
    } else if (in_stacks(address)) {
        text = std::string(verb(kind)) + in_bytes(bytes) + " of another thread's local memory";
    } else {
        char number[32];
        __builtin_snprintf(number, sizeof number, "0x%lx", static_cast<unsigned long>(address));
        text = std::string(verb(kind)) + in_bytes(bytes) + " at " + number +
               ", which is no device memory: a host pointer, null, or a wild one";
    }
    raise_fault(text, {nullptr, 0, pc});
}

} // namespace

void check_access_slowly(uintptr_t address, std::size_t bytes, Access kind, uintptr_t pc) {
    if (machine.thread == nullptr || bytes == 0) return;
    if (access_shared(address, bytes, kind, pc) || access_global(address, bytes, kind, pc)) return;
    if (kind == Access::read && in_library(address)) return; // a constant of the kernel
    raise_misplaced(address, bytes, kind, pc);
}

void check_shared(const void* address, std::size_t bytes, Access kind, uintptr_t pc) {
    if (machine.checking && !access_shared(reinterpret_cast<uintptr_t>(address), bytes, kind, pc))
        raise_fault("an address of shared memory was wanted", {nullptr, 0, pc});
}

void check_global(const void* address, std::size_t bytes, Access kind, uintptr_t pc) {
    const auto value = reinterpret_cast<uintptr_t>(address);
    if (machine.checking && !access_global(value, bytes, kind, pc)) raise_misplaced(value, bytes, kind, pc);
}

} // namespace emu
