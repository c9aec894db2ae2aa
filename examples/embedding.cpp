// Gimbal inside a program that has a GPU of its own: the ops work on that program's device memory, in the order of its
// stream, and allocate nothing. What such a program has already (a context, a stream, buffers) is made here with the
// CUDA driver's own functions, so that this file needs no toolkit; under the CUDA runtime the same things are
// cudaStream_t and the pointers of cudaMalloc. docs/EMBEDDING.md says more. From the repository:
//
//     cmake --preset release && cmake --build --preset release --target gimbal_native embedding
//     artifacts/cmake/release/lib/embedding
//
// GIMBAL_CUDA_DRIVER names another driver library than the system's, for one the emulated driver.
#include "gimbal.h"

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#if defined(_WIN32)
#define NOMINMAX
#include <windows.h>
#else
#include <dlfcn.h>
#endif

namespace {

void require(bool condition, const char* what) {
    if (condition) return;
    std::fprintf(stderr, "%s failed: %s\n", what, gb_last_error());
    std::exit(1);
}

// ---- The program around the engine: one GPU, one stream, buffers ----------------------------------------------------

void* driver_function(const char* name) {
    const char* named = std::getenv("GIMBAL_CUDA_DRIVER");
#if defined(_WIN32)
    static const HMODULE library = LoadLibraryA(named != nullptr ? named : "nvcuda.dll");
    void* function = library == nullptr ? nullptr : reinterpret_cast<void*>(GetProcAddress(library, name));
#else
    static void* const library = dlopen(named != nullptr ? named : "libcuda.so.1", RTLD_NOW);
    void* function = library == nullptr ? nullptr : dlsym(library, name);
#endif
    if (function == nullptr) {
        std::fprintf(stderr, "no CUDA driver with %s; GIMBAL_CUDA_DRIVER can name one\n", name);
        std::exit(1);
    }
    return function;
}

template <class... Args> void driver(const char* name, Args... args) {
    require(reinterpret_cast<int (*)(Args...)>(driver_function(name))(args...) == 0, name);
}

using Address = unsigned long long;

class Gpu {
public:
    Gpu() {
        void* context = nullptr;
        driver("cuInit", 0u);
        driver("cuDevicePrimaryCtxRetain", &context, 0);
        driver("cuCtxPushCurrent_v2", context);
        driver("cuStreamCreate", &stream, 0u);
    }

    template <class T> T* allocate(std::size_t count) {
        Address address = 0;
        driver("cuMemAlloc_v2", &address, count * sizeof(T));
        return reinterpret_cast<T*>(static_cast<std::uintptr_t>(address));
    }
    template <class T> T* upload(const std::vector<T>& values) {
        T* memory = allocate<T>(values.size());
        driver("cuMemcpyHtoDAsync_v2", address(memory), static_cast<const void*>(values.data()),
               values.size() * sizeof(T), stream);
        return memory;
    }
    // Waits for the stream, and with it for the ops: they were queued on it.
    template <class T> std::vector<T> download(const T* memory, std::size_t count) {
        std::vector<T> values(count);
        driver("cuMemcpyDtoHAsync_v2", static_cast<void*>(values.data()), address(memory), count * sizeof(T), stream);
        driver("cuStreamSynchronize", stream);
        return values;
    }

