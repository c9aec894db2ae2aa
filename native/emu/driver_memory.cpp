// Allocation, copies and fills.
//
// A copy from pageable host memory is taken at the call, as a device stages it; one from pinned memory reads it when
// it runs, so the caller must leave it alone until then. A copy to pageable memory returns when it is done; one to
// pinned memory is done when the stream gets there. A capture takes no pageable copies: a graph would read and write
// host memory long after the call.
#include "driver.h"
#include "streams.h"

#include <cstring>
#include <memory>

namespace emu {

namespace {

void* pointer(Address address) {
    return reinterpret_cast<void*>(static_cast<uintptr_t>(address));
}

bool on_device(Address address, std::size_t bytes) {
    return bytes == 0 || device_memory.holds(address, bytes);
}

// In host memory that the device maps; its device pointer is its host pointer.
bool pinned(const void* host, std::size_t bytes) {
    return device_memory.holds_host(reinterpret_cast<uintptr_t>(host), bytes);
}

bool on_host(const void* host) {
    return host != nullptr && !device_memory.contains(reinterpret_cast<uintptr_t>(host));
}

Result copy_in(Address target, const void* source, std::size_t bytes, Stream& stream) {
    if (!on_device(target, bytes) || !on_host(source)) return kInvalidValue;
    if (pinned(source, bytes)) return streams().submit(stream, [=] { std::memcpy(pointer(target), source, bytes); });
    if (stream.capture != nullptr) return streams().forbid_in_capture(&stream);
    const std::shared_ptr<unsigned char[]> staged(new unsigned char[bytes]);
    std::memcpy(staged.get(), source, bytes);
    return streams().submit(stream, [=] { std::memcpy(pointer(target), staged.get(), bytes); });
}

Result copy_out(void* target, Address source, std::size_t bytes, Stream& stream) {
    if (!on_device(source, bytes) || !on_host(target)) return kInvalidValue;
    const bool late = pinned(target, bytes);
    if (!late && stream.capture != nullptr) return streams().forbid_in_capture(&stream);
    const Result result = streams().submit(stream, [=] { std::memcpy(target, pointer(source), bytes); });
    return result != kSuccess || late ? result : streams().synchronize(stream);
}

Result copy_within(Address target, Address source, std::size_t bytes, Stream& stream) {
    if (!on_device(target, bytes) || !on_device(source, bytes)) return kInvalidValue;
    return streams().submit(stream, [=] { std::memmove(pointer(target), pointer(source), bytes); });
}

// Calls body(stream) for a handle.
template <class Body> Result with_stream(void* handle, Body body) {
    return call(Needs::context, [&]() -> Result {
        Stream* const stream = streams().find(handle);
        return stream == nullptr ? kInvalidHandle : body(*stream);
    });
}

// A call that waits for its own work, on the legacy default stream.
template <class Body> Result at_once(Body body) {
    return call(Needs::context, [&]() -> Result {
        if (const Result forbidden = streams().forbid_in_capture(nullptr)) return forbidden;
        Stream& stream = *streams().find(nullptr);
        if (const Result result = body(stream)) return result;
        return streams().synchronize(stream);
    });
}

template <class T> Result fill(Address target, T value, std::size_t count, Stream& stream) {
    if (target % sizeof(T) != 0 || !on_device(target, count * sizeof(T))) return kInvalidValue;
    return streams().submit(stream, [=] {
        T* const p = static_cast<T*>(pointer(target));
        for (std::size_t i = 0; i < count; ++i)
            p[i] = value;
    });
}

Result allocate(Address* address, std::size_t bytes) {
    if (address == nullptr || bytes == 0) return kInvalidValue;
    *address = device_memory.allocate(bytes, options.memory);
    return *address == 0 ? kOutOfMemory : kSuccess;
}

} // namespace

} // namespace emu

using namespace emu;

GB_API cuMemAlloc_v2(Address* address, std::size_t bytes) {
    return call(Needs::context, [=] {
        const Result forbidden = streams().forbid_in_capture(nullptr);
        return forbidden != kSuccess ? forbidden : allocate(address, bytes);
    });
}

// Waits for all queued work first, as the real one does.
GB_API cuMemFree_v2(Address address) {
    return call(Needs::context, [=]() -> Result {
        if (address == 0) return kSuccess;
        if (const Result forbidden = streams().forbid_in_capture(nullptr)) return forbidden;
        if (const Result result = streams().synchronize()) return result;
        return device_memory.free(address) ? kSuccess : kInvalidValue;
    });
}

// The address is there at once; using it before the stream has come here is an error that is not noticed.
GB_API cuMemAllocAsync(Address* address, std::size_t bytes, void* stream) {
    return with_stream(stream,
                       [=](Stream& s) { return s.capture != nullptr ? kNotSupported : allocate(address, bytes); });
}

