// C = op(A) op(B) + bias in packed panels.
//
// A task is a rectangle of C. For each block of K (512 in float32, 768 in bfloat16, from k = 0) it packs its part of B
// into panels of 16 columns and its part of A into panels of a few rows, both in the thread's scratch memory, and runs
// register tiles over them; a tile adds its chain of the block to C. Every element of C is thus p0, then + p1, ...,
// then + bias, whatever the rectangle, the tile and the layouts of A and B: that is the order which gimbal.h promises.
// Packing costs O(mk + nk) against O(mnk). Panels are made of 32-bit words (cpu/matmul/pack.h), and depths are counted
// in them.
#include "cpu/cpu.h"
#include "cpu/matmul/pack.h"
#include "cpu/matmul/product.h"
#include "cpu/matmul/product_tile.h"
#include "cpu/scratch.h"
#include "cpu/storage.h"
#include "cpu/team.h"
#include "packed.h"

#include <atomic>
#include <new>

namespace gimbal::GB_ISA {
namespace {

// Words of a K block: fixed for all shapes, part of the result. 512 of float32, 768 of bfloat16.
template <class Element> constexpr int64_t kDepth = sizeof(Element) == sizeof(float) ? 512 : 384;
constexpr int64_t kLeftRows = 192;      // packed rows of A: with 512 words 384 KiB, for the second-level cache
constexpr int64_t kRightColumns = 1024; // packed columns of B: 2 MiB
constexpr int64_t kResident = 1 << 17;  // words of B that stay in the second-level cache beside A
constexpr int64_t kFewGroups = 4;       // of rows, which pass over weights before they have all come from memory
constexpr int64_t kSmallWork = 1 << 19; // links that are not worth a second thread
constexpr int64_t kSmallPack = 1 << 14; // nor words of packed B, which few rows of A wait for
constexpr int64_t kGrain = 1 << 28;     // links of a task that is long beside its start
constexpr int64_t kTotalRows = 1536;    // rows of C that grow in scratch memory: with kRightColumns 6 MiB

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

// Where the sums of C grow: in C or, where that is bfloat16, in scratch memory until they are whole. A tile that has
// one block of K needs no more room there than its own.
struct Totals {
    const Product& product;
    float* scratch = nullptr; // null: in C
    int64_t width = 0;        // of a row in scratch memory; 0: all tiles in the same place
    int64_t i = 0, j = 0;     // its first row and column

    static constexpr int64_t kTileWidth = kWidestPanels * kLanes;

