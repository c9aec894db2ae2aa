// Device memory: one reserved range of addresses, never backed beyond what is touched, closed to the host except while
// the driver works in it.
//
//   | allocation 1 | red zone | allocation 2 | red zone | ... never used yet ...                      |
//
// Allocations begin on a page; between any two lies at least a page. Addresses are not used again until the range is
// exhausted, so a stale pointer meets nothing. Contents begin as 0xff, which is NaN.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

namespace emu {

struct Allocation {
    uintptr_t base = 0;
    std::size_t bytes = 0;
    unsigned number = 0; // in order of allocation, from 1
};

class DeviceMemory {
public:
    // 0 if there is not so much. `capacity` is the device's, for all allocations together.
    uintptr_t allocate(std::size_t bytes, std::size_t capacity);
    bool free(uintptr_t base); // false: not the beginning of an allocation
    void free_all();
    std::size_t used() const { return used_; }

    // Pinned host memory that kernels may use under the same address; 0 if there is none left.
    uintptr_t allocate_host(std::size_t bytes);
    bool free_host(uintptr_t base);
    bool holds_host(uintptr_t address, std::size_t bytes) const { return holds(host_, address, bytes); }

    // The live allocation around `address`, or null.
    const Allocation* find(uintptr_t address) const { return find(live_, address); }
    // True if [address, address + bytes) lies in one live allocation.
    bool holds(uintptr_t address, std::size_t bytes) const { return holds(live_, address, bytes); }
    // True of device memory and of pinned host memory; quick where the last two allocations asked for recur.
    bool holds_quickly(uintptr_t address, std::size_t bytes) {
        const Range first = recent_[0];
        if (address - first.base < first.bytes && bytes <= first.bytes - (address - first.base)) return true;
        return holds_less_quickly(address, bytes);
    }
    // True of any address in the reserved range.
    bool contains(uintptr_t address) const { return base_ != 0 && address - base_ < kReserved; }
    // Where an address that holds nothing lies: "16 bytes past the end of allocation 3 (4000 bytes)".
    std::string describe(uintptr_t address) const;

    // The host may read and write while open; nests.
    void open();
    void close();

private:
    struct Range {
        uintptr_t base = 1;
        std::size_t bytes = 0;
    };
    static constexpr std::size_t kReserved = std::size_t{1} << 40;

    using Allocations = std::map<uintptr_t, Allocation>; // by their first address

    static const Allocation* find(const Allocations& all, uintptr_t address);
    static bool holds(const Allocations& all, uintptr_t address, std::size_t bytes);
    bool holds_less_quickly(uintptr_t address, std::size_t bytes);
    uintptr_t find_room(std::size_t bytes);
    void poison(uintptr_t base, std::size_t bytes);

    Allocations live_;
    Allocations freed_; // the last ones, for reports
    Allocations host_;  // pinned
    Range recent_[2];
    uintptr_t base_ = 0, next_ = 0, top_ = 0; // next address; end of what was ever in use
    std::size_t used_ = 0;
    unsigned count_ = 0, opened_ = 0;
};

extern __attribute__((visibility("hidden"))) DeviceMemory device_memory;

// Opens device memory for a scope.
class OpenMemory {
public:
    OpenMemory() { device_memory.open(); }
    ~OpenMemory() { device_memory.close(); }
    OpenMemory(const OpenMemory&) = delete;
    OpenMemory& operator=(const OpenMemory&) = delete;
};

} // namespace emu
