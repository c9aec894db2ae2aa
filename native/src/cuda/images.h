// The compiled kernels that the library carries.
#pragma once

namespace gimbal {

// PTX of kernels/<file>.cu, zero-terminated; null if there is no such file.
const char* kernel_image(const char* file);

} // namespace gimbal
