# Writes a source file that embeds the compiled kernels, .ptx and .fatbin files: `kernel_image(name, kind)`
# (src/cuda/images.h) finds them by name and extension.
function(generate_kernel_images output)
  set(declarations "")
  set(entries "")
  foreach(image IN LISTS ARGN)
    get_filename_component(name ${image} NAME_WE)
    get_filename_component(extension ${image} LAST_EXT)
    string(SUBSTRING ${extension} 1 -1 kind)
    set(symbol gb_${kind}_${name})
    if(MSVC)
      # No inline assembler: the bytes themselves.
      file(READ ${image} bytes HEX)
      string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
      string(APPEND declarations "alignas(16) const unsigned char ${symbol}[] = {${bytes}0};\n")
      string(APPEND entries "    {\"${name}\", \"${kind}\", reinterpret_cast<const char*>(${symbol})},\n")
    else()
      string(APPEND declarations
        "asm(\".section .rodata\\n.balign 16\\n.local ${symbol}\\n${symbol}: .incbin \\\"${image}\\\"\\n.byte 0\\n.text\");\n"
        "extern \"C\" const char ${symbol}[];\n")
      string(APPEND entries "    {\"${name}\", \"${kind}\", ${symbol}},\n")
    endif()
  endforeach()
  file(CONFIGURE OUTPUT ${output} @ONLY CONTENT [[
// Generated from the compiled kernels.
#include "cuda/images.h"

#include <cstring>

@declarations@
const char* gimbal::kernel_image(const char* file, const char* kind) {
    static const struct { const char *file, *kind, *image; } kImages[] = {
@entries@    };
    for (const auto& entry : kImages)
        if (std::strcmp(entry.file, file) == 0 && std::strcmp(entry.kind, kind) == 0) return entry.image;
    return nullptr;
}
]])
  set_source_files_properties(${output} PROPERTIES OBJECT_DEPENDS "${ARGN}")
endfunction()
