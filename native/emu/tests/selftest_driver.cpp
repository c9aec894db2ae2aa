// Memory, modules and launches: what the emulated driver gives and refuses.
#include "check.h"
#include "selftest.h"

#include <csignal>
#include <cstring>

#include <sys/wait.h>
#include <unistd.h>

namespace {

enum { kMultiprocessors = 16, kMajor = 75, kMinor = 76, kSharedOptIn = 97 };
constexpr int kMaxDynamicShared = 8, kMemoryType = 2;

void test_memory() {
    const Setting setting{{"CUDAEMU_MEMORY_GIB", "32"}};
    Address a = 0, b = 0;
    GB_GIVES(0, cuMemAlloc_v2(&a, 1001));
    GB_GIVES(0, cuMemAlloc_v2(&b, 1001));
    GB_CHECK(a % 256 == 0 && b % 256 == 0);
    unsigned char bytes[1001];
    GB_GIVES(0, cuMemcpyDtoH_v2(bytes, a, 1001));
    GB_CHECK(bytes[0] == 0xff && bytes[1000] == 0xff); // NaN to whoever reads it first
    GB_GIVES(1, cuMemcpyDtoH_v2(bytes, a, 1002));
    GB_GIVES(1, cuMemcpyHtoD_v2(b - 1, bytes, 1));
    GB_GIVES(0, cuMemFree_v2(a));
    GB_GIVES(1, cuMemFree_v2(a));
    GB_GIVES(1, cuMemcpyDtoH_v2(bytes, a, 1));
    GB_GIVES(1, cuMemFree_v2(b + 256));
    GB_GIVES(2, cuMemAlloc_v2(&a, std::size_t{33} << 30));

    // An offset above 2^31 elements costs what is touched.
    const std::size_t count = (std::size_t{1} << 31) + 100;
    GB_GIVES(0, cuMemAlloc_v2(&a, count * sizeof(float)));
    std::size_t available = 0, total = 0;
    GB_GIVES(0, cuMemGetInfo_v2(&available, &total));
    GB_CHECK(total == std::size_t{32} << 30 && available == total - count * sizeof(float) - 1001);
    const auto pointer = reinterpret_cast<float*>(static_cast<uintptr_t>(a));
    GB_GIVES(0, cuMemsetD32Async(a + (count - 64) * sizeof(float), 0, 64, nullptr));
    GB_GIVES(0, setting.launch("add_step", 1, 64, StepArguments{pointer + count - 64, 2.0f, 64}));
    float v = 0;
    GB_GIVES(0, cuMemcpyDtoH_v2(&v, a + (count - 1) * sizeof(float), sizeof v));
    GB_CHECK(v == 2.0f);
    GB_GIVES(0, cuMemcpyDtoH_v2(&v, a + (count / 2) * sizeof(float), sizeof v));
    GB_CHECK(v != v);
}

// The host must not follow a device pointer: in a child process, since it ends there.
void test_protection() {
    const Setting setting;
    const Array<int> x(std::vector<int>(10, 7));
    std::fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        if (std::freopen("/dev/null", "w", stderr) == nullptr) _exit(2);
        _exit(*static_cast<volatile int*>(x.pointer()) == 7 ? 0 : 1);
    }
    int status = 0;
    GB_CHECK(waitpid(child, &status, 0) == child);
    GB_CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    GB_CHECK(x.values()[9] == 7);
}

