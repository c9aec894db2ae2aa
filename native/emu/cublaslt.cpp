// As much of cuBLASLt as the engine calls, so that GIMBAL_CUBLASLT may name this library too: matrices with contiguous
// columns, in float32 or bfloat16, products summed in double. It refuses what a caller gets wrong: attributes it does
// not know, shapes that do not fit, matrices beyond their allocations, a workspace without memory.
#include "driver.h"
#include "streams.h"

#include <bit>
#include <cstring>
#include <memory>

namespace emu {

namespace {

enum Status { kDone = 0, kNotInitialised = 1, kInvalid = 7, kExecutionFailed = 13 };
enum { kCompute32F = 68, kFloat32 = 0, kBFloat16 = 14, kTransposeA = 3, kTransposeB = 4 };

struct Operation {
    int transposed[2] = {0, 0};
};
struct Layout {
    int type;
    uint64_t rows, columns;
    int64_t stride;
    std::size_t element_bytes() const { return type == kBFloat16 ? 2 : 4; }
    std::size_t bytes() const { return ((columns - 1) * static_cast<uint64_t>(stride) + rows) * element_bytes(); }
};
struct Preference {
    uint64_t workspace = 0;
};

double read(const Layout& layout, const void* matrix, uint64_t row, uint64_t column) {
    const uint64_t i = column * static_cast<uint64_t>(layout.stride) + row;
    if (layout.type == kFloat32) return static_cast<const float*>(matrix)[i];
    return std::bit_cast<float>(static_cast<uint32_t>(static_cast<const uint16_t*>(matrix)[i]) << 16);
}

void write(const Layout& layout, void* matrix, uint64_t row, uint64_t column, float value) {
    const uint64_t i = column * static_cast<uint64_t>(layout.stride) + row;
    if (layout.type == kFloat32) {
        static_cast<float*>(matrix)[i] = value;
        return;
    }
    const uint32_t bits = std::bit_cast<uint32_t>(value);
    const uint32_t rounded = value == value ? bits + 0x7fff + (bits >> 16 & 1) : bits | 0x400000;
    static_cast<uint16_t*>(matrix)[i] = static_cast<uint16_t>(rounded >> 16);
}

struct Product {
    Operation operation;
    Layout a, b, c;
    const void *a_data, *b_data;
    void* c_data;
    float alpha, beta;

    uint64_t depth() const { return operation.transposed[0] != 0 ? a.rows : a.columns; }
    bool fits() const {
        const bool at = operation.transposed[0] != 0, bt = operation.transposed[1] != 0;
        return (at ? a.columns : a.rows) == c.rows && (bt ? b.columns : b.rows) == depth() &&
               (bt ? b.rows : b.columns) == c.columns && a.type == b.type;
    }
    bool has_memory() const {
        const auto holds = [](const void* data, const Layout& layout) {
            return device_memory.holds(reinterpret_cast<uintptr_t>(data), layout.bytes());
        };
        return holds(a_data, a) && holds(b_data, b) && holds(c_data, c);
    }
    void run() const {
        const bool at = operation.transposed[0] != 0, bt = operation.transposed[1] != 0;
        for (uint64_t j = 0; j < c.columns; ++j)
            for (uint64_t i = 0; i < c.rows; ++i) {
                double sum = 0;
                for (uint64_t k = 0; k < depth(); ++k)
                    sum += read(a, a_data, at ? k : i, at ? i : k) * read(b, b_data, bt ? j : k, bt ? k : j);
                const double before = beta == 0.0f ? 0.0 : beta * read(c, c_data, i, j);
                write(c, c_data, i, j, static_cast<float>(alpha * sum + before));
            }
    }
};

template <class T, class... Fields> Status make(T** made, Fields... fields) {
    *made = new T{fields...};
    return kDone;
}
template <class T> Status destroy(T* object) {
    delete object;
    return kDone;
}

} // namespace

} // namespace emu

using namespace emu;

