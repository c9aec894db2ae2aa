// Stacks of fibers and the switch between them; see fiber.h.
#include "fiber.h"

#include <sys/mman.h>

namespace emu {

#if GB_OWN_SWITCH
// System V ABI: rbp, rbx and r12 to r15 are the callee's to save. The floating-point control words are left as they
// are: kernels do not change them.
asm(R"(
    .text
    .globl  emu_switch_stack
    .hidden emu_switch_stack
    .type   emu_switch_stack, @function
    .p2align 4
emu_switch_stack:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq  %rsp, (%rdi)
    movq  %rsi, %rsp
    popq  %r15
    popq  %r14
    popq  %r13
    popq  %r12
    popq  %rbx
    popq  %rbp
    ret
    .size emu_switch_stack, . - emu_switch_stack
)");
#endif

namespace {

constexpr std::size_t kPage = 4096;

// Distance of a stack's first frame from its end: a multiple of 64, spread over three pages.
std::size_t colour(std::size_t index) {
    return 64 + index * 832 % (3 * kPage) / 64 * 64;
}

} // namespace

bool StackPool::reserve(std::size_t count) {
    if (count <= capacity_) return true;
    const std::size_t bytes = (count + 1) * kStackBytes;
    void* const memory =
        mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) return false;
    if (capacity_ != 0) munmap(reinterpret_cast<void*>(base_), capacity_ * kStackBytes);
    const auto start = reinterpret_cast<std::uintptr_t>(memory);
    base_ = (start + kStackBytes - 1) & ~(kStackBytes - 1);
    munmap(memory, base_ - start);
    munmap(reinterpret_cast<void*>(base_ + count * kStackBytes), start + bytes - (base_ + count * kStackBytes));
    capacity_ = count;
    for (std::size_t i = 0; i < count; ++i)
        mprotect(reinterpret_cast<void*>(base_ + i * kStackBytes), kPage, PROT_NONE);
    return true;
}

void StackPool::prepare(Fiber& fiber, std::size_t index, void (*entry)()) {
    const std::uintptr_t top = base_ + (index + 1) * kStackBytes - colour(index);
#if GB_OWN_SWITCH
    // What emu_switch_stack pops: six registers, then the address to return to, which is `entry`; it finds the stack
    // as after a call, 8 bytes off a multiple of 16.
    auto* const frame = reinterpret_cast<std::uintptr_t*>(top) - 8;
    for (int i = 0; i < 6; ++i)
        frame[i] = 0;
    frame[6] = reinterpret_cast<std::uintptr_t>(entry);
    frame[7] = 0;
    fiber.stack_pointer = frame;
#else
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = reinterpret_cast<void*>(base_ + index * kStackBytes + kPage);
    fiber.context.uc_stack.ss_size = top - (base_ + index * kStackBytes + kPage);
    fiber.context.uc_link = nullptr;
    makecontext(&fiber.context, entry, 0);
#endif
}

} // namespace emu
