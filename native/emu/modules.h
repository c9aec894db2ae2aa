// Modules: images of PTX whose entries name the kernels that the emulator may run.
#pragma once

#include "driver.h"

#include <memory>
#include <string>
#include <vector>

namespace emu {

struct Module;

struct Function {
    const Kernel* kernel = nullptr;
    unsigned maximum_dynamic_shared = 0;
};

struct Module {
    std::string image;
    std::vector<std::unique_ptr<Function>> functions;
};

std::vector<std::unique_ptr<Module>>& modules();

} // namespace emu
