#include "context.h"

#include "cpu/isa.h"
#include "cpu/team.h"
#include "status.h"

#include <cstdio>
#include <cstring>
#include <string>

#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#else
#include <unistd.h>
#endif

using namespace gimbal;

gb_context::gb_context(const gb_context_options& options) : kind_(options.kind), cpu_{}, cpu_ops_(&cpu_ops()) {
    if (kind_ < GB_DEVICE_CPU || kind_ > GB_DEVICE_META)
        throw Error(GB_INVALID_ARGUMENT, "kind: wanted 0 (CPU), 1 (CUDA) or 2 (meta), got " + std::to_string(kind_));
    if (options.threads < 0 || options.threads > Team::kMaximumThreads)
        throw Error(GB_INVALID_ARGUMENT, "threads: wanted 0 to " + std::to_string(Team::kMaximumThreads) + ", got " +
                                             std::to_string(options.threads));
    cpu_.threads = options.threads == 0 ? Team::processors() : options.threads;
    if (kind_ == GB_DEVICE_CUDA) cuda_ = std::make_unique<Cuda>(options.ordinal, options.stream);
}

gb_context::~gb_context() {
    try {
        free_own_workspace();
    } catch (const Error&) {
        // The device is lost, and its memory with it.
    }
}

void gb_context::give_workspace(void* memory, int64_t bytes) {
    workspace_bytes_ = bytes;
    cpu_.workspace = memory;
    if (cuda_ != nullptr) cuda_->workspace = memory;
}

void gb_context::free_own_workspace() {
    void* memory = own_workspace_;
    if (memory == nullptr) return;
    own_workspace_ = nullptr;
    if (cuda_ == nullptr) return free_memory(memory);
    Cuda::Call call(*cuda_, "workspace");
    cuda_->free(memory);
}

void gb_context::require_workspace(int64_t bytes) {
    if (bytes > workspace_required_) workspace_required_ = bytes;
    if (is_meta() || bytes <= workspace_bytes_) return;
    if (workspace_is_callers_)
        throw Error(GB_WORKSPACE_TOO_SMALL, "workspace: wanted " + std::to_string(bytes) + " bytes, got " +
                                                std::to_string(workspace_bytes_) + "; call gb_context_set_workspace");
    give_workspace(nullptr, 0);
    free_own_workspace();
    if (cuda_ == nullptr) {
        own_workspace_ = allocate_memory(bytes);
    } else {
        Cuda::Call call(*cuda_, "workspace");
        own_workspace_ = cuda_->allocate(bytes);
    }
    give_workspace(own_workspace_, bytes);
}

void gb_context::set_workspace(void* memory, int64_t bytes) {
    if (bytes < 0 || (memory == nullptr && bytes != 0))
        throw Error(GB_INVALID_ARGUMENT,
                    "memory is null or bytes negative: wanted " + std::to_string(bytes) + " bytes");
    free_own_workspace();
    workspace_is_callers_ = memory != nullptr;
    give_workspace(memory, bytes);
}

namespace {

int64_t physical_memory() {
#if defined(_WIN32)
    MEMORYSTATUSEX status{};
    status.dwLength = sizeof status;
    return GlobalMemoryStatusEx(&status) ? static_cast<int64_t>(status.ullTotalPhys) : 0;
#else
    return static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<int64_t>(sysconf(_SC_PAGESIZE));
#endif
}

gb_context& checked(gb_context* context) {
    if (context == nullptr) throw Error(GB_INVALID_ARGUMENT, "context is null");
    return *context;
}

} // namespace

gb_status gb_context_create(const gb_context_options* options, gb_context** context) {
    return guard("gb_context_create", [&] {
        if (options == nullptr || context == nullptr)
            throw Error(GB_INVALID_ARGUMENT, options == nullptr ? "options is null" : "context is null");
        if (options->struct_size != static_cast<int32_t>(sizeof *options))
            throw Error(GB_INVALID_ARGUMENT, "options.struct_size: wanted " + std::to_string(sizeof *options) +
                                                 ", got " + std::to_string(options->struct_size));
        *context = new gb_context(*options);
    });
}

void gb_context_destroy(gb_context* context) {
    delete context;
}

gb_status gb_context_info(gb_context* context, gb_device_info* info) {
    return guard("gb_context_info", [&] {
        gb_context& c = checked(context);
        if (info == nullptr || info->struct_size != static_cast<int32_t>(sizeof *info))
            throw Error(GB_INVALID_ARGUMENT, "info is null or its struct_size is not " + std::to_string(sizeof *info));
        info->kind = c.kind();
        info->threads = c.cpu().threads;
        info->reserved = 0;
        const Cuda* cuda = c.cuda();
        info->memory_bytes = cuda != nullptr ? cuda->memory_bytes() : physical_memory();
        std::snprintf(info->name, sizeof info->name, "%s",
                      cuda != nullptr ? cuda->name().c_str() : processor_name().c_str());
        std::snprintf(info->isa, sizeof info->isa, "%s", cuda != nullptr ? cuda->architecture().c_str() : isa_name());
    });
}

gb_status gb_context_synchronize(gb_context* context) {
    return guard("gb_context_synchronize", [&] {
        Cuda* cuda = checked(context).cuda();
        if (cuda == nullptr) return;
        Cuda::Call call(*cuda, "gb_context_synchronize");
        cuda->synchronize();
    });
}

gb_status gb_context_set_exact(gb_context* context, int32_t exact) {
    return guard("gb_context_set_exact", [&] {
        gb_context& c = checked(context);
        if (exact != 0 && exact != 1)
            throw Error(GB_INVALID_ARGUMENT, "exact: wanted 0 or 1, got " + std::to_string(exact));
        if (c.cuda() != nullptr) c.cuda()->set_exact(exact != 0);
    });
}

gb_status gb_context_set_workspace(gb_context* context, void* memory, int64_t bytes) {
    return guard("gb_context_set_workspace", [&] { checked(context).set_workspace(memory, bytes); });
}

gb_status gb_context_workspace_required(gb_context* context, int64_t* bytes) {
    return guard("gb_context_workspace_required", [&] {
        gb_context& c = checked(context);
        if (bytes == nullptr) throw Error(GB_INVALID_ARGUMENT, "bytes is null");
        *bytes = c.workspace_required();
    });
}
