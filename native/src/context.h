// gb_context: one device, its workspace, and the way to launch an op on it.
#pragma once

#include "cpu/cpu.h"
#include "cuda/cuda.h"
#include "gimbal.h"
#include "memory.h"
#include "status.h"

#include <memory>

struct gb_context {
    explicit gb_context(const gb_context_options& options);
    ~gb_context();
    gb_context(const gb_context&) = delete;
    gb_context& operator=(const gb_context&) = delete;

    gb_device_kind kind() const { return kind_; }
    bool is_meta() const { return kind_ == GB_DEVICE_META; }
    gimbal::Cpu& cpu() { return cpu_; }
    gimbal::Cuda* cuda() { return cuda_.get(); } // null on other devices

    // Sees to it that the workspace holds `bytes`, or throws GB_WORKSPACE_TOO_SMALL if it is the caller's and does not.
    // Called from an op's checks, so that every device records the need.
    void require_workspace(int64_t bytes);
    void set_workspace(void* memory, int64_t bytes);
    int64_t workspace_required() const { return workspace_required_; }

    // Runs an op on the device. `choose` picks its function from a backend's table.
    template <class Choose, class... Args> void launch(const char* operation, Choose choose, Args... args) {
        if (is_meta()) return;
        if (cuda_ == nullptr) return choose(*cpu_ops_)(cpu_, args...);
        gimbal::Cuda::Call call(*cuda_, operation);
        choose(gimbal::cuda_ops())(*cuda_, args...);
        call.finish();
    }

private:
    void give_workspace(void* memory, int64_t bytes);
    void free_own_workspace();

    gb_device_kind kind_;
    gimbal::Cpu cpu_;
    const gimbal::CpuOps* cpu_ops_;
    std::unique_ptr<gimbal::Cuda> cuda_;
    void* own_workspace_ = nullptr;
    bool workspace_is_callers_ = false;
    int64_t workspace_required_ = 0;
    int64_t workspace_bytes_ = 0;
};
