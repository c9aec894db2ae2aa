// A CUDA device: a context, which it shares with whatever else in the process uses it, so that pointers of other
// libraries are valid here (that of the caller's stream, or the device's primary one); a stream; the modules of the
// kernels, loaded when first needed.
#include "cuda/cuda.h"

#include "cuda/images.h"
#include "status.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace gimbal {
namespace {

constexpr int64_t kLargestGridX = 2147483647, kLargestGridYZ = 65535;
constexpr int64_t kSharedWithoutOptIn = 48 << 10;

driver::Address address(const void* memory) {
    return static_cast<driver::Address>(reinterpret_cast<std::uintptr_t>(memory));
}

bool is_set(const char* variable) {
    const char* value = std::getenv(variable);
    return value != nullptr && std::strcmp(value, "1") == 0;
}

} // namespace

Cuda::Cuda(int ordinal, void* stream) : driver_(driver::Driver::get()), synchronous_(is_set("GIMBAL_SYNC")) {
    try {
        open(ordinal, stream);
    } catch (...) {
        close();
        throw;
    }
}

Cuda::~Cuda() {
    close();
}

void Cuda::open(int ordinal, void* stream) {
    int count = 0;
    check(driver_.device_count(&count), "counting the devices");
    if (ordinal < 0 || ordinal >= count)
        throw Error(GB_UNSUPPORTED,
                    "cuda:" + std::to_string(ordinal) + ": there are " + std::to_string(count) + " CUDA devices");
    check(driver_.device_get(&device_, ordinal), "opening the device");

    char name[128] = {};
    check(driver_.device_name(name, sizeof name, device_), "asking for the device's name");
    name_ = name;
    std::size_t memory = 0;
    check(driver_.device_memory(&memory, device_), "asking for the device's memory");
    memory_bytes_ = static_cast<int64_t>(memory);
    int major = 0, minor = 0;
    const auto ask = [&](driver::DeviceAttribute attribute, int& value) {
        check(driver_.device_attribute(&value, attribute, device_), "asking for an attribute of the device");
    };
    ask(driver::kComputeMajor, major);
    ask(driver::kComputeMinor, minor);
    ask(driver::kMultiprocessors, multiprocessors_);
    ask(driver::kSharedPerBlockOptIn, shared_limit_);
    architecture_ = "sm_" + std::to_string(major) + std::to_string(minor);
    if (major < 8) throw Error(GB_UNSUPPORTED, name_ + " is " + architecture_ + "; wanted sm_80 (Ampere) or later");

    owns_stream_ = stream == nullptr;
    if (owns_stream_)
        check(driver_.context_retain(&context_, device_), "opening the primary context");
    else
        check(driver_.stream_context(static_cast<driver::Stream>(stream), &context_), "finding the stream's context");
    Call call(*this, "gb_context_create");
    if (owns_stream_) {
        check(driver_.stream_create(&stream_, driver::kNonBlocking), "making a stream");
    } else {
        stream_ = static_cast<driver::Stream>(stream);
        driver::DeviceId of_stream = 0;
        check(driver_.context_device(&of_stream), "finding the stream's device");
        if (of_stream != device_)
            throw Error(GB_INVALID_ARGUMENT, "stream: wanted one of cuda:" + std::to_string(ordinal) +
                                                 ", got one of device " + std::to_string(of_stream));
    }
    tickets_ = static_cast<unsigned*>(allocate(kTickets * static_cast<int64_t>(sizeof(unsigned))));
    void* record = nullptr;
    check(driver_.host_allocate(&record, sizeof(FaultRecord), driver::kPortable | driver::kDeviceMapped),
          "allocating host memory");
    fault_ = static_cast<FaultRecord*>(record);
    *fault_ = {};
    driver::Address mapped = 0;
    check(driver_.host_device_pointer(&mapped, record, 0), "mapping host memory");
    fault_on_device_ = reinterpret_cast<FaultRecord*>(static_cast<std::uintptr_t>(mapped));
}

