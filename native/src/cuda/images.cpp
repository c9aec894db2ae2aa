#include "cuda/images.h"

#include "status.h"

#include <cstdlib>
#include <fstream>
#include <iterator>

namespace gimbal {

KernelImage::KernelImage(const std::string& file) {
    if (const char* folder = std::getenv("GIMBAL_CUDA_KERNELS"); folder != nullptr && *folder != '\0') {
        for (const char* extension : {".cubin", ".ptx"}) {
            std::ifstream stream(std::string(folder) + "/" + file + extension, std::ios::binary);
            if (!stream) continue;
            read_.assign(std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>());
            return;
        }
    }
    embedded_ = kernel_image(file.c_str());
    if (embedded_ == nullptr) throw Error(GB_INTERNAL, "the library carries no kernels/" + file);
}

} // namespace gimbal
