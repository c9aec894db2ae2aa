// Signals of a running launch; see guard.h. A handler does not switch stacks itself: it lets the interrupted fiber
// continue in raise_fault(), on its own stack from the top, since nobody returns to its frames.
#include "guard.h"

#include "machine.h"
#include "memory.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <mutex>

#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

namespace emu {

namespace {

constexpr std::size_t kSignalStackBytes = 64 << 10;

struct Watch {
    const uint64_t* progress = nullptr; // null outside a launch
    uint64_t seen_progress = 0;
    const Thread* seen_thread = nullptr;
};
thread_local Watch watch;
thread_local stack_t former_stack;

const char* signalled_what; // for continue_in_fault
uintptr_t signalled_pc;
struct sigaction former_segv, former_bus;

int timer_signal() {
    return SIGRTMAX - 3;
}

[[noreturn]] void continue_in_fault() {
    raise_fault(signalled_what, {nullptr, 0, signalled_pc});
}

// False where it cannot be done: another processor, or not in a kernel.
bool redirect(void* context, const char* what) {
#if defined(__x86_64__)
    if (watch.progress == nullptr || machine.thread == nullptr) return false;
    auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
    signalled_what = what;
    signalled_pc = static_cast<uintptr_t>(registers[REG_RIP]) + 1; // as a return address: behind the instruction
    const auto stack = static_cast<uintptr_t>(registers[REG_RSP]) & ~(kStackBytes - 1);
    registers[REG_RSP] = static_cast<greg_t>(stack + kStackBytes - 72);
    registers[REG_RIP] = static_cast<greg_t>(reinterpret_cast<uintptr_t>(&continue_in_fault));
    return true;
#else
    (void)context, (void)what;
    return false;
#endif
}

void on_bad_access(int signal, siginfo_t* info, void* context) {
    if (redirect(context, "access to unmapped memory: a wild pointer, or more than a thread's stack holds")) return;
    if (device_memory.contains(reinterpret_cast<uintptr_t>(info->si_addr))) {
        static constexpr char kText[] = "cudaemu: host code dereferences a device pointer\n";
        [[maybe_unused]] const auto written = write(STDERR_FILENO, kText, sizeof kText - 1);
    }
    const struct sigaction& former = signal == SIGSEGV ? former_segv : former_bus;
    if ((former.sa_flags & SA_SIGINFO) != 0 && former.sa_sigaction != nullptr) {
        former.sa_sigaction(signal, info, context);
    } else if (former.sa_handler != SIG_DFL && former.sa_handler != SIG_IGN) {
        former.sa_handler(signal);
    } else {
        std::signal(signal, SIG_DFL); // and the instruction runs again
    }
}

void on_timer(int, siginfo_t*, void* context) {
    if (watch.progress == nullptr) return;
    const bool hangs = watch.seen_progress == *watch.progress && watch.seen_thread == machine.thread;
    watch.seen_progress = *watch.progress;
    watch.seen_thread = machine.thread;
    if (!hangs) return;
#if defined(__x86_64__)
    // Elsewhere than in this library a lock may be held: wait for the next tick.
    if (!in_library(static_cast<uintptr_t>(static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP]))) return;
#endif
    redirect(context, "a thread runs on without reaching a barrier or its end");
}

void install_handlers() {
    struct sigaction action {};
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
    sigemptyset(&action.sa_mask);
    action.sa_sigaction = on_bad_access;
    sigaction(SIGSEGV, &action, &former_segv);
    sigaction(SIGBUS, &action, &former_bus);
    action.sa_sigaction = on_timer;
    sigaction(timer_signal(), &action, nullptr);
}

} // namespace

Guard::Guard(double seconds, const uint64_t& progress) {
    static std::once_flag installed;
    std::call_once(installed, install_handlers);
    static thread_local unsigned char signal_stack[kSignalStackBytes];
    watch = {&progress, progress - 1, nullptr};
    const stack_t stack{signal_stack, 0, sizeof signal_stack};
    sigaltstack(&stack, &former_stack);

    sigevent event{};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = timer_signal();
    event._sigev_un._tid = static_cast<pid_t>(syscall(SYS_gettid));
    has_timer_ = timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &timer_) == 0;
    if (!has_timer_) return;
    const auto nanoseconds = static_cast<int64_t>(seconds * 0.5e9);
    itimerspec period{};
    period.it_interval = {nanoseconds / 1000000000, nanoseconds % 1000000000};
    period.it_value = period.it_interval;
    timer_settime(timer_, 0, &period, nullptr);
}

Guard::~Guard() {
    if (has_timer_) timer_delete(timer_);
    watch.progress = nullptr;
    sigaltstack(&former_stack, nullptr);
}

} // namespace emu