// Nothing here can be mended, so results are not looked at: after a fault every call fails.
void Cuda::close() {
    if (context_ == nullptr) return;
    driver_.context_push(context_);
    if (stream_ != nullptr) driver_.stream_synchronize(stream_);
    free_products_.reset();
    for (const auto& [file, module] : modules_)
        driver_.module_unload(module);
    if (tickets_ != nullptr) driver_.free(address(tickets_));
    if (fault_ != nullptr) driver_.host_free(fault_);
    if (owns_stream_ && stream_ != nullptr) driver_.stream_destroy(stream_);
    driver::Context popped = nullptr;
    driver_.context_pop(&popped);
    if (owns_stream_) driver_.context_release(device_);
    context_ = nullptr;
}

void Cuda::check(driver::Result result, const char* what) {
    if (result == driver::kSuccess) return;
    char text[256];
    const std::string message = std::string(what) + ": " + driver_.describe(result, text, sizeof text);
    if (result == driver::kOutOfMemory) throw Error(GB_OUT_OF_MEMORY, message);
    if (result == driver::kInvalidValue || result == driver::kInvalidDevice || result == driver::kNoDevice)
        throw Error(GB_INVALID_ARGUMENT, message);
    // Every other failure of the driver is sticky: the context is of no use from here on.
    lost_ = message;
    throw Error(GB_DEVICE_LOST, message);
}

Cuda::Call::Call(Cuda& cuda, const char* operation) : range_(operation), cuda_(cuda) {
    if (!cuda.lost_.empty()) throw Error(GB_DEVICE_LOST, "the device was lost earlier, in " + cuda.lost_);
    cuda.check(cuda.driver_.context_push(cuda.context_), "making the context current");
    cuda.operation_ = operation;
}

Cuda::Call::~Call() {
    driver::Context popped = nullptr;
    cuda_.driver_.context_pop(&popped);
}

void Cuda::Call::finish() {
    if (cuda_.synchronous_ && !cuda_.is_capturing_) cuda_.synchronize();
}

driver::Function Cuda::function(const Kernel& kernel) {
    driver::Function& found = functions_[kernel.name];
    if (found != nullptr) return found;
    driver::Module& module = modules_[kernel.file];
    if (module == nullptr) {
        const KernelImages images(kernel.file);
        char log[4096] = {};
        int options[] = {driver::kErrorLog, driver::kErrorLogBytes};
        void* values[] = {log, reinterpret_cast<void*>(sizeof log)};
        driver::Result result = driver::kInvalidValue;
        for (const char* image : images.candidates()) // machine code of other architectures is refused
            if ((result = driver_.module_load(&module, image, 2, options, values)) == driver::kSuccess) break;
        check(result, (std::string("loading the kernels of ") + kernel.file + " " + log).c_str());
    }
    check(driver_.module_function(&found, module, kernel.name), kernel.name);
    return found;
}

void Cuda::launch_raw(const Kernel& kernel, const Grid& grid, int threads, int64_t shared_bytes, void* arguments) {
    if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
    if (grid.x > kLargestGridX || grid.y > kLargestGridYZ || grid.z > kLargestGridYZ)
        throw Error(GB_UNSUPPORTED, std::string(kernel.name) + ": too large a grid, " + std::to_string(grid.x) + " x " +
                                        std::to_string(grid.y) + " x " + std::to_string(grid.z) + " blocks");
    if (shared_bytes > shared_limit_)
        throw Error(GB_UNSUPPORTED, std::string(kernel.name) + ": " + std::to_string(shared_bytes) +
                                        " bytes of shared memory, the device has " + std::to_string(shared_limit_));
    const driver::Function found = function(kernel);
    if (shared_bytes > kSharedWithoutOptIn)
        check(driver_.function_set_attribute(found, driver::kMaxDynamicShared, static_cast<int>(shared_bytes)),
              kernel.name);
    void* parameters[] = {arguments};
    check(driver_.launch(found, static_cast<unsigned>(grid.x), static_cast<unsigned>(grid.y),
                         static_cast<unsigned>(grid.z), static_cast<unsigned>(threads), 1, 1,
                         static_cast<unsigned>(shared_bytes), stream_, parameters, nullptr),
          kernel.name);
}

