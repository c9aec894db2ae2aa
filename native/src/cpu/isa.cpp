#include "cpu/isa.h"

#include "cpu/cpu.h"

#include <cstdint>
#include <cstdlib>
#include <cstring>

#if defined(_MSC_VER) && defined(_M_X64)
#include <immintrin.h>
#include <intrin.h>
#elif defined(__x86_64__)
#include <cpuid.h>
#endif

namespace gimbal {

namespace portable {
extern const CpuOps table;
}
#if defined(GB_HAS_V3)
namespace v3 {
extern const CpuOps table;
}
#endif
#if defined(GB_HAS_V4)
namespace v4 {
extern const CpuOps table;
bool pair_product_agrees();
}
#endif

namespace {

struct Registers {
    uint32_t a = 0, b = 0, c = 0, d = 0;
};

#if defined(GB_HAS_V3)

Registers cpuid(uint32_t leaf, uint32_t subleaf) {
    Registers r;
#if defined(_MSC_VER)
    int out[4];
    __cpuidex(out, static_cast<int>(leaf), static_cast<int>(subleaf));
    r = {static_cast<uint32_t>(out[0]), static_cast<uint32_t>(out[1]), static_cast<uint32_t>(out[2]),
         static_cast<uint32_t>(out[3])};
#else
    __get_cpuid_count(leaf, subleaf, &r.a, &r.b, &r.c, &r.d);
#endif
    return r;
}

bool bit(uint32_t value, int position) { return (value >> position & 1) != 0; }

// The state that the operating system saves (XCR0); without it the wider registers cannot be used.
uint64_t saved_state() {
#if defined(_MSC_VER)
    return _xgetbv(0);
#else
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return static_cast<uint64_t>(high) << 32 | low;
#endif
}

// 4: AVX-512 F, BW, CD, DQ, VL; 3: AVX2, FMA, F16C, BMI2; 0: neither.
int x86_level() {
    const Registers one = cpuid(1, 0), seven = cpuid(7, 0);
    const bool has_xgetbv = bit(one.c, 27);
    const bool avx2 = has_xgetbv && (saved_state() & 0x6) == 0x6 && bit(one.c, 28) && bit(one.c, 12) && bit(one.c, 29) &&
                      bit(seven.b, 5) && bit(seven.b, 3) && bit(seven.b, 8);
    if (!avx2) return 0;
    const bool avx512 = (saved_state() & 0xe6) == 0xe6 && bit(seven.b, 16) && bit(seven.b, 17) && bit(seven.b, 28) &&
                        bit(seven.b, 30) && bit(seven.b, 31);
    return avx512 ? 4 : 3;
}

// AVX512_BF16, on a processor of level 4.
bool has_bf16() { return bit(cpuid(7, 1).a, 5); }

#endif

struct Choice {
    const CpuOps* ops;
    const char* name;
    bool pair_product = false;
};

Choice choose() {
    const char* forced = std::getenv("GIMBAL_CPU_ISA");
    [[maybe_unused]] const auto wanted = [&](const char* isa) { return forced == nullptr || std::strcmp(forced, isa) == 0; };
#if defined(GB_HAS_V4)
    const int level = x86_level();
    if (level >= 4 && forced == nullptr && has_bf16() && v4::pair_product_agrees())
        return {&v4::table, "x86-64-v4+bf16", true};
    if (level >= 4 && wanted("v4")) return {&v4::table, "x86-64-v4"};
    if (level >= 3 && (wanted("v3") || wanted("v4"))) return {&v3::table, "x86-64-v3"};
#endif
    return {&portable::table, "portable"};
}

const Choice& chosen() {
    static const Choice choice = choose();
    return choice;
}

} // namespace

const CpuOps& cpu_ops() { return *chosen().ops; }

const char* isa_name() { return chosen().name; }

bool has_pair_product() { return chosen().pair_product; }

std::string processor_name() {
#if defined(GB_HAS_V3)
    char name[49] = {};
    for (uint32_t leaf = 0; leaf < 3; ++leaf) {
        const Registers r = cpuid(0x80000002u + leaf, 0);
        std::memcpy(name + 16 * leaf, &r, 16);
    }
    std::string text(name);
    while (!text.empty() && text.back() == ' ') text.pop_back();
    return text.substr(text.find_first_not_of(' ') == std::string::npos ? 0 : text.find_first_not_of(' '));
#else
    return "processor";
#endif
}

} // namespace gimbal
