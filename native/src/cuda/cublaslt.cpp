#include "cuda/cublaslt.h"

#include "cuda/cuda.h"
#include "cuda/library.h"
#include "status.h"

#include <mutex>
#include <string>

namespace gimbal {

namespace cublaslt {
namespace {

#if defined(_WIN32)
constexpr const char* kSystemLibraries[] = {"cublasLt64_13.dll", "cublasLt64_12.dll"};
#else
constexpr const char* kSystemLibraries[] = {"libcublasLt.so.13", "libcublasLt.so.12"};
#endif

void* find_library(std::string& name, std::string& why) {
    if (const char* named = environment("GIMBAL_CUBLASLT")) return open_library((name = named).c_str(), why);
    if (environment("GIMBAL_CUDA_DRIVER") != nullptr) return nullptr;
    for (const char* known : kSystemLibraries)
        if (void* library = open_library((name = known).c_str(), why)) return library;
    name.clear();
    return nullptr;
}

Library functions_of(void* library, const std::string& name) {
    const auto resolve = [&](const char* symbol) {
        void* function = find_symbol(library, symbol);
        if (function == nullptr)
            throw Error(GB_UNSUPPORTED, name + " has no " + symbol + "; wanted cuBLASLt of CUDA 12 or later");
        return function;
    };
    Library functions;
#define GB_CUBLASLT(symbol, name, parameters) functions.name = reinterpret_cast<Status(*) parameters>(resolve(#symbol));
    GB_CUBLASLT_FUNCTIONS
#undef GB_CUBLASLT
    return functions;
}

} // namespace

// A library that was asked for and cannot be used is an error; absence is not.
const Library* Library::get() {
    static std::mutex mutex;
    static std::map<std::string, Library> libraries;
    const std::lock_guard lock(mutex);
    std::string name, why;
    void* library = find_library(name, why);
    if (library == nullptr && name.empty()) return nullptr;
    if (library == nullptr)
        throw Error(GB_UNSUPPORTED, "no cuBLASLt: " + why + "; let GIMBAL_CUBLASLT name one of CUDA 12, or unset it");
    const auto known = libraries.find(name);
    return known != libraries.end() ? &known->second
                                    : &libraries.emplace(name, functions_of(library, name)).first->second;
}

} // namespace cublaslt

using namespace cublaslt;

namespace {

constexpr std::size_t kWorkspaceBytes = 32 << 20;
constexpr uint32_t kAlignment = 16; // of every matrix and row; what is less aligned goes to the engine's kernels

DataType type_of(gb_dtype dtype) {
    return dtype == GB_BFLOAT16 ? kBFloat16 : kFloat32;
}

bool is_aligned(const void* data, int64_t stride, gb_dtype dtype) {
    const int64_t bytes = dtype == GB_BFLOAT16 ? 2 : 4;
    return reinterpret_cast<std::uintptr_t>(data) % kAlignment == 0 && stride * bytes % kAlignment == 0;
}

} // namespace

std::unique_ptr<FreeProducts> FreeProducts::open(Cuda& cuda) {
    const Library* library = Library::get();
    return library == nullptr ? nullptr : std::unique_ptr<FreeProducts>(new FreeProducts(*library, cuda));
}

FreeProducts::FreeProducts(const Library& library, Cuda& cuda) : library_(library), cuda_(cuda) {
    workspace_ = cuda.allocate(kWorkspaceBytes);
    check(library_.create(&handle_), "cublasLtCreate");
}

// Nothing here can be mended, so results are not looked at.
FreeProducts::~FreeProducts() {
    for (const auto& [product, plan] : plans_) {
        for (const Layout layout : {plan.a, plan.b, plan.c})
            if (layout != nullptr) library_.layout_destroy(layout);
        if (plan.operation != nullptr) library_.operation_destroy(plan.operation);
    }
    if (handle_ != nullptr) library_.destroy(handle_);
    try {
        cuda_.free(workspace_);
    } catch (const Error&) {
        // The device is lost, and its memory with it.
    }
}

void FreeProducts::check(Status status, const char* what) const {
    if (status != kSuccess)
        throw Error(status == kAllocationFailed ? GB_OUT_OF_MEMORY : GB_INTERNAL,
                    std::string(what) + ": cuBLAS status " + std::to_string(status));
}

// cuBLASLt's matrices have their columns contiguous, so a row-major matrix is the transposed one there, and the product
// C^T = op(B)^T op(A)^T: B comes first, and each operand is transposed if it was.
void FreeProducts::make(const FreeProduct& p, Plan& plan) {
    const auto layout = [&](Layout& made, gb_dtype dtype, int64_t rows, int64_t columns, int64_t stride) {
        check(library_.layout_create(&made, type_of(dtype), static_cast<uint64_t>(columns), static_cast<uint64_t>(rows),
                                     stride),
              "cublasLtMatrixLayoutCreate");
    };
    check(library_.operation_create(&plan.operation, kCompute32F, kFloat32), "cublasLtMatmulDescCreate");
    const auto transpose = [&](OperationAttribute attribute, bool transposed) {
        const Transposition value = transposed ? kTransposed : kAsItLies;
        check(library_.operation_set(plan.operation, attribute, &value, sizeof value),
              "cublasLtMatmulDescSetAttribute");
    };
    transpose(kTransposeA, p.trans_b);
    transpose(kTransposeB, p.trans_a);
    layout(plan.a, p.ab, p.trans_b ? p.n : p.k, p.trans_b ? p.k : p.n, p.ldb);
    layout(plan.b, p.ab, p.trans_a ? p.k : p.m, p.trans_a ? p.m : p.k, p.lda);
    layout(plan.c, p.c, p.m, p.n, p.ldc);

    Preference preference = nullptr;
    check(library_.preference_create(&preference), "cublasLtMatmulPreferenceCreate");
    library_.preference_set(preference, kMostWorkspace, &kWorkspaceBytes, sizeof kWorkspaceBytes);
    for (const PreferenceAttribute matrix : {kAlignmentA, kAlignmentB, kAlignmentC, kAlignmentD})
        library_.preference_set(preference, matrix, &kAlignment, sizeof kAlignment);
    int found = 0;
    const Status status =
        library_.heuristic(handle_, plan.operation, plan.a, plan.b, plan.c, plan.c, preference, 1, &plan.way, &found);
    library_.preference_destroy(preference);
    if (status != kNotSupported) check(status, "cublasLtMatmulAlgoGetHeuristic");
    plan.exists = status == kSuccess && found > 0 && plan.way.state == kSuccess;
}

bool FreeProducts::multiply(const FreeProduct& p, const void* a, const void* b, void* c) {
    if (p.m == 0 || p.n == 0 || p.k == 0) return false;
    if (!is_aligned(a, p.lda, p.ab) || !is_aligned(b, p.ldb, p.ab) || !is_aligned(c, p.ldc, p.c)) return false;
    const auto [place, is_new] = plans_.try_emplace(p);
    Plan& plan = place->second;
    if (is_new) make(p, plan);
    if (!plan.exists) return false;
    const float one = 1.0f, kept = p.accumulate ? 1.0f : 0.0f;
    check(library_.matmul(handle_, plan.operation, &one, b, plan.a, a, plan.b, &kept, c, plan.c, c, plan.c,
                          &plan.way.algorithm, workspace_, kWorkspaceBytes, cuda_.stream()),
          "cublasLtMatmul");
    return true;
}

} // namespace gimbal
