# The one place where compiler flags are decided, and the functions by which the folders declare what they are.

add_library(fathom_flags INTERFACE)
target_compile_options(fathom_flags INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wstrict-prototypes -Wmissing-prototypes
    -Wpointer-arith -Wcast-qual -Wwrite-strings -Wundef -Wvla -Wformat=2
    # Results must not depend on whether the compiler fuses a multiplication and an addition.
    -ffp-contract=off -fno-math-errno -fno-trapping-math -fstack-protector-strong)
target_compile_definitions(fathom_flags INTERFACE _GNU_SOURCE
    $<$<CONFIG:Release>:_FORTIFY_SOURCE=2>)
target_include_directories(fathom_flags INTERFACE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}
                           ${PROJECT_BINARY_DIR}/generated)
if(FATHOM_WERROR)
    target_compile_options(fathom_flags INTERFACE -Werror)
endif()
if(FATHOM_SANITIZE)
    target_compile_options(fathom_flags INTERFACE -fsanitize=${FATHOM_SANITIZE} -fno-omit-frame-pointer
                           -fno-sanitize-recover=all)
    target_link_options(fathom_flags INTERFACE -fsanitize=${FATHOM_SANITIZE})
endif()
if(FATHOM_COVERAGE)
    target_compile_options(fathom_flags INTERFACE --coverage)
    target_link_options(fathom_flags INTERFACE --coverage)
endif()
if(FATHOM_FUZZ)
    target_compile_options(fathom_flags INTERFACE -fsanitize=fuzzer-no-link,address,undefined
                           -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(fathom_flags INTERFACE -fsanitize=address,undefined)
endif()

# The assertion macros of Criterion convert freely; the tests' own warnings stay on. A target of its own because
# a program's own options would come before those of fathom_flags, which would switch the warnings on again.
add_library(fathom_test_flags INTERFACE)
target_compile_options(fathom_test_flags INTERFACE -Wno-conversion -Wno-pedantic -Wno-cast-qual
                       -Wno-write-strings -Wno-string-concatenation)

# fathom_module(<name> SOURCES ... [LINKS ...])
# A folder under src/, adapters/ or suites/: an object library that ends up in libfathom.
# LINKS names third-party targets only; which module may include which is held by tests/check/layers.
function(fathom_module name)
    cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
    if(NOT ARG_SOURCES)
        return()
    endif()
    add_library(fathom_${name} OBJECT ${ARG_SOURCES})
    target_link_libraries(fathom_${name} PRIVATE fathom_flags ${ARG_LINKS})
    set_property(GLOBAL APPEND PROPERTY FATHOM_MODULES fathom_${name})
    set_property(GLOBAL APPEND PROPERTY FATHOM_LINKS ${ARG_LINKS})
endfunction()

# fathom_test(<name> SOURCES ... [LABEL unit])   A Criterion test program.
# It leaves its report beside itself as <name>.tap, from which scripts/lib/count-tests counts; the file is there from
# the start, so that a program which ends before it reports is not taken for one that has nothing to report.
function(fathom_test name)
    cmake_parse_arguments(ARG "" "LABEL" "SOURCES" ${ARGN})
    if(NOT ARG_LABEL)
        set(ARG_LABEL unit)
    endif()
    if(FATHOM_FUZZ OR FATHOM_SANITIZE MATCHES thread)
        return() # Criterion does not run under ThreadSanitizer: fathom_stress has what does.
    endif()
    add_executable(${name} ${ARG_SOURCES})
    target_link_libraries(${name} PRIVATE fathom_flags fathom_test_flags fathom PkgConfig::CRITERION)
    target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
    add_test(NAME ${name} COMMAND ${name} --tap=${PROJECT_BINARY_DIR}/tests/${name}.tap)
    file(APPEND ${PROJECT_BINARY_DIR}/tests/${name}.tap "")
    set_tests_properties(${name} PROPERTIES LABELS ${ARG_LABEL})
endfunction()

# fathom_stress(<name> SOURCES ...)   A test program with its own main, which runs under ThreadSanitizer too.
function(fathom_stress name)
    cmake_parse_arguments(ARG "" "" "SOURCES" ${ARGN})
    if(FATHOM_FUZZ)
        return()
    endif()
    add_executable(${name} ${ARG_SOURCES})
    target_link_libraries(${name} PRIVATE fathom_flags fathom)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES LABELS stress)
endfunction()