void test_attributes() {
    const Setting setting;
    const Array<float> x(4);
    void *pinned = nullptr, *context = nullptr, *popped = nullptr;
    unsigned type = 0;
    float of_the_host = 0;
    GB_REQUIRE(cuMemHostAlloc(&pinned, 64, 0));
    GB_GIVES(0, cuPointerGetAttribute(&type, kMemoryType, x.address() + 15));
    GB_CHECK(type == 2);
    GB_GIVES(0, cuPointerGetAttribute(&type, kMemoryType, reinterpret_cast<uintptr_t>(pinned)));
    GB_CHECK(type == 1);
    GB_GIVES(1, cuPointerGetAttribute(&type, kMemoryType, reinterpret_cast<uintptr_t>(&of_the_host)));
    int threads = 0;
    GB_GIVES(0, cuFuncGetAttribute(&threads, 0, setting.function("add_step")));
    GB_CHECK(threads == 64); // of __launch_bounds__

    GB_GIVES(0, cuCtxPopCurrent_v2(&context));
    GB_GIVES(201, cuCtxSynchronize());
    GB_GIVES(201, cuCtxPopCurrent_v2(&popped));
    GB_GIVES(0, cuCtxPushCurrent_v2(context));
    GB_GIVES(0, cuCtxSynchronize());
    const char* name = nullptr;
    GB_GIVES(0, cuGetErrorName(900, &name));
    GB_CHECK(std::strcmp(name, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED") == 0);
}

void test_modules() {
    const Setting setting{{"CUDAEMU_ARCH", "86"}};
    void *module = nullptr, *function = nullptr;
    char log[128] = "";
    int options[] = {5, 6};
    void* values[] = {log, reinterpret_cast<void*>(sizeof log)};
    GB_GIVES(200, cuModuleLoadDataEx(&module, "no kernels", 2, options, values));
    GB_CHECK(std::strlen(log) != 0);
    GB_GIVES(209, cuModuleLoadDataEx(&module, ".version 8.0\n.target sm_90\n", 2, options, values));
    GB_GIVES(0,
             cuModuleLoadDataEx(&module, ".version 7.0\n.target sm_80\n.visible .entry none(\n)", 2, options, values));
    GB_GIVES(0, cuModuleGetFunction(&function, module, "none"));
    GB_GIVES(500, cuModuleGetFunction(&function, module, "scan")); // linked in, but no entry of the image
    GB_GIVES(500, cuModuleGetFunction(&function, module, "non"));
}

void test_limits() {
    struct Architecture {
        const char* name;
        int major, minor, shared;
    };
    for (const Architecture& a :
         {Architecture{"80", 8, 0, 163}, {"86", 8, 6, 99}, {"89", 8, 9, 99}, {"90", 9, 0, 227}}) {
        const Setting setting{{"CUDAEMU_ARCH", a.name}};
        int major = 0, minor = 0, shared = 0;
        GB_GIVES(0, cuDeviceGetAttribute(&major, kMajor, 0));
        GB_GIVES(0, cuDeviceGetAttribute(&minor, kMinor, 0));
        GB_GIVES(0, cuDeviceGetAttribute(&shared, kSharedOptIn, 0));
        GB_CHECK(major == a.major && minor == a.minor && shared == a.shared << 10);

        void* const function = setting.function("none");
        const auto launch = [&](unsigned x, unsigned y, unsigned z, unsigned bx, unsigned by, unsigned bz,
                                unsigned bytes) {
            return cuLaunchKernel(function, x, y, z, bx, by, bz, bytes, nullptr, nullptr, nullptr);
        };
        const auto most = static_cast<unsigned>(shared);
        GB_GIVES(0, launch(1, 1, 1, 32, 1, 1, 48 << 10));
        GB_GIVES(1, launch(1, 1, 1, 32, 1, 1, (48 << 10) + 1));
        GB_GIVES(1, cuFuncSetAttribute(function, kMaxDynamicShared, shared + 1));
        GB_GIVES(0, cuFuncSetAttribute(function, kMaxDynamicShared, shared));
        GB_GIVES(0, launch(1, 1, 1, 32, 1, 1, most));
        GB_GIVES(1, launch(1, 1, 1, 32, 1, 1, most + 1));
        GB_GIVES(0, launch(1, 1, 1, 1024, 1, 1, 0));
        GB_GIVES(1, launch(1, 1, 1, 1025, 1, 1, 0));
        GB_GIVES(1, launch(1, 1, 1, 32, 33, 1, 0));
        GB_GIVES(1, launch(1, 1, 1, 1, 1, 65, 0));
        GB_GIVES(1, launch(0, 1, 1, 32, 1, 1, 0));
        GB_GIVES(1, launch(1, 65536, 1, 32, 1, 1, 0));
        GB_GIVES(1, launch(1, 1, 65536, 32, 1, 1, 0));
        GB_GIVES(701, setting.launch("add_step", 1, 65, StepArguments{})); // more than __launch_bounds__
        GB_GIVES(0, cuCtxSynchronize());
    }
}

void test_contexts() {
    void* context = nullptr;
    const Setting setting;
    const Array<float> x(4);
    GB_REQUIRE(cuDevicePrimaryCtxRetain(&context, 0));
    GB_GIVES(0, cuDevicePrimaryCtxRelease_v2(0)); // still retained once
    GB_GIVES(0, cuCtxSynchronize());
    // Lost with a fault, whole again in a new context.
    GB_GIVES(0, setting.launch("add_step", 1, 64, StepArguments{x.pointer(), 1.0f, 5}));
    GB_GIVES(719, cuCtxSynchronize());
    GB_GIVES(719, cuCtxSynchronize());
    const char* text = "";
    GB_GIVES(0, cuGetErrorString(719, &text));
    GB_CHECK(std::strstr(text, "native/emu/tests/selftest.cu:") != nullptr);
    const Setting fresh;
    GB_GIVES(0, cuCtxSynchronize());
}

} // namespace

void test_driver() {
    test_memory();
    test_protection();
    test_attributes();
    test_modules();
    test_limits();
    test_contexts();
}
