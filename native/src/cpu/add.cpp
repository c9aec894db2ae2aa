// y = a + b, element by element; memory bound: two reads, one write.
#include "cpu/cpu.h"
#include "cpu/storage.h"
#include "cpu/team.h"

namespace gimbal::GB_ISA {

void cpu_add(Cpu& cpu, const void* a, const void* b, void* y, int64_t count, gb_dtype a_dtype, gb_dtype b_dtype,
             gb_dtype y_dtype) {
    as_stored(a_dtype, b_dtype, y_dtype, [&](auto of_a, auto of_b, auto of_y) {
        const auto* left = of_a(a);
        const auto* right = of_b(b);
        auto* output = of_y(y);
        Team::ranges(cpu.threads, count, kElementGrain, [&](int64_t begin, int64_t end) {
            for_lanes(begin, end,
                      [&](int64_t i, auto n) { store(output + i, load(left + i, n) + load(right + i, n), n); });
        });
    });
}

} // namespace gimbal::GB_ISA
