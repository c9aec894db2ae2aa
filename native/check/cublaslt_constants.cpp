// Compares our own declarations of cuBLASLt with its real header, where a toolkit is at hand. Compiled, never run:
//   g++ -std=c++20 -fsyntax-only -Inative/include -Inative/src -I$CUDA_HOME/include native/check/cublaslt_constants.cpp
#include "cuda/cublaslt.h"
#include "same.h"

#include <cublasLt.h>

namespace gimbal::cublaslt {

GB_SAME(kSuccess, CUBLAS_STATUS_SUCCESS);
GB_SAME(kAllocationFailed, CUBLAS_STATUS_ALLOC_FAILED);
GB_SAME(kInvalidValue, CUBLAS_STATUS_INVALID_VALUE);
GB_SAME(kNotSupported, CUBLAS_STATUS_NOT_SUPPORTED);
GB_SAME(kCompute32F, CUBLAS_COMPUTE_32F);
GB_SAME(kFloat32, CUDA_R_32F);
GB_SAME(kBFloat16, CUDA_R_16BF);
GB_SAME(kAsItLies, CUBLAS_OP_N);
GB_SAME(kTransposed, CUBLAS_OP_T);
GB_SAME(kTransposeA, CUBLASLT_MATMUL_DESC_TRANSA);
GB_SAME(kTransposeB, CUBLASLT_MATMUL_DESC_TRANSB);
GB_SAME(kMostWorkspace, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES);
GB_SAME(kAlignmentA, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES);
GB_SAME(kAlignmentB, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES);
GB_SAME(kAlignmentC, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES);
GB_SAME(kAlignmentD, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES);
GB_SAME(sizeof(Algorithm), sizeof(cublasLtMatmulAlgo_t));
GB_SAME(sizeof(Heuristic), sizeof(cublasLtMatmulHeuristicResult_t));
GB_SAME(offsetof(Heuristic, workspace), offsetof(cublasLtMatmulHeuristicResult_t, workspaceSize));
GB_SAME(offsetof(Heuristic, state), offsetof(cublasLtMatmulHeuristicResult_t, state));

#define GB_CUBLASLT(symbol, name, parameters)                                                                          \
    static_assert(Parameters<decltype(Library::name)>::Match<decltype(&::symbol)>::value, #symbol);
GB_CUBLASLT_FUNCTIONS
#undef GB_CUBLASLT

} // namespace gimbal::cublaslt
