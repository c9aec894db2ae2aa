# Where nvcc is found, kernels are compiled to machine code of the architectures in use as well, one .fatbin a file: the
# driver then has nothing to compile when a program starts. Any other architecture gets the PTX. GIMBAL_NVCC names the
# compiler; OFF leaves it out.
set(GIMBAL_NVCC "" CACHE STRING "nvcc for the kernels' machine code; empty: looked for, OFF: PTX alone")
set(GIMBAL_ARCHITECTURES 80 86 89 90 CACHE STRING "Compute capabilities of the machine code")

# Sets `output` to the list of .fatbin files that the build makes of kernels/*.cu; empty without nvcc.
function(compile_machine_code output)
  set(${output} "" PARENT_SCOPE)
  if(MSVC OR GIMBAL_NVCC STREQUAL "OFF")
    return() # MSVC embeds bytes that must be there when CMake runs.
  endif()
  set(nvcc ${GIMBAL_NVCC})
  if(NOT nvcc)
    find_program(found_nvcc nvcc HINTS ENV CUDA_HOME ENV CUDA_PATH PATHS /usr/local/cuda PATH_SUFFIXES bin NO_CACHE)
    if(NOT found_nvcc)
      return()
    endif()
    set(nvcc ${found_nvcc})
  endif()
  message(STATUS "machine code of kernels by ${nvcc}: ${GIMBAL_ARCHITECTURES}")
  set(generate "")
  foreach(architecture IN LISTS GIMBAL_ARCHITECTURES)
    list(APPEND generate -gencode arch=compute_${architecture},code=sm_${architecture})
  endforeach()
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/kernels/*.cu)
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/kernels/*.h)
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/machine_code)
  file(MAKE_DIRECTORY ${folder})
  set(made "")
  foreach(source IN LISTS sources)
    get_filename_component(name ${source} NAME_WE)
    add_custom_command(
      OUTPUT ${folder}/${name}.fatbin
      COMMAND ${nvcc} -std=c++20 -O3 -fmad=false ${generate} -I${PROJECT_SOURCE_DIR}/kernels -fatbin
        -o ${folder}/${name}.fatbin ${source}
      DEPENDS ${source} ${headers}
      COMMENT "Machine code of kernels/${name}.cu"
      VERBATIM)
    list(APPEND made ${folder}/${name}.fatbin)
  endforeach()
  set(${output} ${made} PARENT_SCOPE)
endfunction()
