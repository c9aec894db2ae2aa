// cuBLASLt, loaded at run time where present: products of matrices that need not have the order of the engine's own
// kernels. GIMBAL_CUBLASLT names another library than the system's; with a driver that GIMBAL_CUDA_DRIVER names, there
// is none but that.
//
// The declarations are our own; native/check/cublaslt_constants.cpp compares them with the real header.
#pragma once

#include "gimbal.h"

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>

namespace gimbal {

class Cuda;

namespace cublaslt {

using Status = int;
using Handle = struct HandleObject*;
using Operation = struct OperationObject*;
using Layout = struct LayoutObject*;
using Preference = struct PreferenceObject*;

enum : Status { kSuccess = 0, kAllocationFailed = 3, kInvalidValue = 7, kNotSupported = 15 };
enum ComputeType : int { kCompute32F = 68 };
enum DataType : int { kFloat32 = 0, kBFloat16 = 14 };
enum Transposition : int { kAsItLies = 0, kTransposed = 1 };
enum OperationAttribute : int { kTransposeA = 3, kTransposeB = 4 };
enum PreferenceAttribute : int {
    kMostWorkspace = 1,
    kAlignmentA = 5,
    kAlignmentB = 6,
    kAlignmentC = 7,
    kAlignmentD = 8,
};

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

// GB_CUBLASLT(symbol, name, parameters)
#define GB_CUBLASLT_FUNCTIONS                                                                                          \
    GB_CUBLASLT(cublasLtCreate, create, (Handle*))                                                                     \
    GB_CUBLASLT(cublasLtDestroy, destroy, (Handle))                                                                    \
    GB_CUBLASLT(cublasLtMatmulDescCreate, operation_create, (Operation*, ComputeType, DataType))                       \
    GB_CUBLASLT(cublasLtMatmulDescDestroy, operation_destroy, (Operation))                                             \
    GB_CUBLASLT(cublasLtMatmulDescSetAttribute, operation_set,                                                         \
                (Operation, OperationAttribute, const void*, std::size_t))                                             \
    GB_CUBLASLT(cublasLtMatrixLayoutCreate, layout_create, (Layout*, DataType, uint64_t, uint64_t, int64_t))           \
    GB_CUBLASLT(cublasLtMatrixLayoutDestroy, layout_destroy, (Layout))                                                 \
    GB_CUBLASLT(cublasLtMatmulPreferenceCreate, preference_create, (Preference*))                                      \
    GB_CUBLASLT(cublasLtMatmulPreferenceDestroy, preference_destroy, (Preference))                                     \
    GB_CUBLASLT(cublasLtMatmulPreferenceSetAttribute, preference_set,                                                  \
                (Preference, PreferenceAttribute, const void*, std::size_t))                                           \
    GB_CUBLASLT(cublasLtMatmulAlgoGetHeuristic, heuristic,                                                             \
                (Handle, Operation, Layout, Layout, Layout, Layout, Preference, int, Heuristic*, int*))                \
    GB_CUBLASLT(cublasLtMatmul, matmul,                                                                                \
                (Handle, Operation, const void*, const void*, Layout, const void*, Layout, const void*, const void*,   \
                 Layout, void*, Layout, const Algorithm*, void*, std::size_t, void*))

struct Library {
#define GB_CUBLASLT(symbol, name, parameters) Status(*name) parameters = nullptr;
    GB_CUBLASLT_FUNCTIONS
#undef GB_CUBLASLT

    // Null where there is none. Throws GB_UNSUPPORTED if GIMBAL_CUBLASLT names one that cannot be used.
    static const Library* get();
};

} // namespace cublaslt

// C = op(A) op(B), or C += that; row-major, as gb_matmul has it.
struct FreeProduct {
    int64_t m, n, k, lda, ldb, ldc;
    bool trans_a, trans_b, accumulate;
    gb_dtype ab, c;
    auto operator<=>(const FreeProduct&) const = default;
};

// cuBLASLt on one device.
class FreeProducts {
public:
    // Null without the library. The context is current, now and in every call.
    static std::unique_ptr<FreeProducts> open(Cuda& cuda);
    ~FreeProducts();
    FreeProducts(const FreeProducts&) = delete;
    FreeProducts& operator=(const FreeProducts&) = delete;

    // False if the library has no way to do it: alignment, shape or type.
    bool multiply(const FreeProduct& product, const void* a, const void* b, void* c);

private:
    struct Plan {
        cublaslt::Operation operation = nullptr;
        cublaslt::Layout a = nullptr, b = nullptr, c = nullptr;
        cublaslt::Heuristic way{};
        bool exists = false;
    };

    FreeProducts(const cublaslt::Library& library, Cuda& cuda);
    void make(const FreeProduct& product, Plan& plan);
    void check(cublaslt::Status status, const char* what) const;

    const cublaslt::Library& library_;
    Cuda& cuda_;
    cublaslt::Handle handle_ = nullptr;
    void* workspace_ = nullptr;
    std::map<FreeProduct, Plan> plans_;
};

} // namespace gimbal