GB_API cuMemFreeAsync(Address address, void* stream) {
    return with_stream(stream, [=](Stream& s) -> Result {
        if (s.capture != nullptr) return kNotSupported;
        const Allocation* const allocation = device_memory.find(address);
        if (allocation == nullptr || allocation->base != address) return kInvalidValue;
        return streams().submit(s, [=] { device_memory.free(address); });
    });
}

GB_API cuMemGetInfo_v2(std::size_t* available, std::size_t* total) {
    return call(Needs::context, [=] {
        *total = options.memory;
        *available = options.memory - device_memory.used();
        return kSuccess;
    });
}

GB_API cuMemHostAlloc(void** host, std::size_t bytes, unsigned) {
    return call(Needs::context, [=] {
        if (host == nullptr || bytes == 0) return kInvalidValue;
        *host = reinterpret_cast<void*>(device_memory.allocate_host(bytes));
        return *host == nullptr ? kOutOfMemory : kSuccess;
    });
}

GB_API cuMemAllocHost_v2(void** host, std::size_t bytes) {
    return cuMemHostAlloc(host, bytes, 0);
}

GB_API cuMemFreeHost(void* host) {
    return call(Needs::context, [=]() -> Result {
        if (const Result result = streams().synchronize()) return result;
        return device_memory.free_host(reinterpret_cast<uintptr_t>(host)) ? kSuccess : kInvalidValue;
    });
}

GB_API cuMemHostGetDevicePointer_v2(Address* address, void* host, unsigned) {
    return call(Needs::context, [=] {
        if (!pinned(host, 1)) return kInvalidValue;
        *address = reinterpret_cast<uintptr_t>(host);
        return kSuccess;
    });
}

GB_API cuMemcpyHtoDAsync_v2(Address target, const void* source, std::size_t bytes, void* stream) {
    return with_stream(stream, [=](Stream& s) { return copy_in(target, source, bytes, s); });
}

GB_API cuMemcpyDtoHAsync_v2(void* target, Address source, std::size_t bytes, void* stream) {
    return with_stream(stream, [=](Stream& s) { return copy_out(target, source, bytes, s); });
}

GB_API cuMemcpyDtoDAsync_v2(Address target, Address source, std::size_t bytes, void* stream) {
    return with_stream(stream, [=](Stream& s) { return copy_within(target, source, bytes, s); });
}

GB_API cuMemcpyHtoD_v2(Address target, const void* source, std::size_t bytes) {
    return at_once([=](Stream& s) { return copy_in(target, source, bytes, s); });
}

GB_API cuMemcpyDtoH_v2(void* target, Address source, std::size_t bytes) {
    return at_once([=](Stream& s) { return copy_out(target, source, bytes, s); });
}

GB_API cuMemcpyDtoD_v2(Address target, Address source, std::size_t bytes) {
    return at_once([=](Stream& s) { return copy_within(target, source, bytes, s); });
}

GB_API cuMemsetD8Async(Address target, unsigned char value, std::size_t count, void* stream) {
    return with_stream(stream, [=](Stream& s) { return fill(target, value, count, s); });
}

GB_API cuMemsetD32Async(Address target, unsigned value, std::size_t count, void* stream) {
    return with_stream(stream, [=](Stream& s) { return fill(target, value, count, s); });
}

GB_API cuMemsetD8_v2(Address target, unsigned char value, std::size_t count) {
    return at_once([=](Stream& s) { return fill(target, value, count, s); });
}

GB_API cuMemsetD32_v2(Address target, unsigned value, std::size_t count) {
    return at_once([=](Stream& s) { return fill(target, value, count, s); });
}

GB_API cuMemGetAddressRange_v2(Address* base, std::size_t* bytes, Address address) {
    return call(Needs::context, [=] {
        const Allocation* const allocation = device_memory.find(address);
        if (allocation == nullptr) return kNotFound;
        if (base != nullptr) *base = allocation->base;
        if (bytes != nullptr) *bytes = allocation->bytes;
        return kSuccess;
    });
}

GB_API cuPointerGetAttribute(void* value, int attribute, Address address) {
    enum { kContext = 1, kMemoryType = 2, kDevicePointer = 3, kHostPointer = 4, kIsManaged = 8, kOrdinal = 9 };
    return call(Needs::context, [=] {
        const bool device = device_memory.holds(address, 1);
        if (!device && !pinned(pointer(address), 1)) return kInvalidValue;
        switch (attribute) {
        case kContext:
            *static_cast<Context**>(value) = &driver().context;
            return kSuccess;
        case kMemoryType:
            *static_cast<unsigned*>(value) = device ? 2 : 1;
            return kSuccess;
        case kDevicePointer:
            *static_cast<Address*>(value) = address;
            return kSuccess;
        case kHostPointer:
            if (device) return kInvalidValue;
            *static_cast<void**>(value) = pointer(address);
            return kSuccess;
        case kIsManaged:
            *static_cast<unsigned char*>(value) = 0;
            return kSuccess;
        case kOrdinal:
            *static_cast<int*>(value) = 0;
            return kSuccess;
        default:
            return kInvalidValue;
        }
    });
}
