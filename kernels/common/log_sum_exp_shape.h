// How a row of logits is shared by threads: for launchers and kernels. See log_sum_exp.h.
#pragma once

#include <cstdint>

namespace gimbal {

constexpr int kVocabularyBlock = 512;
constexpr int kLogSumExpThreads = 512; // at most: 32 teams of sixteen

// Threads to a row: whole warps, a team to a block of the vocabulary while there are enough of them.
constexpr int log_sum_exp_threads(int64_t vocabulary) {
    const int64_t warps = (vocabulary + 2 * kVocabularyBlock - 1) / (2 * kVocabularyBlock);
    return warps < kLogSumExpThreads / 32 ? static_cast<int>(warps) * 32 : kLogSumExpThreads;
}

} // namespace gimbal
