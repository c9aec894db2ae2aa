#include "add.h"
#include "cuda/cuda.h"

namespace gimbal {

void cuda_add(Cuda& cuda, const void* a, const void* b, void* y, int64_t count, gb_dtype a_dtype, gb_dtype b_dtype,
              gb_dtype y_dtype) {
    cuda.launch({"add", "add_kernel"}, cuda.grid_for(count, kAddThreads, 4), kAddThreads,
                AddArguments{a, b, y, count, a_dtype == GB_BFLOAT16, b_dtype == GB_BFLOAT16, y_dtype == GB_BFLOAT16});
}

} // namespace gimbal
