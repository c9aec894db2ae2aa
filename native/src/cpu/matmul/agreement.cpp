// Whether the processor's product of pairs has the bits of its emulation: asked once, before the instruction is used.
#include "cpu/matmul/chain.h"

#if defined(GB_ISA_V4)

namespace gimbal::GB_ISA {
namespace {

// Sixteen words: random signs and mantissas, exponents from `lowest` on, `span` of them.
F16 random_words(uint32_t& state, uint32_t lowest, uint32_t span, bool are_pairs) {
    alignas(64) uint32_t v[16];
    for (uint32_t& word : v) {
        state = state * 1664525u + 1013904223u;
        const uint32_t upper = lowest + (state >> 8) % span, lower = lowest + (state >> 20) % span;
        word = (state & 0x807fffffu) | upper << 23;
        if (are_pairs) word = (word & 0xffff807fu) | lower << 7;
    }
    return words(_mm512_load_si512(v));
}

} // namespace

bool pair_product_agrees() {
    // Exponents of factors and of sums: sums of like size, products at the border of the subnormal numbers, anything.
    static constexpr uint32_t kRanges[3][4] = {{120, 14, 112, 30}, {56, 16, 0, 12}, {0, 256, 0, 256}};
    uint32_t state = 1;
    for (const auto& range : kRanges)
        for (int trial = 0; trial < 256; ++trial) {
            const F16 a = random_words(state, range[0], range[1], true),
                      b = random_words(state, range[0], range[1], true);
            const F16 c = random_words(state, range[2], range[3], false), ours = PairChain::link(a, b, c);
            F16 x = a, y = b, sum = c;
            {
                const FlushedSubnormals mode;
                for (F16* held : {&x, &y, &sum})
                    FlushedSubnormals::hold(*held);
                sum = EmulatedPairChain::link(x, y, sum);
                FlushedSubnormals::hold(sum);
            }
            const __m512i p = _mm512_castps_si512(ours.v), q = _mm512_castps_si512(sum.v);
            const __mmask16 both_nan =
                _mm512_cmp_ps_mask(ours.v, ours.v, _CMP_UNORD_Q) & _mm512_cmp_ps_mask(sum.v, sum.v, _CMP_UNORD_Q);
            if ((_mm512_cmpneq_epi32_mask(p, q) & ~both_nan & 0xffff) != 0) return false;
        }
    return true;
}

} // namespace gimbal::GB_ISA

#endif
