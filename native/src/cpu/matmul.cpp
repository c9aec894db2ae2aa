// C = op(A) op(B) + bias in packed panels.
//
// A task is a rectangle of C. For each block of K (512, from k = 0) it packs its part of B into panels of 16 columns
// and its part of A into panels of a few rows, both in the thread's scratch memory, and runs register tiles over them;
// a tile adds its chain of the block to C. Every element of C is thus p0, then + p1, ..., then + bias, whatever the
// rectangle, the tile and the layouts of A and B: that is the order which gimbal.h promises. Packing costs O(mk + nk)
// against O(mnk).
#include "cpu/cpu.h"
#include "cpu/matmul/pack.h"
#include "cpu/matmul/product.h"
#include "cpu/matmul/product_tile.h"
#include "cpu/scratch.h"
#include "cpu/team.h"
#include "packed.h"

#include <atomic>
#include <new>

namespace gimbal::GB_ISA {
namespace {

constexpr int64_t kDepth = 512;         // K block: fixed for all shapes, part of the result
constexpr int64_t kLeftRows = 192;      // packed rows of A: with kDepth 384 KiB, for the second-level cache
constexpr int64_t kRightColumns = 1024; // packed columns of B: 2 MiB
constexpr int64_t kResident = 1 << 17;  // elements of B that stay in the second-level cache beside A
constexpr int64_t kSmallWork = 1 << 19; // multiply-adds that are not worth a second thread
constexpr int64_t kGrain = 1 << 28;     // multiply-adds of a task that is long beside its start

int64_t minimum(int64_t a, int64_t b) {
    return a < b ? a : b;
}
int64_t round_up(int64_t value, int64_t to) {
    return (value + to - 1) / to * to;
}

// Panels of B in memory, one every `panel_step` floats.
struct RightPanels {
    const float* data;
    int64_t panel_step;
};

// Rows i.., columns j.. of C over one block of K: `rows` of A packed in `left`.
void multiply_panels(const Product& product, const float* left, const RightPanels& right, int64_t i, int64_t j,
                     int64_t rows, int64_t columns, int64_t p, int64_t depth) {
    const RowGroups groups(rows);
    const int64_t panels = panel_count(columns), most = panels_for((rows + groups.count - 1) / groups.count);
    const bool add = product.accumulate || p > 0;
    const float* bias = p + depth == product.k && product.bias != nullptr ? product.bias + j : nullptr;
    // `later`: distance from the panels of this tile to those to fetch meanwhile, each group of rows its share.
    const auto multiply_tile_at = [&](int64_t g, int64_t panel, int64_t later, int64_t next_g, int64_t next_panel) {
        const int64_t row = groups.row(g), height = groups.row(g + 1) - row, column = panel * kLanes;
        const int64_t width = minimum(panels - panel, most);
        float* c = product.c + i * product.ldc + j;
        const Output out{c + row * product.ldc + column, product.ldc, bias != nullptr ? bias + column : nullptr,
                         minimum(columns - column, width * kLanes), add};
        const float* b = right.data + panel * right.panel_step;
        const Ahead ahead{b + later + g * (depth * kPanelColumns / groups.count),
                          (kPanelColumns + groups.count - 1) / groups.count,
                          c + groups.row(next_g) * product.ldc + next_panel * kLanes};
        kTiles[static_cast<std::size_t>(width - 1)][static_cast<std::size_t>(height - 1)](
            left + row * depth, b, right.panel_step, depth, ahead, out);
    };
    if (columns * depth <= kResident) {
        // The panels stay: what comes next from memory is their next block of K.
        const int64_t later = product.packed != nullptr ? depth * kPanelColumns : 0;
        for (int64_t g = 0; g < groups.count; ++g)
            for (int64_t panel = 0; panel < panels; panel += most) {
                const bool ends = panel + most >= panels;
                multiply_tile_at(g, panel, later, ends ? g + 1 : g, ends ? 0 : panel + most);
            }
        return;
    }
    for (int64_t panel = 0; panel < panels; panel += most)
        for (int64_t g = 0; g < groups.count; ++g) {
            const bool ends = g + 1 == groups.count;
            multiply_tile_at(g, panel, most * right.panel_step, ends ? 0 : g + 1, ends ? panel + most : panel);
        }
}

RightPanels right_panels(const Product& product, int64_t j, int64_t columns, int64_t p, int64_t depth, float* scratch) {
    if (product.packed != nullptr)
        return {product.packed + j * product.k + p * kPanelColumns, product.k * kPanelColumns};
    const PanelSource source{product.b, product.ldb, product.trans_b};
    const int64_t whole = product.trans_b ? 0 : columns / kPanelColumns;
    pack_lines(source, j, p, whole, depth, [&](int64_t panel) {
        return PanelPlace{panel * kPanelColumns, kPanelColumns, scratch + panel * kPanelColumns * depth};
    });
    for (int64_t column = whole * kPanelColumns; column < columns; column += kPanelColumns) {
        const int count = static_cast<int>(minimum(columns - column, kPanelColumns));
        pack_panel(source, j + column, p, count, depth, kPanelColumns, scratch + column * depth);
    }
    return {scratch, depth * kPanelColumns};
}

void pack_left(const Product& product, int64_t i, int64_t rows, int64_t p, int64_t depth, float* left) {
    const PanelSource source{product.a, product.lda, !product.trans_a};
    const RowGroups groups(rows);
    if (product.trans_a)
        return pack_lines(source, i, p, groups.count, depth, [&](int64_t g) {
            const int64_t row = groups.row(g);
            return PanelPlace{row, groups.row(g + 1) - row, left + row * depth};
        });
    for (int64_t g = 0; g < groups.count; ++g) {
        const int64_t row = groups.row(g), height = groups.row(g + 1) - row;
        pack_panel(source, i + row, p, static_cast<int>(height), depth, height, left + row * depth);
    }
}

// A rectangle of C: rows i0 .. i1-1, columns j0 .. j1-1, j0 at the start of a panel. False if there is no memory.
bool multiply_rectangle(const Product& product, int64_t i0, int64_t i1, int64_t j0, int64_t j1) {
    const int64_t deepest = minimum(product.k, kDepth);
    const int64_t widest = product.packed != nullptr ? j1 - j0 : kRightColumns;
    float* left = scratch(Scratch::left_panels, minimum(i1 - i0, kLeftRows) * deepest + kLanes);
    float* right = nullptr;
    if (product.packed == nullptr)
        right = scratch(Scratch::right_panels, round_up(minimum(j1 - j0, widest), kPanelColumns) * deepest);
    if (left == nullptr || (right == nullptr && product.packed == nullptr)) return false;
    for (int64_t j = j0; j < j1; j += widest) {
        const int64_t columns = minimum(j1 - j, widest);
        for (int64_t p = 0; p < product.k; p += kDepth) {
            const int64_t depth = minimum(product.k - p, kDepth);
            const RightPanels panels = right_panels(product, j, columns, p, depth, right);
            for (int64_t i = i0; i < i1; i += kLeftRows) {
                const int64_t rows = minimum(i1 - i, kLeftRows);
                pack_left(product, i, rows, p, depth, left);
                multiply_panels(product, left, panels, i, j, rows, columns, p, depth);
            }
        }
    }
    return true;
}

// k = 0: the empty sum, and the bias.
void add_bias_only(const Product& product) {
    for (int64_t i = 0; i < product.m; ++i)
        for_lanes(0, product.n, [&](int64_t j, auto n) {
            float* c = product.c + i * product.ldc + j;
            F16 total = product.accumulate ? load(c, n) : zero();
            if (product.bias != nullptr) total = total + load(product.bias + j, n);
            store(c, total, n);
        });
}

} // namespace

void multiply(Cpu& cpu, const Product& product) {
    const int64_t m = product.m, n = product.n, k = product.k;
    if (m == 0 || n == 0) return;
    if (k == 0) return add_bias_only(product);
    // Rectangles: enough for every thread to find work to the end, and none so small that starting it shows. A cut
    // across the columns packs A once more; one across the rows packs B once more or, where it is packed, reads it once
    // more.
    const int64_t grains = m * n / (kGrain / k + 1), threads = static_cast<int64_t>(cpu.threads);
    const int64_t wanted =
        threads <= 1 || m * n < kSmallWork / k ? 1 : minimum(grains > threads ? grains : threads, 4 * threads);
    const int64_t row_cost = product.packed != nullptr ? 2 : 1, column_cost = product.packed != nullptr ? 5 : 1;
    int64_t height = m, width = n;
    const auto down = [&] { return (m + height - 1) / height; };
    const auto across = [&] { return (n + width - 1) / width; };
    while (down() * across() < wanted) {
        const bool has_rows = height >= 8 * kTileRows, has_columns = width >= (height > 4 * kTileRows ? 256 : 128);
        if (!has_rows && !has_columns) break;
        if (has_columns && (!has_rows || width * row_cost > height * column_cost))
            width = round_up((width + 1) / 2, kPanelColumns);
        else
            height = (height + 1) / 2;
    }
    std::atomic<bool> failed{false};
    Team::run(cpu.threads, down() * across(), [&](int64_t task) {
        const int64_t i = task / across() * height, j = task % across() * width;
        if (!multiply_rectangle(product, i, minimum(i + height, m), j, minimum(j + width, n))) failed = true;
    });
    if (failed) throw std::bad_alloc();
}

void cpu_matmul(Cpu& cpu, const void* a, const void* b, const void* bias, void* c, int64_t m, int64_t n, int64_t k,
                int64_t lda, int64_t ldb, int64_t ldc, int32_t trans_a, int32_t trans_b, int32_t accumulate, gb_dtype,
                gb_dtype, gb_dtype) {
    multiply(cpu, {.a = static_cast<const float*>(a),
                   .b = static_cast<const float*>(b),
                   .packed = nullptr,
                   .bias = static_cast<const float*>(bias),
                   .c = static_cast<float*>(c),
                   .m = m,
                   .n = n,
                   .k = k,
                   .lda = lda,
                   .ldb = ldb,
                   .ldc = ldc,
                   .trans_a = trans_a != 0,
                   .trans_b = trans_b != 0,
                   .accumulate = accumulate != 0});
}

} // namespace gimbal::GB_ISA
