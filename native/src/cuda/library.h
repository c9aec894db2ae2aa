// Libraries loaded at run time: the CUDA driver and cuBLASLt.
#pragma once

#include <string>

namespace gimbal {

// Null if there is none, and then `why`. A library stays loaded: neither of the two can be unloaded safely.
void* open_library(const char* name, std::string& why);
void* find_symbol(void* library, const char* name);

// The value of an environment variable; null if it is unset or empty.
const char* environment(const char* name);

} // namespace gimbal