    void* stream = nullptr;

private:
    static Address address(const void* memory) { return reinterpret_cast<std::uintptr_t>(memory); }
};

// ---- The engine
// ------------------------------------------------------------------------------------------------------

constexpr int64_t kRows = 2, kSteps = 4, kCount = kRows * kSteps;
constexpr float kGamma = 0.99f, kLambda = 0.95f, kClip = 0.2f;

gb_context* open(gb_device_kind kind, void* stream) {
    gb_context_options options{};
    options.struct_size = sizeof options;
    options.kind = kind;
    options.stream = stream;
    gb_context* context = nullptr;
    require(gb_context_create(&options, &context) == GB_OK, "gb_context_create");
    return context;
}

// The two ops, of pointers that on the meta device are never followed.
void run(gb_context* context, const float* rewards, const float* values, const float* last_values, float* advantages,
         float* returns, const float* logprobs, const float* old_logprobs, float* losses, float* gradients,
         double* statistics) {
    require(gb_gae(context, rewards, values, last_values, nullptr, nullptr, nullptr, nullptr, advantages, returns,
                   kRows, kSteps, kGamma, kLambda) == GB_OK,
            "gb_gae");
    require(gb_grpo_loss(context, logprobs, old_logprobs, nullptr, advantages, nullptr, losses, gradients, statistics,
                         kCount, kClip, kClip, 0, 0) == GB_OK,
            "gb_grpo_loss");
}

// The memory that the ops need beside their operands: the same calls on a device that only checks them tell.
int64_t plan() {
    gb_context* meta = open(GB_DEVICE_META, nullptr);
    float any = 0;
    double statistics = 0;
    run(meta, &any, &any, &any, &any, &any, &any, &any, &any, &any, &statistics);
    int64_t bytes = 0;
    require(gb_context_workspace_required(meta, &bytes) == GB_OK, "gb_context_workspace_required");
    gb_context_destroy(meta);
    return bytes;
}

} // namespace

int main() {
    const std::vector<float> rewards{1, 1, 1, 1, 0, 0, 0, 5}, values{3.6f, 2.8f, 1.9f, 1, 4, 4.2f, 4.5f, 4.8f},
        last_values{0, 0}, old_logprobs{-1, -2, -0.5f, -3, -1, -1, -2, -2},
        logprobs{-0.9f, -2.5f, -0.5f, -2.9f, -1, -0.7f, -2.1f, -2};

    Gpu gpu;
    float* advantages = gpu.allocate<float>(kCount);
    float* returns = gpu.allocate<float>(kCount);
    float* losses = gpu.allocate<float>(kCount);
    float* gradients = gpu.allocate<float>(kCount);
    double* statistics = gpu.upload(std::vector<double>(9)); // added to, so cleared first

    gb_context* context = open(GB_DEVICE_CUDA, gpu.stream);
    const int64_t bytes = plan();
    require(gb_context_set_workspace(context, gpu.allocate<char>(static_cast<std::size_t>(bytes)), bytes) == GB_OK,
            "gb_context_set_workspace");
    run(context, gpu.upload(rewards), gpu.upload(values), gpu.upload(last_values), advantages, returns,
        gpu.upload(logprobs), gpu.upload(old_logprobs), losses, gradients, statistics);
    const std::vector<float> found = gpu.download(advantages, kCount), loss = gpu.download(losses, kCount);
    const std::vector<double> sums = gpu.download(statistics, 9);
    require(gb_context_synchronize(context) == GB_OK, "an op"); // reports bad data that an op met
    gb_context_destroy(context);

    // The formulas again, plainly.
    double worst = 0;
    for (int64_t row = 0; row < kRows; ++row) {
        double next_value = last_values[static_cast<std::size_t>(row)], advantage = 0;
        for (int64_t i = (row + 1) * kSteps - 1; i >= row * kSteps; --i) {
            const auto at = static_cast<std::size_t>(i);
            advantage = rewards[at] + kGamma * next_value - values[at] + kGamma * kLambda * advantage;
            next_value = values[at];
            const double ratio = std::exp(static_cast<double>(logprobs[at]) - static_cast<double>(old_logprobs[at]));
            const double clipped = std::fmin(std::fmax(ratio, 1 - kClip), 1 + kClip);
            const double wanted = std::fmax(-advantage * ratio, -advantage * clipped);
            worst = std::fmax(worst, std::fmax(std::fabs(advantage - found[at]), std::fabs(wanted - loss[at])));
        }
    }
    std::printf("workspace %lld bytes\nadvantages", static_cast<long long>(bytes));
    for (const float a : found)
        std::printf(" %.3f", static_cast<double>(a));
    std::printf("\nloss %.6f over %.0f tokens\nlargest difference from the formulas %.1e\n", sums[0], sums[2], worst);
    return worst < 1e-6 ? 0 : 1; // measured: 1.7e-7
}
