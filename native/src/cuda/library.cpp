#include "cuda/library.h"

#include <cstdlib>

#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#else
#include <dlfcn.h>
#endif

namespace gimbal {

#if defined(_WIN32)
void* open_library(const char* name, std::string& why) {
    void* library = reinterpret_cast<void*>(LoadLibraryA(name));
    if (library == nullptr) why = "error " + std::to_string(GetLastError());
    return library;
}
void* find_symbol(void* library, const char* name) {
    return reinterpret_cast<void*>(GetProcAddress(static_cast<HMODULE>(library), name));
}
#else
void* open_library(const char* name, std::string& why) {
    void* library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) why = dlerror();
    return library;
}
void* find_symbol(void* library, const char* name) {
    return dlsym(library, name);
}
#endif

const char* environment(const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr && *value != '\0' ? value : nullptr;
}

} // namespace gimbal
