# cmake -DINPUT=x.cu -DOUTPUT=x.cpp -DCOMPILER=g++ -DINCLUDE=kernels -P register.cmake
# Writes a source that includes the kernels of INPUT and registers each under its name. The names are taken from the
# preprocessed text, where host.h leaves a mark instead of __global__: kernels that a macro stamps out are found too.
execute_process(
  COMMAND ${COMPILER} -x c++ -std=c++20 -E -P -DGB_SIMT_HOST -DGB_SIMT_LIST -I${INCLUDE} ${INPUT}
  OUTPUT_VARIABLE text COMMAND_ERROR_IS_FATAL ANY)
string(REGEX REPLACE "[][;]" "," text "${text}") # brackets and semicolons would tear CMake's lists
set(space "[ \t\r\n]")
set(bounds "gb_bounds\\(([^()]*(\\([^()]*\\)[^()]*)*)\\)${space}*")
string(REGEX MATCHALL "gb_global${space}+void${space}+(${bounds})?[A-Za-z_0-9]+${space}*\\(" kernels "${text}")
set(code "// Generated from ${INPUT}: its kernels, compiled for the emulator, and their registration.\n#include \"${INPUT}\"\n\n#include \"registry.h\"\n\nnamespace {\n\n")
foreach(kernel IN LISTS kernels)
  set(limit 1024)
  if(kernel MATCHES "${bounds}")
    set(limit "emu::first_bound(${CMAKE_MATCH_1})")
  endif()
  string(REGEX REPLACE ".*[^A-Za-z_0-9]([A-Za-z_0-9]+)${space}*\\($" "\\1" name "${kernel}")
  string(APPEND code "const emu::Registration register_${name}(emu::describe_kernel<&${name}>(\"${name}\", ${limit}));\n")
endforeach()
string(APPEND code "\n} // namespace\n")
file(WRITE ${OUTPUT} "${code}")