# fathom_check(<name> SCRIPT <file> [LABEL check] [SANITIZED])
# A script that holds something about the tree or the program. Exit status 77 and a line "skipped: <reason>" say that
# it cannot run here. SANITIZED: it runs the program for the sanitizers to watch, so it belongs to their presets too.
function(fathom_check name)
    cmake_parse_arguments(ARG "SANITIZED" "SCRIPT;LABEL" "" ${ARGN})
    if(NOT ARG_LABEL)
        set(ARG_LABEL check)
    endif()
    if(FATHOM_FUZZ OR ((FATHOM_SANITIZE OR FATHOM_COVERAGE) AND NOT ARG_SANITIZED))
        return() # What it holds does not depend on how the code was instrumented.
    endif()
    add_test(NAME ${name} COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/${ARG_SCRIPT})
    set_tests_properties(${name} PROPERTIES LABELS ${ARG_LABEL} SKIP_RETURN_CODE 77)
endfunction()

# What holds for every test of a folder, once all of them are declared. Criterion passes a test whose process
# LeakSanitizer then complains about, so the words of a sanitizer fail a test whatever its status was; where a program
# under test has its output caught, the exit status 99, which no table of ours has, tells the same.
function(fathom_tests_finish)
    get_property(tests DIRECTORY PROPERTY TESTS)
    if(NOT tests)
        return()
    endif()
    set_property(TEST ${tests} PROPERTY FAIL_REGULAR_EXPRESSION
        "(ERROR|WARNING|SUMMARY): [A-Za-z]*Sanitizer" "runtime error: ")
    set_property(TEST ${tests} APPEND PROPERTY ENVIRONMENT
        "FATHOM_BIN=${PROJECT_BINARY_DIR}/bin/fathom" "FATHOM_SOURCE_DIR=${PROJECT_SOURCE_DIR}"
        "FATHOM_BUILD_DIR=${PROJECT_BINARY_DIR}"
        "ASAN_OPTIONS=exitcode=99:detect_stack_use_after_return=1:strict_string_checks=1"
        "LSAN_OPTIONS=exitcode=99" "UBSAN_OPTIONS=exitcode=99:print_stacktrace=1"
        "TSAN_OPTIONS=exitcode=99:halt_on_error=1")
endfunction()

# fathom_fuzz(<name> SOURCES ... CORPUS <dir>)
# With FATHOM_FUZZ a libFuzzer program; always a program that replays the committed corpus as an ordinary test.
function(fathom_fuzz name)
    cmake_parse_arguments(ARG "" "CORPUS" "SOURCES" ${ARGN})
    if(FATHOM_FUZZ)
        add_executable(fuzz_${name} ${ARG_SOURCES})
        target_link_libraries(fuzz_${name} PRIVATE fathom_flags fathom)
        target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
        set_target_properties(fuzz_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/fuzz)
    else()
        add_executable(replay_${name} ${ARG_SOURCES} ${PROJECT_SOURCE_DIR}/tests/fuzz/replay.c)
        target_link_libraries(replay_${name} PRIVATE fathom_flags fathom)
        set_target_properties(replay_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
        add_test(NAME fuzz_replay_${name} COMMAND replay_${name} ${ARG_CORPUS})
        set_tests_properties(fuzz_replay_${name} PROPERTIES LABELS fuzz)
    endif()
endfunction()

# fathom_benchmark(<name> SOURCES ...)   A program that measures; never a test.
function(fathom_benchmark name)
    cmake_parse_arguments(ARG "" "" "SOURCES" ${ARGN})
    add_executable(${name} ${ARG_SOURCES})
    target_link_libraries(${name} PRIVATE fathom_flags fathom)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/benchmarks)
endfunction()

# fathom_embed(<module> <name> FILES ...)   Text files as an array in the module's code: see cmake/EmbedText.cmake.
function(fathom_embed module name)
    cmake_parse_arguments(ARG "" "" "FILES" ${ARGN})
    set(out ${CMAKE_CURRENT_BINARY_DIR}/${name}.c)
    list(TRANSFORM ARG_FILES PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/ OUTPUT_VARIABLE files)
    list(JOIN files "," joined)
    add_custom_command(OUTPUT ${out}
        COMMAND ${CMAKE_COMMAND} -DOUT=${out} -DNAME=${name} -DFILES=${joined} -P ${PROJECT_SOURCE_DIR}/cmake/EmbedText.cmake
        DEPENDS ${files} ${PROJECT_SOURCE_DIR}/cmake/EmbedText.cmake VERBATIM)
    target_sources(fathom_${module} PRIVATE ${out})
endfunction()
