// gb_context: one device, its workspace, and the way to launch an op on it.
#pragma once

#include "cpu/cpu.h"
#include "gimbal.h"
#include "memory.h"

#include <cstddef>
#include <memory>

struct gb_context {
    explicit gb_context(const gb_context_options& options);

    gb_device_kind kind() const { return kind_; }
    bool is_meta() const { return kind_ == GB_DEVICE_META; }
    gimbal::Cpu& cpu() { return cpu_; }
    const gimbal::CpuOps& ops() const { return *ops_; }

    // Sees to it that the workspace holds `bytes`, or throws GB_WORKSPACE_TOO_SMALL if it is the caller's and does not.
    // Called from an op's checks, so that every device records the need.
    void require_workspace(int64_t bytes);
    void set_workspace(void* memory, int64_t bytes);
    int64_t workspace_required() const { return workspace_required_; }

    template <class Function, class... Args> void launch(Function* gimbal::CpuOps::*member, Args... args) {
        if (!is_meta()) (ops_->*member)(cpu_, args...);
    }

private:
    gb_device_kind kind_;
    gimbal::Cpu cpu_;
    const gimbal::CpuOps* ops_;
    std::unique_ptr<std::byte, gimbal::FreeMemory> own_workspace_;
    bool workspace_is_callers_ = false;
    int64_t workspace_required_ = 0;
};
