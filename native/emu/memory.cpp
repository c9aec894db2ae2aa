// Reserving, poisoning and protecting device memory; see memory.h.
#include "memory.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <sys/mman.h>
#include <unistd.h>

namespace emu {

namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr std::size_t kPoisonFile = std::size_t{16} << 20;
constexpr std::size_t kEager = std::size_t{256} << 20; // larger allocations are mapped to the poison file, not filled
constexpr std::size_t kRemembered = 256;               // freed allocations that a report can still name

std::size_t round_up(std::size_t bytes, std::size_t unit = kPage) {
    return (bytes + unit - 1) / unit * unit;
}

// What allocations of a size are aligned to: opening and closing huge pages costs next to nothing.
std::size_t alignment_of(std::size_t bytes) {
    return bytes >= kHugePage && bytes <= kEager ? kHugePage : kPage;
}

// A file of 0xff bytes. Mapped privately again and again it poisons any size without being copied until written.
int poison_file() {
    static const int file = [] {
        const int descriptor = memfd_create("cudaemu-poison", MFD_CLOEXEC);
        if (descriptor < 0 || ftruncate(descriptor, kPoisonFile) != 0) return -1;
        void* const memory = mmap(nullptr, kPoisonFile, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
        if (memory == MAP_FAILED) return -1;
        std::memset(memory, 0xff, kPoisonFile);
        munmap(memory, kPoisonFile);
        return descriptor;
    }();
    return file;
}

} // namespace

DeviceMemory device_memory;

uintptr_t DeviceMemory::find_room(std::size_t bytes) {
    if (base_ == 0) {
        void* const memory = mmap(nullptr, kReserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory == MAP_FAILED) return 0;
        base_ = top_ = reinterpret_cast<uintptr_t>(memory);
        next_ = base_ + kPage; // what lies just before the first allocation is ours to name as well
    }
    const std::size_t alignment = alignment_of(bytes);
    const auto behind = [&](uintptr_t address) { return round_up(address, alignment) + bytes + kPage; };
    if (behind(next_) <= base_ + kReserved) {
        const uintptr_t address = round_up(next_, alignment);
        next_ = behind(next_);
        return address;
    }
    uintptr_t from = base_ + kPage; // the range is used up: the first gap between live allocations
    for (const auto& [address, allocation] : live_) {
        if (behind(from) <= address) return round_up(from, alignment);
        from = address + round_up(allocation.bytes) + kPage;
    }
    return behind(from) <= base_ + kReserved ? round_up(from, alignment) : 0;
}

uintptr_t DeviceMemory::allocate(std::size_t bytes, std::size_t capacity) {
    if (bytes > capacity || used_ > capacity - bytes) return 0;
    const uintptr_t base = find_room(round_up(bytes));
    if (base == 0) return 0;
    top_ = std::max(top_, base + round_up(bytes));
    live_[base] = {base, bytes, ++count_};
    used_ += bytes;
    open();
    poison(base, round_up(bytes));
    close();
    return base;
}

void DeviceMemory::poison(uintptr_t base, std::size_t bytes) {
    void* const memory = reinterpret_cast<void*>(base);
    if (bytes <= kEager || poison_file() < 0) {
        if (alignment_of(bytes) == kHugePage) madvise(memory, bytes, MADV_HUGEPAGE);
        std::memset(memory, 0xff, std::min(bytes, kEager));
        return;
    }
    for (std::size_t done = 0; done < bytes; done += kPoisonFile)
        mmap(reinterpret_cast<void*>(base + done), std::min(kPoisonFile, bytes - done), PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, poison_file(), 0);
}

bool DeviceMemory::free(uintptr_t base) {
    const auto it = live_.find(base);
    if (it == live_.end()) return false;
    const std::size_t bytes = round_up(it->second.bytes);
    mmap(reinterpret_cast<void*>(base), bytes, opened_ != 0 ? PROT_READ | PROT_WRITE : PROT_NONE,
         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0); // the pages go back to the system
    used_ -= it->second.bytes;
    freed_[base] = it->second;
    if (freed_.size() > kRemembered) freed_.erase(freed_.begin());
    live_.erase(it);
    recent_[0] = recent_[1] = {};
    return true;
}

void DeviceMemory::free_all() {
    while (!live_.empty())
        free(live_.begin()->first);
    while (!host_.empty())
        free_host(host_.begin()->first);
}

uintptr_t DeviceMemory::allocate_host(std::size_t bytes) {
    void* const memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return 0;
    const auto base = reinterpret_cast<uintptr_t>(memory);
    host_[base] = {base, bytes, ++count_};
    return base;
}

bool DeviceMemory::free_host(uintptr_t base) {
    const auto it = host_.find(base);
    if (it == host_.end()) return false;
    munmap(reinterpret_cast<void*>(base), it->second.bytes);
    host_.erase(it);
    recent_[0] = recent_[1] = {};
    return true;
}

const Allocation* DeviceMemory::find(const Allocations& all, uintptr_t address) {
    auto it = all.upper_bound(address);
    if (it == all.begin()) return nullptr;
    --it;
    return address - it->first < it->second.bytes ? &it->second : nullptr;
}

bool DeviceMemory::holds(const Allocations& all, uintptr_t address, std::size_t bytes) {
    const Allocation* const allocation = find(all, address);
    return allocation != nullptr && bytes <= allocation->bytes - (address - allocation->base);
}

bool DeviceMemory::holds_less_quickly(uintptr_t address, std::size_t bytes) {
    const Range second = recent_[1];
    if (address - second.base < second.bytes && bytes <= second.bytes - (address - second.base)) {
        std::swap(recent_[0], recent_[1]);
        return true;
    }
    const Allocation* const allocation = contains(address) ? find(live_, address) : find(host_, address);
    if (allocation == nullptr || bytes > allocation->bytes - (address - allocation->base)) return false;
    recent_[1] = recent_[0];
    recent_[0] = {allocation->base, allocation->bytes};
    return true;
}

std::string DeviceMemory::describe(uintptr_t address) const {
    const auto name = [](const Allocation& a) {
        return "allocation " + std::to_string(a.number) + " (" + std::to_string(a.bytes) + " bytes)";
    };
    if (const Allocation* const a = find(address)) // the access begins inside and ends outside
        return "across the end of " + name(*a) + ", from byte " + std::to_string(address - a->base);
    const auto next = live_.upper_bound(address);
    const auto freed = freed_.upper_bound(address);
    if (freed != freed_.begin()) {
        const Allocation& a = std::prev(freed)->second;
        if (address - a.base < a.bytes)
            return "byte " + std::to_string(address - a.base) + " of " + name(a) + ", which is freed";
    }
    std::string text;
    if (next != live_.begin()) {
        const Allocation& a = std::prev(next)->second;
        text = std::to_string(address - a.base - a.bytes) + " bytes past the end of " + name(a);
    }
    if (next != live_.end())
        text +=
            (text.empty() ? "" : ", ") + std::to_string(next->first - address) + " bytes before " + name(next->second);
    return text.empty() ? "no allocation is near" : text;
}

void DeviceMemory::open() {
    if (opened_++ == 0 && top_ > base_) mprotect(reinterpret_cast<void*>(base_), top_ - base_, PROT_READ | PROT_WRITE);
}

void DeviceMemory::close() {
    if (--opened_ == 0 && top_ > base_) mprotect(reinterpret_cast<void*>(base_), top_ - base_, PROT_NONE);
}

} // namespace emu
