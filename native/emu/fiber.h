// Fibers: one stack and one suspended position each, switched in about 10 ns on x86-64 by hand and with ucontext
// elsewhere. A CUDA thread is a fiber.
//
// Stacks lie in one region, kStackBytes each and aligned to that, the lowest page of each unmapped:
//
//   | guard | ... free ... | frames | colour |  guard | ...
//
// So an address belongs to the running stack if it differs from the stack pointer in the low bits alone, and tops that
// all fell on one cache set are spread by `colour`.
#pragma once

#include <cstddef>
#include <cstdint>

// CUDAEMU_UCONTEXT asks for what other processors use, to test it on this one.
#if defined(__x86_64__) && !defined(CUDAEMU_UCONTEXT)
#define GB_OWN_SWITCH 1
#else
#define GB_OWN_SWITCH 0
#include <ucontext.h>
#endif

namespace emu {

constexpr std::size_t kStackBytes = 64 << 10;

struct Fiber {
#if GB_OWN_SWITCH
    void* stack_pointer = nullptr;
#else
    ucontext_t context;
#endif
};

// A region of `count` stacks; grows on demand and is never given back.
class StackPool {
public:
    // Makes `fiber` start with entry() on stack `index` when it is first switched to. entry must not return.
    void prepare(Fiber& fiber, std::size_t index, void (*entry)());
    // Makes room for `count` stacks; false if there is no memory. Call while no fiber runs.
    bool reserve(std::size_t count);
    bool contains(std::uintptr_t address) const { return address - base_ < capacity_ * kStackBytes; }

private:
    std::uintptr_t base_ = 0;
    std::size_t capacity_ = 0;
};

// True if `address` is on the stack that is running now.
inline bool on_own_stack(std::uintptr_t address) {
    return ((address ^ reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0))) & ~(kStackBytes - 1)) == 0;
}

#if GB_OWN_SWITCH
// Saves the callee-saved registers and the stack pointer in *from, and continues where `to` was saved.
extern "C" __attribute__((visibility("hidden"))) void emu_switch_stack(void** from, void* to);
inline void switch_fiber(Fiber& from, Fiber& to) {
    emu_switch_stack(&from.stack_pointer, to.stack_pointer);
}
#else
inline void switch_fiber(Fiber& from, Fiber& to) {
    swapcontext(&from.context, &to.context);
}
#endif

} // namespace emu
