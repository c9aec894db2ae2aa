// What the launcher of linear_logprob (native/src/cuda/linear_logprob.cpp) hands the kernels of its bfloat16 form.
#pragma once

#include "matmul_bf16.h"

#include "common/log_sum_exp_shape.h"

#include <cstdint>

namespace gimbal {

// A block of threads computes so many rows of one block of the vocabulary, of which it stages two pieces at a time.
constexpr int kHeadTileRows = 64, kHeadTileThreads = 256, kHeadTileStages = 2;
constexpr int kHeadTileGroup =
    32; // tiles down before the next block of the vocabulary: their hidden stays in the cache
constexpr int kHeadFinishThreads = 256; // a warp to a row

constexpr int kHeadTileLeft = kHeadTileRows * (kMatmulBf16Step + 8),
              kHeadTileRight = kVocabularyBlock * (kMatmulBf16Step + 8);
constexpr int64_t kHeadTileBytes = int64_t{2} * kHeadTileStages * (kHeadTileLeft + kHeadTileRight) +
                                   int64_t{4} * kHeadTileRows * (kVocabularyBlock + kMatmulBf16Pad);
// Of the workspace, in floats: the log-sum-exp of each block of the vocabulary, and the target's logit.
constexpr int64_t head_floats_of_row(int64_t vocabulary) {
    return 3 * ((vocabulary + kVocabularyBlock - 1) / kVocabularyBlock) + 1;
}

struct HeadTilesArguments {
    const void *hidden, *head; // bfloat16 (rows, width) at hidden_stride, (vocabulary, width) at head_stride
    const int32_t* targets;
    const int32_t *list, *counts;   // the rows that count, and how many each 128 of the call's rows come to in the list
    int64_t chunk;                  // 128
    void* partials;                 // LogSumExpBlock (rows of the pass, blocks of the vocabulary)
    float* target_logits;           // (rows of the pass)
    float *logprob, *entropy, *lse; // entropy, lse nullable
    int64_t first, rows;            // of the list, in this pass
    int64_t width, vocabulary, hidden_stride, head_stride;
    float inverse_temperature;
};

} // namespace gimbal
