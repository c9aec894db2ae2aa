// cudaemu_selftest: what the emulator computes is compared with plain formulas, and what its driver allows with CUDA's
// rules. Exit status 0 if all holds.
#include "selftest.h"
#include "check.h"

#include <bit>
#include <cmath>
#include <numeric>

namespace {

uint16_t bf16_of(float v) {
    return static_cast<uint16_t>(std::bit_cast<uint32_t>(v) >> 16);
} // exact for small integers

// Small integers, so that every sum is exact; no two elements of a row or column of A alike.
void test_matrices() {
    const Setting setting;
    std::vector<uint16_t> a(256), b(128);
    for (int i = 0; i < 256; ++i)
        a[static_cast<std::size_t>(i)] = bf16_of(static_cast<float>(i % 251 - 125));
    for (int i = 0; i < 128; ++i)
        b[static_cast<std::size_t>(i)] = bf16_of(static_cast<float>(i * 7 % 61 - 30));
    const Array<uint16_t> left(a), right(b);
    const Array<float> product(128);
    const Array<unsigned> loaded(512);
    GB_GIVES(0, setting.launch("matrices", 1, 32,
                               MatrixArguments{left.pointer(), right.pointer(), product.pointer(), loaded.pointer()}));
    const std::vector<float> d = product.values();
    const std::vector<unsigned> r = loaded.values();
    const auto value = [](uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); };
    const auto at = [](const std::vector<uint16_t>& m, unsigned columns, unsigned row, unsigned column) {
        return m[row * columns + column];
    };
    for (unsigned i = 0; i < 16; ++i)
        for (unsigned j = 0; j < 8; ++j) {
            double sum = 0;
            for (unsigned k = 0; k < 16; ++k)
                sum += double{value(at(a, 16, i, k))} * value(at(b, 8, k, j));
            GB_CHECK(d[i * 8 + j] == sum);
        }
    // Register m of a lane: two neighbours of row lane / 4 of matrix m, or of column lane / 4 if transposed.
    for (unsigned lane = 0; lane < 32; ++lane)
        for (unsigned m = 0; m < 4; ++m) {
            const unsigned row = lane / 4, column = lane % 4 * 2, down = m % 2 * 8, right_half = m / 2 * 8;
            const auto pair = [](unsigned low, unsigned high) { return low | high << 16; };
            GB_CHECK(r[m * 32 + lane] ==
                     pair(at(a, 16, down + row, right_half + column), at(a, 16, down + row, right_half + column + 1)));
            GB_CHECK(r[128 + m * 32 + lane] ==
                     pair(at(a, 16, down + column, right_half + row), at(a, 16, down + column + 1, right_half + row)));
            if (m >= 2) continue;
            GB_CHECK(r[256 + m * 32 + lane] == pair(at(b, 8, down + row, column), at(b, 8, down + row, column + 1)));
            GB_CHECK(r[384 + m * 32 + lane] == pair(at(b, 8, down + column, row), at(b, 8, down + column + 1, row)));
        }
}

// As the CUDA programming guide describes the four shuffles.
void test_warp_operations() {
    const Setting setting{{"CUDAEMU_SCHEDULE", "reverse"}};
    for (const int width : {32, 16, 8, 4, 2, 1})
        for (const int operand : {0, 1, 2, 3, 5, 15, 16, 31}) {
            const Array<int> lanes(std::vector<int>(32, operand));
            const Array<unsigned> words(128), votes(5);
            const Array<unsigned long long> longs(128);
            GB_GIVES(0, setting.launch(
                            "warp_operations", 1, 32,
                            WarpArguments{lanes.pointer(), width, words.pointer(), longs.pointer(), votes.pointer()}));
            const std::vector<unsigned> w = words.values();
            const std::vector<unsigned long long> l = longs.values();
            for (int lane = 0; lane < 32; ++lane) {
                const int first = lane / width * width, up = lane - operand, down = lane + operand,
                          other = lane ^ operand;
                const int sources[4] = {first + operand % width, up >= first ? up : lane,
                                        down < first + width ? down : lane, other < first + width ? other : lane};
                for (std::size_t kind = 0; kind < 4; ++kind) {
                    const std::size_t at = kind * 32 + static_cast<std::size_t>(lane);
                    const int source = sources[kind];
                    GB_CHECK(w[at] == 1000u + static_cast<unsigned>(source));
                    const auto wide = kind == 1 ? (1ull << 40 | static_cast<unsigned>(source))
                                                : std::bit_cast<unsigned long long>(0.5 * source);
                    GB_CHECK(l[at] == wide);
                }
            }
            GB_CHECK((votes.values() == std::vector<unsigned>{0xaaaaaaaau, 1, 0, 0xffffu, 0xffff0000u}));
        }
}

