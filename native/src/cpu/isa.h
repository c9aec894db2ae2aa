// Which instruction set the CPU backend runs on.
#pragma once

#include <string>

namespace gimbal {

// "x86-64-v4+bf16", "x86-64-v4", "x86-64-v3" or "portable": the best that the processor has, or what GIMBAL_CPU_ISA (v4,
// v3, portable) asks for, if the processor has it.
const char* isa_name();

// The chosen set is x86-64-v4+bf16: its products of bfloat16 use vdpbf16ps, which gave the bits of its emulation at load.
bool has_pair_product();

std::string processor_name();

} // namespace gimbal
