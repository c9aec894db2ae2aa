# cmake -P eng/Format.cmake: formats the C# (dotnet format) and, where clang-format is installed, the C++.
get_filename_component(root ${CMAKE_CURRENT_LIST_DIR} DIRECTORY)
execute_process(COMMAND dotnet format ${root}/Engine.sln COMMAND_ERROR_IS_FATAL ANY)

find_program(clang_format clang-format)
if(NOT clang_format)
  message(WARNING "clang-format is not installed: the C++ files are left as they are")
  return()
endif()
file(GLOB_RECURSE sources ${root}/native/*.cpp ${root}/native/*.h ${root}/kernels/*.h ${root}/kernels/*.cu)
execute_process(COMMAND ${clang_format} -i ${sources} COMMAND_ERROR_IS_FATAL ANY)