Grid Cuda::grid_for(int64_t count, int threads, int64_t per_thread) const {
    const int64_t per_block = threads * per_thread;
    return {std::min((count + per_block - 1) / per_block, kBlocksPerMultiprocessor * multiprocessors_)};
}

void* Cuda::allocate(int64_t bytes) {
    refuse_while_capturing("allocating memory");
    driver::Address memory = 0;
    const driver::Result result = driver_.allocate(&memory, static_cast<std::size_t>(bytes == 0 ? 1 : bytes));
    check(result, ("allocating " + std::to_string(bytes) + " bytes of device memory").c_str());
    void* pointer = reinterpret_cast<void*>(static_cast<std::uintptr_t>(memory));
    fill(pointer, 0, bytes);
    return pointer;
}

void Cuda::free(void* memory) {
    if (memory == nullptr) return;
    refuse_while_capturing("freeing memory");
    check(driver_.stream_synchronize(stream_), "waiting for the stream");
    check(driver_.free(address(memory)), "freeing device memory");
}

void Cuda::copy(const void* source, void* destination, int64_t bytes, gb_copy_kind kind) {
    if (bytes == 0) return;
    if (kind != GB_DEVICE_TO_DEVICE) refuse_while_capturing("copying from or to the host");
    const auto size = static_cast<std::size_t>(bytes);
    if (kind == GB_HOST_TO_DEVICE)
        return check(driver_.copy_in(address(destination), source, size, stream_), "copying in");
    if (kind == GB_DEVICE_TO_DEVICE)
        return check(driver_.copy_within(address(destination), address(source), size, stream_), "copying");
    check(driver_.copy_out(destination, address(source), size, stream_), "copying out");
    synchronize();
}

void Cuda::fill(void* destination, int byte, int64_t bytes) {
    if (bytes == 0) return;
    check(
        driver_.fill(address(destination), static_cast<unsigned char>(byte), static_cast<std::size_t>(bytes), stream_),
        "filling device memory");
}

void Cuda::refuse_while_capturing(const char* what) const {
    if (is_capturing_)
        throw Error(GB_INVALID_ARGUMENT,
                    std::string(what) + " cannot be recorded in a graph; do it before gb_graph_begin");
}

void Cuda::set_exact(bool exact) {
    exact_ = exact;
    if (exact || looked_for_products_ || is_capturing_) return;
    Call call(*this, "gb_context_set_exact");
    free_products_ = FreeProducts::open(*this);
    looked_for_products_ = true;
}

void Cuda::begin_capture() {
    refuse_while_capturing("a second graph");
    check(driver_.capture_begin(stream_, driver::kCaptureThreadLocal), "beginning a graph");
    is_capturing_ = true;
}

driver::GraphExec Cuda::end_capture() {
    if (!is_capturing_) throw Error(GB_INVALID_ARGUMENT, "no graph was begun");
    is_capturing_ = false;
    driver::Graph graph = nullptr;
    check(driver_.capture_end(stream_, &graph), "ending a graph");
    driver::GraphExec executable = nullptr;
    const driver::Result result = driver_.graph_instantiate(&executable, graph, 0);
    driver_.graph_destroy(graph);
    check(result, "instantiating a graph");
    return executable;
}

void Cuda::launch_graph(driver::GraphExec graph) {
    refuse_while_capturing("a graph");
    check(driver_.graph_launch(graph, stream_), "launching a graph");
}

void Cuda::destroy_graph(driver::GraphExec graph) {
    check(driver_.stream_synchronize(stream_), "waiting for the stream");
    check(driver_.graph_exec_destroy(graph), "destroying a graph");
}

void Cuda::synchronize() {
    refuse_while_capturing("waiting");
    check(driver_.stream_synchronize(stream_), operation_);
    if (fault_->raised == 0) return;
    const FaultRecord found = *fault_;
    *fault_ = {};
    throw Error(GB_OUT_OF_RANGE, std::string(found.op) + ": " + found.argument + "[" + std::to_string(found.row) +
                                     "]: wanted " + std::to_string(found.lowest) + " to " +
                                     std::to_string(found.limit - 1) + ", got " + std::to_string(found.value));
}

} // namespace gimbal
