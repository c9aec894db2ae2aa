// What -fsanitize=thread,alignment calls at every access of a kernel. Neither libtsan nor libubsan is linked: these
// entry points, named by the compiler, lead to our checker. Only kernels are compiled so.
#include "checker.h"

#define GB_HOOK extern "C" __attribute__((visibility("hidden")))
#define GB_PC reinterpret_cast<uintptr_t>(__builtin_return_address(0))

using emu::Access;

namespace {

inline uintptr_t address_of(const void* p) {
    return reinterpret_cast<uintptr_t>(p);
}

// A loop may wait for a volatile read to change.
void volatile_access(const void* p, std::size_t bytes, Access kind, uintptr_t pc) {
    if (emu::machine.thread == nullptr || emu::on_own_stack(address_of(p))) return;
    if (kind == Access::acquire) emu::spin({nullptr, 0, pc});
    if (kind == Access::release) ++emu::machine.progress;
    emu::check_access(address_of(p), bytes, kind, pc);
}

} // namespace

#define GB_ACCESS(name, bytes, kind)                                                                                   \
    GB_HOOK void name(const void* p) {                                                                                 \
        emu::check_access(address_of(p), bytes, kind, GB_PC);                                                          \
    }
#define GB_VOLATILE(name, bytes, kind)                                                                                 \
    GB_HOOK void name(const void* p) {                                                                                 \
        volatile_access(p, bytes, kind, GB_PC);                                                                        \
    }
#define GB_ACCESSES(bytes)                                                                                             \
    GB_ACCESS(__tsan_read##bytes, bytes, Access::read)                                                                 \
    GB_ACCESS(__tsan_write##bytes, bytes, Access::write)                                                               \
    GB_ACCESS(__tsan_unaligned_read##bytes, bytes, Access::read)                                                       \
    GB_ACCESS(__tsan_unaligned_write##bytes, bytes, Access::write)                                                     \
    GB_VOLATILE(__tsan_volatile_read##bytes, bytes, Access::acquire)                                                   \
    GB_VOLATILE(__tsan_volatile_write##bytes, bytes, Access::release)                                                  \
    GB_VOLATILE(__tsan_unaligned_volatile_read##bytes, bytes, Access::acquire)                                         \
    GB_VOLATILE(__tsan_unaligned_volatile_write##bytes, bytes, Access::release)

GB_ACCESSES(1)
GB_ACCESSES(2)
GB_ACCESSES(4)
GB_ACCESSES(8)
GB_ACCESSES(16)

GB_HOOK void __tsan_read_range(const void* p, unsigned long bytes) {
    emu::check_access(address_of(p), bytes, Access::read, GB_PC);
}
GB_HOOK void __tsan_write_range(const void* p, unsigned long bytes) {
    emu::check_access(address_of(p), bytes, Access::write, GB_PC);
}
GB_HOOK void __tsan_init() {}
GB_HOOK void __tsan_func_entry(void*) {}
GB_HOOK void __tsan_func_exit() {}
// The guard of a constant local of a kernel.
GB_HOOK int __tsan_atomic8_load(const volatile char* p, int) {
    return *p;
}

// The beginning of what -fsanitize=alignment describes an access by.
struct AlignmentData {
    const char* file;
    uint32_t line, column;
};

GB_HOOK [[noreturn]] void __ubsan_handle_type_mismatch_v1_abort(const AlignmentData* data, uintptr_t) {
    const emu::Place place{data->file, static_cast<int>(data->line), GB_PC};
    if (emu::machine.thread == nullptr) __builtin_trap();
    emu::raise_fault("misaligned access: the address is no multiple of the type's alignment", place);
}
