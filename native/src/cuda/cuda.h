// What every CUDA launcher gets: a device with a stream, its scratch memory, and the way to start a kernel.
#pragma once

#include "cuda/cublaslt.h"
#include "cuda/driver.h"
#include "cuda/profiler.h"
#include "gimbal.h"

#include "common/fault.h"

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

namespace gimbal {

// Blocks of a launch. Sizes are of the data, so 64 bits: a grid that the device cannot take is an error, not a wrap.
struct Grid {
    int64_t x;
    int64_t y = 1;
    int64_t z = 1;
};

// A kernel by its name and the file that holds it: {"gae", "gae_kernel"} is in kernels/gae.cu.
struct Kernel {
    const char* file;
    const char* name;
};

class Cuda {
public:
    // Blocks that are enough to fill the device several times over: the grid of a grid-stride loop never exceeds this.
    static constexpr int64_t kBlocksPerMultiprocessor = 16;
    // Counters in `tickets`.
    static constexpr int64_t kTickets = 64;

    // `stream` is the caller's, whose context is then used, or null for one of its own in the primary context. Throws
    // GB_UNSUPPORTED without a driver or such a device.
    Cuda(int ordinal, void* stream);
    ~Cuda();
    Cuda(const Cuda&) = delete;
    Cuda& operator=(const Cuda&) = delete;

    // Starts a kernel whose one parameter is `arguments`. A grid without blocks starts nothing.
    template <class Arguments>
    void launch(const Kernel& kernel, const Grid& grid, int threads, const Arguments& arguments,
                int64_t shared_bytes = 0) {
        launch_raw(kernel, grid, threads, shared_bytes, const_cast<Arguments*>(&arguments));
    }

    // The grid of a grid-stride loop over `count` elements, `per_thread` to a thread and step.
    Grid grid_for(int64_t count, int threads, int64_t per_thread) const;

    // Where a kernel reports bad data of the op in progress; `argument` is a string literal.
    FaultSite fault(const char* argument) const { return {fault_on_device_, operation_, argument}; }

    void* workspace = nullptr;
    // kTickets counters on the device, 0 between launches: the block that draws the last ticket of a launch finishes
    // the work of all, and puts the counter back to 0.
    unsigned* tickets() const { return tickets_; }
    int multiprocessors() const { return multiprocessors_; }
    int shared_limit() const { return shared_limit_; } // bytes of shared memory that a block may have
    int64_t memory_bytes() const { return memory_bytes_; }
    const std::string& name() const { return name_; }
    const std::string& architecture() const { return architecture_; }
    driver::Stream stream() const { return stream_; }

    // Products whose order is free may go this way; null where they must not, or there is no such library. The library
    // is looked for when `exact` is first false, and not while ops are recorded.
    FreeProducts* free_products() const { return exact_ ? nullptr : free_products_.get(); }
    void set_exact(bool exact);

    // Zeroed. Throws GB_OUT_OF_MEMORY.
    void* allocate(int64_t bytes);
    void free(void* memory);
    void copy(const void* source, void* destination, int64_t bytes, gb_copy_kind kind);
    void fill(void* destination, int byte, int64_t bytes);

    // Waits for all queued work; throws what went wrong since the last call.
    void synchronize();

    // Launches between begin and end are recorded, not run.
    void begin_capture();
    driver::GraphExec end_capture();
    void launch_graph(driver::GraphExec graph);
    void destroy_graph(driver::GraphExec graph);

    // Brackets one op: makes the context current on this thread, names the op in errors, and refuses a lost device.
    class Call {
    public:
        Call(Cuda& cuda, const char* operation);
        ~Call();
        Call(const Call&) = delete;
        Call& operator=(const Call&) = delete;
        // After the launches of the op: waits for them under GIMBAL_SYNC=1.
        void finish();

    private:
        ProfilerRange range_;
        Cuda& cuda_;
    };

private:
    void launch_raw(const Kernel& kernel, const Grid& grid, int threads, int64_t shared_bytes, void* arguments);
    driver::Function function(const Kernel& kernel);
    void check(driver::Result result, const char* what);
    void refuse_while_capturing(const char* what) const;
    void open(int ordinal, void* stream);
    void close();

    const driver::Driver& driver_;
    driver::DeviceId device_ = 0;
    driver::Context context_ = nullptr;
    driver::Stream stream_ = nullptr;
    bool owns_stream_ = false;
    bool synchronous_ = false; // GIMBAL_SYNC=1
    bool is_capturing_ = false;
    bool exact_ = true, looked_for_products_ = false;
    int multiprocessors_ = 0;
    int shared_limit_ = 0;
    int64_t memory_bytes_ = 0;
    std::string name_, architecture_;
    unsigned* tickets_ = nullptr;
    FaultRecord* fault_ = nullptr; // in host memory that the device writes to
    FaultRecord* fault_on_device_ = nullptr;
    const char* operation_ = "";
    std::string lost_; // why the device is lost, once it is
    std::unique_ptr<FreeProducts> free_products_;
    std::unordered_map<std::string, driver::Module> modules_;
    std::unordered_map<const char*, driver::Function> functions_; // by the address of the literal: no string is built
};

// cuda_<op> has the parameters of gb_<op>, with the context replaced by the Cuda, and no status.
template <class> struct CudaSignature;
template <class... Args> struct CudaSignature<gb_status(gb_context*, Args...)> { using type = void(Cuda&, Args...); };

#define GB_OP(name) CudaSignature<decltype(gb_##name)>::type cuda_##name;
#define GB_BACKWARD(name) CudaSignature<decltype(gb_##name##_backward)>::type cuda_##name##_backward;
#include "ops.def"
#undef GB_OP
#undef GB_BACKWARD

struct CudaOps {
#define GB_OP(name) CudaSignature<decltype(gb_##name)>::type* name;
#define GB_BACKWARD(name) CudaSignature<decltype(gb_##name##_backward)>::type* name##_backward;
#include "ops.def"
#undef GB_OP
#undef GB_BACKWARD
};

const CudaOps& cuda_ops();

} // namespace gimbal
