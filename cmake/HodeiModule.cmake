# The only way to make a library, a program or a test in this tree.
#
# hodei_module(name DEPS a b LIBS external::target)
#   Builds the sources of the current folder into hodei_<name>. A DEPS entry must be a module that
#   is already defined, so the order of add_subdirectory() lines in src/CMakeLists.txt *is* the
#   architecture: an upward dependency stops configuration with the module's name.
#   Files are found by their names:
#     x.cc            part of the library
#     x_test.cc       part of <name>_test (one binary per module)
#     x_fuzz.cc       a libFuzzer binary of that name (preset "fuzz"); seeds in testdata/x_fuzz/;
#                     may use hodei_<name>_testing
#     x_benchmark.cc  part of <name>_benchmark
#     testing/*.cc    hodei_<name>_testing: the module's fakes and conformance suites; tests and
#                     fuzzers only
#   FOLDERS names folders below this one whose files belong to the module as well.
#   TEST_DEPS names further modules (or their *_testing) that only the tests need.
#
# hodei_program(name SOURCES main.cc DEPS a b LIBS …) makes an executable.

define_property(GLOBAL PROPERTY HODEI_MODULES BRIEF_DOCS "modules defined so far"
                FULL_DOCS "modules defined so far, in order")

function(_hodei_link target scope)
  foreach(dep IN LISTS ARGN)
    if(NOT TARGET hodei_${dep})
      message(FATAL_ERROR "${target} depends on '${dep}', which is not defined before it. "
                          "Arrows point down only: see ARCHITECTURE.md.")
    endif()
    target_link_libraries(${target} ${scope} hodei_${dep})
  endforeach()
endfunction()

function(hodei_module name)
  cmake_parse_arguments(ARG "" "" "DEPS;LIBS;TEST_DEPS;TEST_LIBS;EXCLUDE;FOLDERS" ${ARGN})
  set(dir ${CMAKE_CURRENT_SOURCE_DIR})
  file(GLOB all CONFIGURE_DEPENDS ${dir}/*.cc)
  foreach(folder IN LISTS ARG_FOLDERS)
    file(GLOB inner CONFIGURE_DEPENDS ${dir}/${folder}/*.cc)
    list(APPEND all ${inner})
  endforeach()
  foreach(file IN LISTS ARG_EXCLUDE)
    list(REMOVE_ITEM all ${dir}/${file})
  endforeach()
  set(tests ${all})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  set(fuzzers ${all})
  list(FILTER fuzzers INCLUDE REGEX "_fuzz\\.cc$")
  set(benchmarks ${all})
  list(FILTER benchmarks INCLUDE REGEX "_benchmark\\.cc$")
  set(sources ${all})
  list(FILTER sources EXCLUDE REGEX "_(test|fuzz|benchmark)\\.cc$")

  if(sources)
    add_library(hodei_${name} STATIC ${sources})
    set(scope PUBLIC)
    target_include_directories(hodei_${name} PUBLIC ${PROJECT_SOURCE_DIR}/src)
  else()
    add_library(hodei_${name} INTERFACE)
    set(scope INTERFACE)
    target_include_directories(hodei_${name} INTERFACE ${PROJECT_SOURCE_DIR}/src)
  endif()
  _hodei_link(hodei_${name} ${scope} ${ARG_DEPS})
  target_link_libraries(hodei_${name} ${scope} ${ARG_LIBS})
  set_property(GLOBAL APPEND PROPERTY HODEI_MODULES ${name})
  set_property(GLOBAL PROPERTY HODEI_DIR_${name} ${dir})
  set_property(GLOBAL PROPERTY HODEI_DEPS_${name} "${ARG_DEPS}")

  file(GLOB fakes CONFIGURE_DEPENDS ${dir}/testing/*.cc)
  if(fakes AND (HODEI_TESTS OR HODEI_FUZZ))
    add_library(hodei_${name}_testing STATIC ${fakes})
    target_link_libraries(hodei_${name}_testing PUBLIC hodei_${name} GTest::gmock)
    # What a fuzzer needs of other modules' fakes comes with its own module's.
    foreach(dep IN LISTS ARG_TEST_DEPS)
      if(TARGET hodei_${dep})
        target_link_libraries(hodei_${name}_testing PUBLIC hodei_${dep})
      endif()
    endforeach()
    set_property(GLOBAL PROPERTY HODEI_DEPS_${name}_testing "${name}")
  endif()
  if(tests AND HODEI_TESTS)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE hodei_${name} GTest::gmock GTest::gtest_main ${ARG_TEST_LIBS})
    if(TARGET hodei_${name}_testing)
      target_link_libraries(${name}_test PRIVATE hodei_${name}_testing)
    endif()
    _hodei_link(${name}_test PRIVATE ${ARG_TEST_DEPS})
    target_compile_definitions(${name}_test PRIVATE HODEI_TESTDATA="${dir}/testdata"
                               HODEI_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
    add_test(NAME ${name}_test COMMAND ${name}_test --gtest_brief=1)
    # Sanitized code without optimising takes ten times as long.
    set(timeout 600)
    if(HODEI_SANITIZE)
      set(timeout 2400)
    endif()
    set_tests_properties(${name}_test PROPERTIES TIMEOUT ${timeout}
                         ENVIRONMENT "HODEI_BIN_DIR=${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
  endif()
  if(benchmarks AND HODEI_BENCHMARKS)
    add_executable(${name}_benchmark ${benchmarks})
    target_link_libraries(${name}_benchmark PRIVATE hodei_${name} benchmark::benchmark_main ${ARG_TEST_LIBS})
    _hodei_link(${name}_benchmark PRIVATE ${ARG_TEST_DEPS})
  endif()
  if(HODEI_FUZZ)
    foreach(file IN LISTS fuzzers)
      get_filename_component(fuzzer ${file} NAME_WE)
      add_executable(${fuzzer} ${file})
      target_link_libraries(${fuzzer} PRIVATE hodei_${name} -fsanitize=fuzzer)
      if(TARGET hodei_${name}_testing)
        target_link_libraries(${fuzzer} PRIVATE hodei_${name}_testing)
      endif()
      set_property(GLOBAL APPEND PROPERTY HODEI_FUZZERS ${fuzzer})
      file(APPEND ${CMAKE_BINARY_DIR}/fuzzers.txt "${fuzzer} ${dir}/testdata/${fuzzer}\n")
    endforeach()
  endif()
endfunction()

function(hodei_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;LIBS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/src)
  _hodei_link(${name} PRIVATE ${ARG_DEPS})
  target_link_libraries(${name} PRIVATE ${ARG_LIBS})
endfunction()

# hodei_embed(target symbol file): makes the bytes of `file` available as
# `extern const std::string_view hodei::embedded::symbol` in `target`.
function(hodei_embed target symbol file)
  get_filename_component(path ${file} ABSOLUTE BASE_DIR ${PROJECT_SOURCE_DIR})
  set(out ${CMAKE_CURRENT_BINARY_DIR}/embedded_${symbol}.cc)
  add_custom_command(OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -DINPUT=${path} -DOUTPUT=${out} -DSYMBOL=${symbol}
            -P ${PROJECT_SOURCE_DIR}/cmake/Embed.cmake
    DEPENDS ${path} ${PROJECT_SOURCE_DIR}/cmake/Embed.cmake)
  target_sources(${target} PRIVATE ${out})
endfunction()
