#include "cuda/images.h"

#include "cuda/library.h"
#include "status.h"

#include <fstream>
#include <iterator>

namespace gimbal {

KernelImages::KernelImages(const std::string& file) {
    if (const char* folder = environment("GIMBAL_CUDA_KERNELS")) {
        for (const char* extension : {".cubin", ".ptx"}) {
            std::ifstream stream(std::string(folder) + "/" + file + extension, std::ios::binary);
            if (!stream) continue;
            read_.assign(std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>());
            candidates_.push_back(read_.c_str());
            return;
        }
    }
    for (const char* kind : {"fatbin", "ptx"})
        if (const char* image = kernel_image(file.c_str(), kind)) candidates_.push_back(image);
    if (candidates_.empty()) throw Error(GB_INTERNAL, "the library carries no kernels/" + file);
}

} // namespace gimbal