#define GB_LT extern "C" __attribute__((visibility("default"))) Status

GB_LT cublasLtCreate(int** handle) {
    return current_contexts.empty() ? kNotInitialised : make(handle, 1);
}
GB_LT cublasLtDestroy(int* handle) {
    return destroy(handle);
}

GB_LT cublasLtMatmulDescCreate(Operation** made, int compute, int scale) {
    return compute != kCompute32F || scale != kFloat32 ? kInvalid : make(made);
}
GB_LT cublasLtMatmulDescDestroy(Operation* operation) {
    return destroy(operation);
}
GB_LT cublasLtMatmulDescSetAttribute(Operation* operation, int attribute, const void* value, std::size_t bytes) {
    if ((attribute != kTransposeA && attribute != kTransposeB) || bytes != sizeof(int)) return kInvalid;
    std::memcpy(&operation->transposed[attribute - kTransposeA], value, bytes);
    return kDone;
}

GB_LT cublasLtMatrixLayoutCreate(Layout** made, int type, uint64_t rows, uint64_t columns, int64_t stride) {
    if ((type != kFloat32 && type != kBFloat16) || stride < static_cast<int64_t>(rows)) return kInvalid;
    return make(made, type, rows, columns, stride);
}
GB_LT cublasLtMatrixLayoutDestroy(Layout* layout) {
    return destroy(layout);
}

GB_LT cublasLtMatmulPreferenceCreate(Preference** made) {
    return make(made);
}
GB_LT cublasLtMatmulPreferenceDestroy(Preference* preference) {
    return destroy(preference);
}
GB_LT cublasLtMatmulPreferenceSetAttribute(Preference* preference, int attribute, const void* value,
                                           std::size_t bytes) {
    if (attribute >= 5 && attribute <= 8) return bytes == sizeof(uint32_t) ? kDone : kInvalid; // least alignments
    if (attribute != 1 || bytes != sizeof preference->workspace) return kInvalid;
    std::memcpy(&preference->workspace, value, bytes);
    return kDone;
}

namespace {

struct Algorithm {
    uint64_t data[8];
};
struct Heuristic {
    Algorithm algorithm;
    std::size_t workspace;
    Status state;
    float waves;
    int reserved[4];
};
constexpr uint64_t kOnlyAlgorithm = 0x67696d62616cULL;

} // namespace

GB_LT cublasLtMatmulAlgoGetHeuristic(int*, Operation* operation, Layout* a, Layout* b, Layout* c, Layout*,
                                     Preference* preference, int wanted, Heuristic* results, int* found) {
    const Product product{*operation, *a, *b, *c, nullptr, nullptr, nullptr, 1, 0};
    if (!product.fits() || wanted < 1 || preference == nullptr) return kInvalid;
    results[0] = {{{kOnlyAlgorithm}}, 0, kDone, 1, {}};
    *found = 1;
    return kDone;
}

GB_LT cublasLtMatmul(int*, Operation* operation, const float* alpha, const void* a, Layout* a_layout, const void* b,
                     Layout* b_layout, const float* beta, const void* c, Layout* c_layout, void* d, Layout* d_layout,
                     const Algorithm* algorithm, void* workspace, std::size_t workspace_bytes, void* stream) {
    const Product product{*operation, *a_layout, *b_layout, *d_layout, a, b, d, *alpha, *beta};
    if (c != d || c_layout != d_layout || algorithm->data[0] != kOnlyAlgorithm || !product.fits()) return kInvalid;
    const Result result = call(Needs::context, [&]() -> Result {
        Stream* const found = streams().find(stream);
        const bool has_workspace = device_memory.holds(reinterpret_cast<uintptr_t>(workspace), workspace_bytes);
        if (found == nullptr || !product.has_memory() || !has_workspace) return kInvalidValue;
        return streams().submit(*found, [product] { product.run(); });
    });
    return result == kSuccess ? kDone : kExecutionFailed;
}
