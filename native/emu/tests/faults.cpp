// cudaemu_faults: runs kernels with planted faults, and requires that each is reported as it should be.
//
//   cudaemu_faults --list       the names
//   cudaemu_faults NAME...      these; the reports are printed
//   cudaemu_faults              all
//
// Exit status 0 if every report names what is wrong, the file and the line, the kernel, the block and the thread.
#include "faults.h"
#include "api.h"

#include <cstring>
#include <string>
#include <vector>

namespace {

constexpr int kLaunchFailed = 719;

enum class Other { none, host, freed, null };

struct Fault {
    const char* name;
    std::string expected; // in the report
    std::string thread;   // in the report; empty: any
    unsigned blocks = 1, threads = kFaultThreads, shared_bytes = 0;
    Other other = Other::none;
    bool has_line = true;
    const char* kernel = nullptr; // if not the name
    const char* variable = nullptr;
    const char* value = nullptr;
};

// Under the forward schedule threads run in order, so it is known who meets each fault.
const std::vector<Fault>& faults() {
    static const std::vector<Fault> all = {
        {"missing_barrier", "race in shared memory, write after read by thread (31, 0, 0)", "thread (32, 0, 0)"},
        {"missing_second_barrier", "race in shared memory, read after write by thread (31, 0, 0)", "thread (32, 0, 0)"},
        {"two_writers", "race in shared memory, write after write by thread (0, 0, 0)",
         "block (0, 0, 0), thread (1, 0, 0)"},
        {"two_writers_of_a_byte", "race in shared memory, write after write by thread (10, 0, 0)", "thread (40, 0, 0)"},
        {"missing_warp_barrier", "race in shared memory", "", 1, 32},
        {"shuffle_is_no_barrier", "race in shared memory, read after write", "", 1, 32},
        {"atomic_and_plain", "race in shared memory, write after write by thread (5, 0, 0)", ""},
        {"uninitialised_shared", "read of uninitialised shared memory, byte 164 of tile (256 bytes)",
         "thread (41, 0, 0)"},
        {"shared_of_the_last_block", "read of uninitialised shared memory", "block (1, 0, 0), thread (0, 0, 0)", 2},
        {"shared_overrun", "out-of-bounds shared write of 4 bytes: 0 bytes past the end of tile (252 bytes)",
         "thread (63, 0, 0)"},
        {"shared_overrun_by_a_half", "out-of-bounds shared write of 2 bytes: 0 bytes past the end of tile",
         "thread (63, 0, 0)"},
        {"dynamic_shared_overrun",
         "out-of-bounds shared write of 4 bytes: 0 bytes past the end of dynamic shared memory (128 bytes)",
         "thread (32, 0, 0)", 1, kFaultThreads, 128},
        {"too_much_static_shared", "static shared memory: wanted at most 49152 bytes, got 49156 with tile",
         "thread (0, 0, 0)"},
        {"too_much_static_and_dynamic",
         "static and dynamic shared memory: wanted at most 49152 bytes, got 49156 with tile", "thread (0, 0, 0)", 1,
         kFaultThreads, 48896},
        {"global_read_overrun", "out-of-bounds global read of 4 bytes: 0 bytes past the end of allocation",
         "block (3, 0, 0), thread (232, 0, 0)", 4, 256},
        {"global_write_overrun", "out-of-bounds global write of 4 bytes: 0 bytes past the end of allocation",
         "block (3, 0, 0), thread (232, 0, 0)", 4, 256},
        {"global_underrun", "out-of-bounds global read of 4 bytes", "thread (0, 0, 0)"},
        {"vector_across_the_end", "out-of-bounds global read of", "block (0, 0, 0), thread (250, 0, 0)", 1, 256},
        {"misaligned_vector", "misaligned access", "thread (3, 0, 0)"},
        {"host_read", "which is no device memory", "thread (0, 0, 0)", 1, 32, 0, Other::host, true,
         "read_of_other_memory"},
        {"host_write", "which is no device memory", "thread (0, 0, 0)", 1, 32, 0, Other::host, true,
         "write_of_other_memory"},
        {"null_read", "which is no device memory", "thread (0, 0, 0)", 1, 32, 0, Other::null, true,
         "read_of_other_memory"},
        {"use_after_free", "which is freed", "thread (0, 0, 0)", 1, 32, 0, Other::freed, true, "write_of_other_memory"},
        {"null_read_unchecked", "access to unmapped memory", "thread (0, 0, 0)", 1, 32, 0, Other::null, true,
         "read_of_other_memory", "CUDAEMU_CHECK", "0"},
        {"local_memory_of_another", "of another thread's local memory", ""},
        {"stack_overrun", "access to unmapped memory", "thread (0, 0, 0)", 1, 32, 0, Other::none, false},
        {"divergent_barrier", "a thread ends while thread (0, 0, 0) waits at __syncthreads", "thread (40, 0, 0)"},
        {"barrier_after_exit", "__syncthreads after threads of the block have ended", "thread (1, 0, 0)"},
        {"shuffle_after_exit", "warp collective: thread (21, 0, 0) of its mask has ended", ""},
        {"shuffle_outside_mask", "shuffle: lane 15 reads lane 16", ""},
        {"caller_outside_mask", "warp collective: the caller is not in its own mask", "thread (16, 0, 0)"},
        {"divergent_shuffles", "divergent warp collective: thread (0, 0, 0) waits at native/emu/tests/faults.cu",
         "thread (16, 0, 0)"},
        {"warp_against_block", "deadlock: no thread can run", "thread (0, 0, 0)"},
        {"flag_that_no_one_raises", "deadlock: every thread that can run waits for a change of memory", ""},
        {"volatile_flag_that_no_one_raises", "deadlock: every thread that can run waits for a change of memory", ""},
        {"endless_loop", "a thread runs on without reaching a barrier or its end", "thread (0, 0, 0)", 1, 32, 0,
         Other::none, true, nullptr, "CUDAEMU_TIMEOUT", "0.2"},
        {"copy_in_flight", "read of shared memory with a cp.async in flight, byte 0 of tile (1024 bytes)",
         "thread (0, 0, 0)"},
        {"copy_in_an_open_group", "read of shared memory with a cp.async in flight", "thread (0, 0, 0)"},
        {"copy_without_barrier", "race in shared memory, write after read by thread (31, 0, 0)", "thread (32, 0, 0)"},
        {"copy_into_what_is_read", "read of shared memory with a cp.async in flight", "thread (32, 0, 0)"},
        {"misaligned_copy", "cp.async: an address is not aligned to 16 bytes", "thread (0, 0, 0)"},
        {"copy_from_outside", "out-of-bounds global read of 16 bytes", "block (0, 0, 0), thread (250, 0, 0)", 1, 256},
        {"misaligned_ldmatrix", "ldmatrix: row not aligned to 16 bytes", "thread (1, 0, 0)", 1, 32},
        {"global_two_writers", "race in global memory, write after write by block (0, 0, 0), thread (0, 0, 0)",
         "block (1, 0, 0), thread (0, 0, 0)", 2, 32, 0, Other::none, true, nullptr, "CUDAEMU_GLOBAL_RACES", "1"},
        {"global_read_of_another_block", "race in global memory, read after write by block (0, 0, 0)",
         "block (1, 0, 0)", 2, kFaultThreads, 0, Other::none, true, nullptr, "CUDAEMU_GLOBAL_RACES", "1"},
        {"global_write_of_what_is_read", "race in global memory, write after read", "", 1, 32, 0, Other::none, true,
         nullptr, "CUDAEMU_GLOBAL_RACES", "1"},
        {"global_write_after_release", "race in global memory, read after write by block (0, 0, 0), thread (0, 0, 0)",
         "block (1, 0, 0), thread (0, 0, 0)", 2, 1, 0, Other::none, true, nullptr, "CUDAEMU_GLOBAL_RACES", "1"},
        {"global_flag_without_release", "race in global memory, read after write by block (0, 0, 0), thread (0, 0, 0)",
         "block (1, 0, 0), thread (0, 0, 0)", 2, 32, 0, Other::none, true, nullptr, "CUDAEMU_GLOBAL_RACES", "1"},
    };
    return all;
}

// The report of the fault, in a context of its own; "" if the launch succeeds.
std::string report_of(const Fault& fault, int& line) {
    if (fault.variable != nullptr) setenv(fault.variable, fault.value, 1);
    GB_REQUIRE(cuDevicePrimaryCtxReset_v2(0)); // reads the environment
    void *module = nullptr, *function = nullptr, *pinned = nullptr;
    GB_REQUIRE(cuModuleLoadDataEx(&module, kAllKernels, 0, nullptr, nullptr));
    GB_REQUIRE(cuModuleGetFunction(&function, module, fault.kernel == nullptr ? fault.name : fault.kernel));
    GB_REQUIRE(cuMemHostAlloc(&pinned, sizeof(int), 0));
    Address x = 0, y = 0, flags = 0, freed = 0;
    GB_REQUIRE(cuMemAlloc_v2(&x, kFaultFloats * sizeof(float)));
    GB_REQUIRE(cuMemAlloc_v2(&y, kFaultFloats * sizeof(float)));
    GB_REQUIRE(cuMemAlloc_v2(&flags, 1024));
    GB_REQUIRE(cuMemAlloc_v2(&freed, 1024));
    GB_REQUIRE(cuMemFree_v2(freed));
    GB_REQUIRE(cuMemsetD8_v2(x, 0, kFaultFloats * sizeof(float)));
    GB_REQUIRE(cuMemsetD8_v2(flags, 0, 1024));
    float of_the_host = 0.0f;
    const auto pointer = [](Address address) { return reinterpret_cast<float*>(static_cast<uintptr_t>(address)); };
    *static_cast<int*>(pinned) = 0;
    FaultArguments arguments{pointer(x), pointer(y), nullptr, reinterpret_cast<unsigned*>(pointer(flags)),
                             static_cast<int*>(pinned)};
    if (fault.other == Other::host) arguments.other = &of_the_host;
    if (fault.other == Other::freed) arguments.other = pointer(freed);
    void* parameters[] = {&arguments};
    GB_REQUIRE(cuLaunchKernel(function, fault.blocks, 1, 1, fault.threads, 1, 1, fault.shared_bytes, nullptr,
                              parameters, nullptr));
    const int result = cuCtxSynchronize();
    line = *static_cast<int*>(pinned);
    const char* text = "";
    if (result == kLaunchFailed) cuGetErrorString(result, &text);
    std::string report = text;
    if (cuMemAlloc_v2(&x, 4) != result) report += "\n  the fault is not sticky";
    if (fault.variable != nullptr) unsetenv(fault.variable);
    return report;
}

bool run(const Fault& fault) {
    int line = 0;
    const std::string report = report_of(fault, line);
    const std::string kernel =
        std::string("\n  in ") + (fault.kernel == nullptr ? fault.name : fault.kernel) + ", block (";
    std::vector<std::string> wanted = {fault.expected, "\n  at native/emu/tests/faults.cu:", kernel, fault.thread};
    if (fault.has_line) wanted[1] += std::to_string(line) + " (";
    bool ok = true;
    for (const std::string& part : wanted) {
        if (report.find(part) != std::string::npos) continue;
        std::printf("%s: the report lacks \"%s\"\n", fault.name, part.c_str());
        ok = false;
    }
    ok = ok && report.find("not sticky") == std::string::npos;
    std::printf("%s: %s\n%s\n\n", fault.name, ok ? "reported" : "NOT REPORTED AS EXPECTED",
                report.empty() ? "  (no report)" : report.c_str());
    return ok;
}

} // namespace

int main(int count, char** arguments) {
    if (count == 2 && std::strcmp(arguments[1], "--list") == 0) {
        for (const Fault& fault : faults())
            std::puts(fault.name);
        return 0;
    }
    void* context = nullptr;
    GB_REQUIRE(cuInit(0));
    GB_REQUIRE(cuDevicePrimaryCtxRetain(&context, 0));
    GB_REQUIRE(cuCtxSetCurrent(context));
    int failed = 0, ran = 0;
    for (const Fault& fault : faults()) {
        bool chosen = count == 1;
        for (int i = 1; i < count; ++i)
            chosen = chosen || std::strcmp(arguments[i], fault.name) == 0;
        if (!chosen) continue;
        ++ran;
        failed += run(fault) ? 0 : 1;
    }
    std::printf("%d faults planted, %d reported\n", ran, ran - failed);
    return ran == 0 || failed != 0;
}