    float* at(int64_t row, int64_t column) const {
        if (scratch == nullptr) return static_cast<float*>(product.c) + row * product.ldc + column;
        return width == 0 ? scratch : scratch + (row - i) * width + column - j;
    }
    int64_t stride() const { return scratch == nullptr ? product.ldc : width == 0 ? kTileWidth : width; }
};

template <class From, class To>
void copy_tile(const From* from, int64_t from_stride, To* to, int64_t to_stride, int64_t rows, int64_t columns) {
    for (int64_t r = 0; r < rows; ++r)
        copy_elements(from + r * from_stride, to + r * to_stride, columns);
}

// Rows i.., columns j.. of C over one block of K, words p .. p+depth-1: `rows` of A packed in `left`.
template <class Chain>
void multiply_panels(const Product& product, const float* left, const RightPanels& right, const Totals& totals,
                     int64_t i, int64_t j, int64_t rows, int64_t columns, int64_t p, int64_t depth) {
    const RowGroups groups(rows);
    const int64_t panels = panel_count(columns), most = panels_for((rows + groups.count - 1) / groups.count);
    const bool add = product.accumulate || p > 0, last = p + depth == words_of<typename Chain::Element>(product.k);
    const float* bias = last && product.bias != nullptr ? product.bias + j : nullptr;
    // `later`: distance from the panels of this tile to those to fetch meanwhile, each group of rows its share.
    const auto multiply_tile_at = [&](int64_t g, int64_t panel, int64_t later, int64_t next_g, int64_t next_panel) {
        const int64_t row = groups.row(g), height = groups.row(g + 1) - row, column = panel * kLanes;
        const int64_t width = minimum(panels - panel, most);
        const Output out{totals.at(i + row, j + column), totals.stride(), bias != nullptr ? bias + column : nullptr,
                         minimum(columns - column, width * kLanes), add};
        const float* b = right.data + panel * right.panel_step;
        const Ahead ahead{b + later + g * (depth * kPanelColumns / groups.count),
                          (kPanelColumns + groups.count - 1) / groups.count,
                          totals.at(i + groups.row(next_g), j + next_panel * kLanes)};
        const auto run = [&] {
            kTiles<Chain>[static_cast<std::size_t>(width - 1)][static_cast<std::size_t>(height - 1)](
                left + row * depth, b, right.panel_step, depth, ahead, out);
        };
        if (totals.scratch == nullptr) return run();
        bf16* c = static_cast<bf16*>(product.c) + (i + row) * product.ldc + j + column;
        if (p == 0 && product.accumulate) copy_tile(c, product.ldc, out.c, out.ldc, height, out.columns);
        run();
        if (last) copy_tile(out.c, out.ldc, c, product.ldc, height, out.columns);
    };
    if (columns * depth <= kResident && (product.packed == nullptr || groups.count > kFewGroups)) {
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

// Elements of the depth behind words p .. p+depth-1.
template <class Element> int64_t elements_of(const Product& product, int64_t p, int64_t depth) {
    return minimum(product.k - p * kPerWord<Element>, depth * kPerWord<Element>);
}

template <class Chain>
RightPanels right_panels(const Product& product, int64_t j, int64_t columns, int64_t p, int64_t depth, float* scratch) {
    using Element = typename Chain::Element;
    const int64_t words = words_of<Element>(product.k), deep = elements_of<Element>(product, p, depth);
    if (product.packed != nullptr) return {product.packed + j * words + p * kPanelColumns, words * kPanelColumns};
    const PanelSource source{static_cast<const Element*>(product.b), product.ldb, product.trans_b};
    const int64_t first = p * kPerWord<Element>, whole = product.trans_b ? 0 : columns / kPanelColumns;
    pack_lines<Chain>(source, j, first, whole, deep, [&](int64_t panel) {
        return PanelPlace{panel * kPanelColumns, kPanelColumns, scratch + panel * kPanelColumns * depth};
    });
    for (int64_t column = whole * kPanelColumns; column < columns; column += kPanelColumns) {
        const int count = static_cast<int>(minimum(columns - column, kPanelColumns));
        pack_panel<Chain>(source, j + column, first, count, deep, kPanelColumns, scratch + column * depth);
    }
    return {scratch, depth * kPanelColumns};
}

template <class Chain, class T>
void pack_left(const Product& product, const T* a, int64_t i, int64_t rows, int64_t p, int64_t depth, float* left) {
    const PanelSource source{a, product.lda, !product.trans_a};
    const RowGroups groups(rows);
    using Element = typename Chain::Element;
    const int64_t first = p * kPerWord<Element>, deep = elements_of<Element>(product, p, depth);
    if (product.trans_a)
        return pack_lines<Chain>(source, i, first, groups.count, deep, [&](int64_t g) {
            const int64_t row = groups.row(g);
            return PanelPlace{row, groups.row(g + 1) - row, left + row * depth};
        });
    for (int64_t g = 0; g < groups.count; ++g) {
        const int64_t row = groups.row(g), height = groups.row(g + 1) - row;
        pack_panel<Chain>(source, i + row, first, static_cast<int>(height), deep, height, left + row * depth);
    }
}

// A rectangle of C: rows i0 .. i1-1, columns j0 .. j1-1, j0 at the start of a panel. False if there is no memory.
template <class Chain, class T>
bool multiply_rectangle(const Product& product, const T* a, int64_t i0, int64_t i1, int64_t j0, int64_t j1) {
    using Element = typename Chain::Element;
    const int64_t words = words_of<Element>(product.k), deepest = minimum(words, kDepth<Element>);
    const bool is_rounded = product.c_dtype == GB_BFLOAT16, grows_apart = is_rounded && words > deepest;
    const int64_t widest = product.packed != nullptr && !grows_apart ? j1 - j0 : minimum(j1 - j0, kRightColumns);
    float* left = scratch(Scratch::left_panels, minimum(i1 - i0, kLeftRows) * deepest + kLanes);
    float* right = nullptr;
    if (product.packed == nullptr) right = scratch(Scratch::right_panels, round_up(widest, kPanelColumns) * deepest);
    if (left == nullptr || (right == nullptr && product.packed == nullptr)) return false;
    Totals totals{.product = product, .i = i0};
    if (is_rounded) {
        totals.width = grows_apart ? round_up(widest, kPanelColumns) : 0;
        totals.scratch =
            scratch(Scratch::totals, grows_apart ? (i1 - i0) * totals.width : kTileRows * Totals::kTileWidth);
        if (totals.scratch == nullptr) return false;
    }
    for (int64_t j = j0; j < j1; j += widest) {
        const int64_t columns = minimum(j1 - j, widest);
        totals.j = j;
        for (int64_t p = 0; p < words; p += deepest) {
            const int64_t depth = minimum(words - p, deepest);
            const RightPanels panels = right_panels<Chain>(product, j, columns, p, depth, right);
            for (int64_t i = i0; i < i1; i += kLeftRows) {
                const int64_t rows = minimum(i1 - i, kLeftRows);
                pack_left<Chain>(product, a, i, rows, p, depth, left);
                multiply_panels<Chain>(product, left, panels, totals, i, j, rows, columns, p, depth);
            }
        }
    }
    return true;
}

// k = 0: the empty sum, and the bias.
void add_bias_only(const Product& product) {
    as_stored(product.c_dtype, [&](auto stored) {
        for (int64_t i = 0; i < product.m; ++i)
            for_lanes(0, product.n, [&](int64_t j, auto n) {
                auto* c = stored(product.c) + i * product.ldc + j;
                F16 total = product.accumulate ? load(c, n) : zero();
                if (product.bias != nullptr) total = total + load(product.bias + j, n);
                store(c, total, n);
            });
    });
}

template <class Chain> void multiply_by(const Cpu& cpu, const Product& product) {
    const int64_t m = product.m, n = product.n, words = words_of<typename Chain::Element>(product.k);
    // Rectangles: enough for every thread to find work to the end, and none so small that starting it shows. A cut
    // across the columns packs A once more; one across the rows packs B once more or, where it is packed, reads it once
    // more.
    const int64_t grains = m * n / (kGrain / words + 1), threads = static_cast<int64_t>(cpu.threads);
    const bool is_small = m * n < kSmallWork / words && (product.packed == nullptr || n < kSmallPack / words);
    const int64_t wanted =
        threads <= 1 || is_small ? 1 : minimum(grains > threads ? grains : threads, 4 * threads);
    const int64_t row_cost = product.packed != nullptr ? 2 : 1, column_cost = product.packed != nullptr ? 5 : 1;
    int64_t height = product.c_dtype == GB_BFLOAT16 ? minimum(m, kTotalRows) : m, width = n;
    const auto down = [&] { return (m + height - 1) / height; };
    const auto across = [&] { return (n + width - 1) / width; };
    while (down() * across() < wanted) {
        const bool has_rows = height >= 8 * kTileRows, is_tall = height > 4 * kTileRows;
        // Of a tall rectangle, packing A once more costs more than an uneven end.
        const bool has_columns = width >= (is_tall ? 256 : 128) && !(is_tall && down() * across() >= threads);
        if (!has_rows && !has_columns) break;
        if (has_columns && (!has_rows || width * row_cost > height * column_cost))
            width = round_up((width + 1) / 2, kPanelColumns);
        else
            height = (height + 1) / 2;
    }
    std::atomic<bool> failed{false};
    const auto run = [&](const auto* a) {
        Team::run(cpu.threads, down() * across(), [&](int64_t task) {
            const int64_t i = task / across() * height, j = task % across() * width;
            if (!multiply_rectangle<Chain>(product, a, i, minimum(i + height, m), j, minimum(j + width, n)))
                failed = true;
        });
    };
    if (product.a_dtype == GB_FLOAT32)
        run(static_cast<const float*>(product.a));
    else if constexpr (kPerWord<typename Chain::Element> > 1)
        run(static_cast<const bf16*>(product.a));
    if (failed) throw std::bad_alloc();
}

} // namespace

void multiply(Cpu& cpu, const Product& product) {
    if (product.m == 0 || product.n == 0) return;
    if (product.k == 0) return add_bias_only(product);
    as_stored(product.b_dtype, [&](auto stored) {
        with_chain<typename decltype(stored)::Element>([&](auto chain) { multiply_by<decltype(chain)>(cpu, product); });
    });
}

void cpu_matmul(Cpu& cpu, const void* a, const void* b, const void* bias, void* c, int64_t m, int64_t n, int64_t k,
                int64_t lda, int64_t ldb, int64_t ldc, int32_t trans_a, int32_t trans_b, int32_t accumulate,
                gb_dtype a_dtype, gb_dtype b_dtype, gb_dtype c_dtype) {
    multiply(cpu, {.a = a,
                   .b = b,
                   .packed = nullptr,
                   .bias = static_cast<const float*>(bias),
                   .c = c,
                   .m = m,
                   .n = n,
                   .k = k,
                   .lda = lda,
                   .ldb = ldb,
                   .ldc = ldc,
                   .trans_a = trans_a != 0,
                   .trans_b = trans_b != 0,
                   .accumulate = accumulate != 0,
                   .a_dtype = a_dtype,
                   .b_dtype = b_dtype,
                   .c_dtype = c_dtype});
}

} // namespace gimbal::GB_ISA
