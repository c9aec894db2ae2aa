# Writes a source file that embeds PTX files: `kernel_image(name)` (src/cuda/images.h) finds them by name.
function(generate_kernel_images output)
  set(declarations "")
  set(entries "")
  foreach(image IN LISTS ARGN)
    get_filename_component(name ${image} NAME_WE)
    if(MSVC)
      # No inline assembler: the bytes themselves.
      file(READ ${image} bytes HEX)
      string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
      string(APPEND declarations "const unsigned char ptx_${name}[] = {${bytes}0};\n")
      string(APPEND entries "    {\"${name}\", reinterpret_cast<const char*>(ptx_${name})},\n")
    else()
      string(APPEND declarations
        "asm(\".section .rodata\\n.local gb_ptx_${name}\\ngb_ptx_${name}: .incbin \\\"${image}\\\"\\n.byte 0\\n.text\");\n"
        "extern \"C\" const char gb_ptx_${name}[];\n")
      string(APPEND entries "    {\"${name}\", gb_ptx_${name}},\n")
    endif()
  endforeach()
  file(CONFIGURE OUTPUT ${output} @ONLY CONTENT [[
// Generated from kernels/ptx.
#include "cuda/images.h"

#include <cstring>

@declarations@
const char* gimbal::kernel_image(const char* file) {
    static const struct { const char *file, *image; } kImages[] = {
@entries@    };
    for (const auto& entry : kImages)
        if (std::strcmp(entry.file, file) == 0) return entry.image;
    return nullptr;
}
]])
  set_source_files_properties(${output} PROPERTIES OBJECT_DEPENDS "${ARGN}")
endfunction()
