// linear_logprob of bfloat16 hidden states and head, forward: the online softmax in the epilogue of the product's
// tiles. No logit goes to memory.
//
// linear_logprob_kernel_bf16_tiles: a block of threads computes 64 of the rows that count (linear_logprob_kernel_plan
// lists them) by one block of 512 of the vocabulary on the tensor cores, sums in shared memory in the order of
// matmul_bf16.cu, and reduces each row there to (max, sum, weighted) as common/log_sum_exp.h does.
// linear_logprob_kernel_bf16_finish: a warp combines a row's blocks, ascending. So the bits are those of the chunked
// form, logits to memory and logprob_gather.
//
// Memory traffic: the head once for every 2048 rows, the hidden states once, 12 bytes for each 512 logits; the chunked
// form reads the head for every 128 rows and moves each logit twice. The launcher says when this one is taken. Bound:
// mma.sync.
#include "linear_logprob_bf16.h"

#include "common/log_sum_exp.h"
#include "matmul/tensor_tile.h"

using namespace gimbal;
using namespace gimbal::device;

namespace {

// Rows i .. i + most - 1 of the list: how many there are. All chunks of the list are full but the last with rows.
GB_DEVICE int rows_there(const HeadTilesArguments& a, int64_t i, int most) {
    const int64_t left = a.counts[i / a.chunk] - i % a.chunk;
    return left < 0 ? 0 : left < most ? static_cast<int>(left) : most;
}

// Pieces of the rows that a list names, of a matrix whose depth is contiguous: a pack to a thread.
class ListedStage {
public:
    static constexpr int kPitch = kMatmulBf16Step + 8;

    GB_DEVICE ListedStage(const HeadTilesArguments& a, const int32_t* list, int rows)
        : place_(row() * kPitch + column()), left_(row() < rows ? a.width - column() : 0),
          from_(static_cast<const bf16*>(a.hidden) + (row() < rows ? list[row()] * a.hidden_stride + column() : 0)),
          aligned_((reinterpret_cast<uintptr_t>(a.hidden) & 15) == 0 && a.hidden_stride % kPack == 0) {}

    GB_DEVICE void fetch(bf16* piece) {
        copy_async(piece + place_, from_, left_ < kPack ? static_cast<int>(left_) : kPack, aligned_);
        from_ += kMatmulBf16Step;
        left_ -= kMatmulBf16Step;
    }

private:
    static constexpr int kPack = 8, kPacks = kMatmulBf16Step / kPack;
    static_assert(kHeadTileRows * kPacks == kHeadTileThreads);
    GB_DEVICE static int row() { return static_cast<int>(threadIdx.x) / kPacks; }
    GB_DEVICE static int column() { return static_cast<int>(threadIdx.x) % kPacks * kPack; }

    const int place_;
    int64_t left_;
    const bf16* from_;
    const bool aligned_;
};

} // namespace

extern "C" __global__ void __launch_bounds__(kHeadTileThreads) linear_logprob_kernel_bf16_tiles(HeadTilesArguments a) {
    GB_DYNAMIC_SHARED(bf16, shared);
    using Right = AsyncStage<bf16, kVocabularyBlock, kMatmulBf16Step, kHeadTileThreads, true>;
    constexpr int kPitch = kVocabularyBlock + kMatmulBf16Pad, kDown = kHeadTileRows / 16, kAcross = 8;
    static_assert(kVocabularyBlock / (8 * kAcross) * 32 == kHeadTileThreads);
    const int64_t across = (a.vocabulary + kVocabularyBlock - 1) / kVocabularyBlock;
    const TilePlace place = tile_of_block((a.rows + kHeadTileRows - 1) / kHeadTileRows, across, kHeadTileGroup);
    const int64_t i0 = place.down * kHeadTileRows, j0 = place.across * kVocabularyBlock;
    const int rows = rows_there(a, a.first + i0, kHeadTileRows);
    if (rows == 0) return;
    const int32_t* list = a.list + a.first + i0;
    bf16 *const lefts = shared, *const rights = lefts + kHeadTileStages * kHeadTileLeft;
    float* const sums = reinterpret_cast<float*>(rights + kHeadTileStages * kHeadTileRight);
    for (int o = static_cast<int>(threadIdx.x); o < kHeadTileRows * kPitch; o += kHeadTileThreads)
        sums[o] = 0.0f;
    ListedStage left(a, list, rows);
    Right right(a.head, a.head_stride, j0, a.vocabulary, 0, a.width, static_cast<int>(threadIdx.x));
    add_products<kMatmulBf16Step, kHeadTileStages, kDown, kAcross, true, true>(
        left, right, lefts, kHeadTileLeft, rights, kHeadTileRight, a.width, 0, warp_of_block() * 8 * kAcross, sums,
        kPitch);

    const int columns = static_cast<int>(a.vocabulary - j0 < kVocabularyBlock ? a.vocabulary - j0 : kVocabularyBlock);
    LogSumExpBlock* const partials = static_cast<LogSumExpBlock*>(a.partials);
    for (int r = static_cast<int>(threadIdx.x) / kLanes; r < kHeadTileRows; r += kHeadTileThreads / kLanes) {
        HeldLogits held;
        held.load(sums + r * kPitch, columns, a.inverse_temperature, KeepNothing{});
        const LogSumExpBlock block = held.reduce<true>();
        if (team_lane() == 0 && r < rows) partials[(i0 + r) * across + place.across] = block;
    }
    if (static_cast<int>(threadIdx.x) < rows) {
        const int64_t j = a.targets[list[threadIdx.x]] - j0;
        if (j >= 0 && j < columns) a.target_logits[i0 + threadIdx.x] = sums[threadIdx.x * kPitch + j];
    }
}

extern "C" __global__ void __launch_bounds__(kHeadFinishThreads)
    linear_logprob_kernel_bf16_finish(HeadTilesArguments a) {
    const int64_t i = static_cast<int64_t>(blockIdx.x) * (kHeadFinishThreads / 32) + warp_of_block();
    if (i >= a.rows || rows_there(a, a.first + i, 1) == 0) return;
    const int blocks = static_cast<int>((a.vocabulary + kVocabularyBlock - 1) / kVocabularyBlock);
    LogSumExp total{-kInfinity, 0, 0, 0, 0};
    total.add(static_cast<const LogSumExpBlock*>(a.partials) + i * blocks, 0, blocks);
    if (lane_of_warp() != 0) return;
    const int64_t r = a.list[a.first + i];
    a.logprob[r] = total.logprob(a.target_logits[i] * a.inverse_temperature);
    if (a.entropy != nullptr) a.entropy[r] = total.entropy();
    if (a.lse != nullptr) a.lse[r] = total.lse();
}
