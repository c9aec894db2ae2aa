// Modules, functions, and launches.
//
// A real driver compiles the image it is given. Here the kernels are linked in, and the image is held against them: it
// must be PTX for an architecture that the device can run, and a kernel is found only if the image has an entry of its
// name. So a launcher is tested with the image that it will have on a GPU.
#include "modules.h"
#include "streams.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace emu {

std::vector<std::unique_ptr<Module>>& modules() {
    static std::vector<std::unique_ptr<Module>> all;
    return all;
}

namespace {

enum JitOption { kErrorLog = 5, kErrorLogBytes = 6 };
enum FunctionAttribute { kMaxThreads = 0, kSharedBytesAttribute = 1, kMaxDynamicShared = 8 };

// Tests of the emulator have no PTX: an image that begins so has every kernel.
constexpr char kMarker[] = "// cudaemu: all kernels";

void write_log(unsigned count, const int* which, void** values, const char* text) {
    char* log = nullptr;
    std::size_t bytes = 0;
    for (unsigned i = 0; i < count; ++i) {
        if (which[i] == kErrorLog) log = static_cast<char*>(values[i]);
        if (which[i] == kErrorLogBytes) bytes = static_cast<unsigned>(reinterpret_cast<uintptr_t>(values[i]));
    }
    if (log != nullptr && bytes != 0) std::snprintf(log, bytes, "%s", text);
}

bool is_marked(const std::string& image) {
    return image.compare(0, sizeof kMarker - 1, kMarker) == 0;
}

Result check_image(const std::string& image, std::string& log) {
    if (is_marked(image)) return kSuccess;
    const std::size_t target = image.find(".target sm_");
    if (image.find(".version") == std::string::npos || target == std::string::npos) {
        log = "the image is no PTX";
        return kInvalidImage;
    }
    const auto architecture = static_cast<unsigned>(std::atoi(image.c_str() + target + 11));
    if (architecture <= options.architecture) return kSuccess;
    log = "PTX for sm_" + std::to_string(architecture) + ", the device is sm_" + std::to_string(options.architecture);
    return kNoBinaryForGpu;
}

bool has_entry(const std::string& image, const char* name) {
    if (is_marked(image)) return true;
    const std::string entry = std::string(".entry ") + name;
    for (std::size_t at = image.find(entry); at != std::string::npos; at = image.find(entry, at + 1)) {
        const char next = image[at + entry.size()];
        if (std::strchr("( \t\r\n", next) != nullptr) return true;
    }
    return false;
}

Function* find_function(void* handle) {
    for (const auto& module : modules())
        for (const auto& function : module->functions)
            if (function.get() == handle) return function.get();
    return nullptr;
}

Result check_shape(const Function& function, dim3 grid, dim3 block, unsigned shared) {
    const auto within = [](dim3 size, unsigned x, unsigned y, unsigned z) {
        return size.x >= 1 && size.x <= x && size.y >= 1 && size.y <= y && size.z >= 1 && size.z <= z;
    };
    if (!within(grid, 2147483647u, 65535, 65535) || !within(block, 1024, 1024, 64)) return kInvalidValue;
    const unsigned threads = block.x * block.y * block.z;
    if (threads > kMaximumThreads) return kInvalidValue;
    if (threads > function.kernel->maximum_threads) return kLaunchOutOfResources;
    return shared <= std::max(device_limits().shared_per_block, function.maximum_dynamic_shared) ? kSuccess
                                                                                                 : kInvalidValue;
}

// The values that the parameters have now, side by side, aligned to 16.
class ParameterCopy {
public:
    ParameterCopy(const Kernel& kernel, void* const* parameters) {
        std::size_t bytes = 0;
        for (unsigned i = 0; i < kernel.parameter_count; ++i) {
            offsets_.push_back(bytes);
            bytes += (kernel.parameter_sizes[i] + 15) / 16 * 16;
        }
        storage_.resize(bytes / 16);
        for (unsigned i = 0; i < kernel.parameter_count; ++i)
            std::memcpy(start() + offsets_[i], parameters[i], kernel.parameter_sizes[i]);
    }
    std::vector<void*> addresses() {
        std::vector<void*> result;
        for (const std::size_t offset : offsets_)
            result.push_back(start() + offset);
        return result;
    }

private:
    struct alignas(16) Unit {
        unsigned char bytes[16];
    };
    unsigned char* start() { return reinterpret_cast<unsigned char*>(storage_.data()); }
    std::vector<Unit> storage_;
    std::vector<std::size_t> offsets_;
};

void run_launch(Launch launch, ParameterCopy parameters) {
    const std::vector<void*> addresses = parameters.addresses();
    launch.parameters = addresses.data();
    const std::string report = run(launch);
    if (!report.empty()) lose_context(report);
}

} // namespace

} // namespace emu

