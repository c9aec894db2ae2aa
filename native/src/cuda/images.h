// The compiled kernels: those that the library carries, or, for who works on them, files of a folder.
#pragma once

#include <string>
#include <vector>

namespace gimbal {

// kernels/<file>.cu as the library carries it, zero-terminated: kind "ptx", or "fatbin" for the machine code of the
// usual architectures, which is there if nvcc was when the library was built. Null if there is none.
const char* kernel_image(const char* file, const char* kind);

// What the driver may be given for kernels/<file>.cu, the best first: <file>.cubin or <file>.ptx of the folder that
// GIMBAL_CUDA_KERNELS names, else the library's machine code, then its PTX. Throws GB_INTERNAL if there is nothing.
class KernelImages {
public:
    explicit KernelImages(const std::string& file);
    const std::vector<const char*>& candidates() const { return candidates_; }

private:
    std::string read_;
    std::vector<const char*> candidates_;
};

} // namespace gimbal