struct ScanCase {
    std::vector<unsigned> x;
    Array<unsigned> input, output, flags, sums, prefixes, ticket;
    explicit ScanCase(std::size_t count)
        : x(count), input((std::iota(x.begin(), x.end(), 3u), x)), output(count),
          flags(std::vector<unsigned>(count / kScanThreads + 1)), sums(count / kScanThreads + 1),
          prefixes(count / kScanThreads + 1), ticket(std::vector<unsigned>(1)) {}
    ScanArguments arguments() const {
        return {input.pointer(),
                output.pointer(),
                flags.pointer(),
                sums.pointer(),
                prefixes.pointer(),
                ticket.pointer(),
                static_cast<int64_t>(x.size())};
    }
};

// Blocks that wait for each other, in every order, with the check of global races on: none may be found.
void test_blocks() {
    for (const char* const schedule : {"forward", "reverse", "random"})
        for (const char* const resident : {"1", "4"})
            for (const char* const seed : {"1", "2", "3"}) {
                const Setting setting{{"CUDAEMU_SCHEDULE", schedule},
                                      {"CUDAEMU_RESIDENT", resident},
                                      {"CUDAEMU_SEED", seed},
                                      {"CUDAEMU_GLOBAL_RACES", "1"}};
                const ScanCase scan(1000);
                GB_GIVES(0, setting.launch("scan", 16, kScanThreads, scan.arguments()));
                std::vector<unsigned> sums(scan.x.size());
                std::partial_sum(scan.x.begin(), scan.x.end(), sums.begin());
                GB_CHECK(scan.output.values() == sums);

                const ScanCase last(10 * kScanThreads);
                GB_GIVES(0, setting.launch("last_block_sum", 10, kScanThreads, last.arguments()));
                GB_CHECK(last.sums.values()[0] == 2 * std::accumulate(last.x.begin(), last.x.end(), 0u));
            }
    for (const char* const resident : {"1", "2"}) {
        const Setting setting{{"CUDAEMU_RESIDENT", resident}};
        const ScanCase waiting(kScanThreads);
        GB_GIVES(0, setting.launch("wait_for_next_block", 2, 32, waiting.arguments()));
        GB_GIVES(resident[0] == '1' ? 719 : 0, cuCtxSynchronize());
    }
    const Setting setting{{"CUDAEMU_SCHEDULE", "random"}}; // has several resident unless told otherwise
    const ScanCase waiting(kScanThreads);
    GB_GIVES(0, setting.launch("wait_for_next_block", 4, 32, waiting.arguments()));
    GB_GIVES(0, cuCtxSynchronize());
}

void test_asynchronous_copies() {
    for (const char* const moment : {"early", "late", "random"})
        for (const char* const schedule : {"forward", "reverse", "random"}) {
            const Setting setting{{"CUDAEMU_ASYNC", moment}, {"CUDAEMU_SCHEDULE", schedule}};
            const ScanCase copy(1024);
            ScanArguments arguments = copy.arguments();
            arguments.count = 900;
            GB_GIVES(0, setting.launch("staged_copy", 1, 32, arguments, nullptr, 1024));
            std::vector<unsigned> wanted = copy.x;
            std::fill(wanted.begin() + 900, wanted.end(), 0u);
            GB_CHECK(copy.output.values() == wanted);
        }
}

void test_parameters() {
    const Setting setting;
    const Array<float> y(1);
    unsigned char a = 200;
    double b = 0.5;
    float* p = y.pointer();
    short c = -300;
    void* parameters[] = {&a, &b, &p, &c};
    GB_GIVES(0, cuLaunchKernel(setting.function("several"), 2, 1, 2, 4, 2, 3, 0, nullptr, parameters, nullptr));
    a = 1; // a launch has copied them
    GB_GIVES(0, cuLaunchKernel(setting.function("none"), 1, 1, 1, 1, 1, 1, 0, nullptr, nullptr, nullptr));
    GB_CHECK(y.values()[0] == -99.5f + 26.0f);
}

// Without checks a kernel computes the same.
void test_unchecked() {
    const Setting setting{{"CUDAEMU_CHECK", "0"}};
    const ScanCase scan(1000);
    GB_GIVES(0, setting.launch("scan", 16, kScanThreads, scan.arguments()));
    GB_CHECK(scan.output.values()[999] == 3u * 1000 + 999 * 1000 / 2);
}

} // namespace

int main() {
    void* context = nullptr;
    GB_REQUIRE(cuInit(0));
    GB_REQUIRE(cuDevicePrimaryCtxRetain(&context, 0));
    GB_REQUIRE(cuCtxSetCurrent(context));
    const auto run = [](const char* name, void (*test)()) {
        const int before = failures;
        test();
        std::printf("%s: %s\n", name, failures == before ? "passed" : "FAILED");
    };
    run("matrices", test_matrices);
    run("warp operations", test_warp_operations);
    run("blocks", test_blocks);
    run("asynchronous copies", test_asynchronous_copies);
    run("parameters", test_parameters);
    run("unchecked", test_unchecked);
    run("driver", test_driver);
    run("streams", test_streams);
    return failures == 0 ? 0 : 1;
}