using namespace emu;

GB_API cuModuleLoadDataEx(Module** module, const void* image, unsigned options_count, int* which, void** values) {
    return call(Needs::context, [=] {
        if (module == nullptr || image == nullptr) return kInvalidValue;
        if (const Result forbidden = streams().forbid_in_capture(nullptr)) return forbidden;
        auto loaded = std::make_unique<Module>();
        loaded->image = static_cast<const char*>(image);
        std::string log;
        const Result result = check_image(loaded->image, log);
        write_log(options_count, which, values, log.c_str());
        if (result != kSuccess) return result;
        *module = loaded.get();
        modules().push_back(std::move(loaded));
        return kSuccess;
    });
}

GB_API cuModuleLoadData(Module** module, const void* image) {
    return cuModuleLoadDataEx(module, image, 0, nullptr, nullptr);
}

GB_API cuModuleUnload(Module* module) {
    return call(Needs::context, [=]() -> Result {
        if (const Result result = streams().synchronize()) return result;
        return std::erase_if(modules(), [=](const auto& m) { return m.get() == module; }) != 0 ? kSuccess
                                                                                               : kInvalidHandle;
    });
}

GB_API cuModuleGetFunction(Function** function, Module* module, const char* name) {
    return call(Needs::context, [=] {
        for (const auto& m : modules()) {
            if (m.get() != module) continue;
            const Kernel* const kernel = find_kernel(name);
            if (kernel == nullptr || !has_entry(m->image, name)) {
                std::fprintf(stderr, "cudaemu: %s %s\n", name,
                             kernel == nullptr ? "is not compiled into the emulator" : "is no entry of the image");
                return kNotFound;
            }
            m->functions.push_back(std::make_unique<Function>(Function{kernel, 0}));
            *function = m->functions.back().get();
            return kSuccess;
        }
        return kInvalidHandle;
    });
}

GB_API cuFuncGetAttribute(int* value, int attribute, void* handle) {
    return call(Needs::context, [=] {
        const Function* const function = find_function(handle);
        if (function == nullptr) return kInvalidHandle;
        *value = attribute == kMaxThreads         ? static_cast<int>(function->kernel->maximum_threads)
                 : attribute == kMaxDynamicShared ? static_cast<int>(function->maximum_dynamic_shared)
                                                  : 0;
        return kSuccess;
    });
}

GB_API cuFuncSetAttribute(void* handle, int attribute, int value) {
    return call(Needs::context, [=] {
        Function* const function = find_function(handle);
        if (function == nullptr) return kInvalidHandle;
        if (attribute != kMaxDynamicShared) return kSuccess; // preferences
        if (value < 0 || static_cast<unsigned>(value) > device_limits().shared_opt_in) return kInvalidValue;
        function->maximum_dynamic_shared = static_cast<unsigned>(value);
        return kSuccess;
    });
}

GB_API cuLaunchKernel(void* handle, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                      unsigned block_y, unsigned block_z, unsigned shared_bytes, void* stream_handle, void** parameters,
                      void** extra) {
    return call(Needs::context, [=] {
        const Function* const function = find_function(handle);
        Stream* const stream = streams().find(stream_handle);
        if (function == nullptr || stream == nullptr) return kInvalidHandle;
        if (extra != nullptr || (parameters == nullptr && function->kernel->parameter_count != 0)) return kInvalidValue;
        const dim3 grid{grid_x, grid_y, grid_z}, block{block_x, block_y, block_z};
        if (const Result result = check_shape(*function, grid, block, shared_bytes)) return result;
        const Limits limits = device_limits();
        const unsigned shared_limit =
            function->maximum_dynamic_shared > 0 ? limits.shared_opt_in : limits.shared_per_block;
        const Launch launch{function->kernel, grid, block, shared_bytes, shared_limit, nullptr};
        ParameterCopy copy(*function->kernel, parameters);
        return streams().submit(*stream, [launch, copy] { run_launch(launch, copy); });
    });
}
