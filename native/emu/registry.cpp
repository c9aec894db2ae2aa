// The list of kernels; see registry.h.
#include "registry.h"

#include <cstring>

namespace emu {

namespace {

const Registration* first = nullptr; // filled while the library is loaded

} // namespace

Registration::Registration(const Kernel& k) : kernel(k), next(first) {
    first = this;
}

const Kernel* find_kernel(const char* name) {
    for (const Registration* r = first; r != nullptr; r = r->next)
        if (std::strcmp(r->kernel.name, name) == 0) return &r->kernel;
    return nullptr;
}

} // namespace emu
