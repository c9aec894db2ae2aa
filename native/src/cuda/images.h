// The compiled kernels: those that the library carries, or, for who works on them, files of a folder.
#pragma once

#include <string>

namespace gimbal {

// PTX of kernels/<file>.cu, zero-terminated, from the library; null if there is no such file.
const char* kernel_image(const char* file);

// What the driver is given for kernels/<file>.cu: <file>.cubin or <file>.ptx of the folder that GIMBAL_CUDA_KERNELS
// names, else the PTX of the library. Throws GB_INTERNAL if there is neither.
class KernelImage {
public:
    explicit KernelImage(const std::string& file);
    const void* data() const { return embedded_ != nullptr ? embedded_ : read_.c_str(); }

private:
    const char* embedded_ = nullptr;
    std::string read_;
};

} // namespace gimbal
