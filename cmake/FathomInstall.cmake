# What an installation holds: program, libraries, headers, suites, pkg-config and CMake package files.
include(CMakePackageConfigHelpers)

install(TARGETS fathom fathom_cli EXPORT fathomTargets
        RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS robotracer EXPORT robotracerTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES ${PROJECT_SOURCE_DIR}/include/robotracer.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/fathom DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/results/published/ DESTINATION ${CMAKE_INSTALL_DATADIR}/fathom/published
        FILES_MATCHING PATTERN "*.csv")
install(DIRECTORY ${PROJECT_SOURCE_DIR}/suites/ DESTINATION ${CMAKE_INSTALL_DATADIR}/fathom/suites
        FILES_MATCHING PATTERN "suite.yaml" PATTERN "README.md")

install(DIRECTORY ${PROJECT_SOURCE_DIR}/models/ DESTINATION ${CMAKE_INSTALL_DATADIR}/fathom/models
        FILES_MATCHING PATTERN "*.json" PATTERN "*.safetensors" PATTERN "*.txt" PATTERN "README.md")

# find_package(fathom) gives fathom::fathom.
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/fathom)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/fathomConfig.cmake.in
    ${PROJECT_BINARY_DIR}/generated/fathomConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/generated/fathomConfigVersion.cmake
    COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/generated/fathomConfig.cmake
              ${PROJECT_BINARY_DIR}/generated/fathomConfigVersion.cmake DESTINATION ${package_dir})
install(EXPORT fathomTargets NAMESPACE fathom:: DESTINATION ${package_dir})

# find_package(robotracer) gives fathom::robotracer, which needs nothing else.
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/robotracer)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/generated/robotracerConfigVersion.cmake
    COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/generated/robotracerConfigVersion.cmake DESTINATION ${package_dir})
install(EXPORT robotracerTargets NAMESPACE fathom:: FILE robotracerConfig.cmake DESTINATION ${package_dir})

# pkg-config fathom and robotracer; fathom with --static what the library itself needs. The paths follow the prefix of the installation, so
# that `cmake --install --prefix` works; a LIBDIR outside the prefix stays as it is.
file(RELATIVE_PATH pc_to_prefix "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
configure_file(${PROJECT_SOURCE_DIR}/cmake/fathom.pc.in ${PROJECT_BINARY_DIR}/generated/fathom.pc @ONLY)
configure_file(${PROJECT_SOURCE_DIR}/cmake/robotracer.pc.in ${PROJECT_BINARY_DIR}/generated/robotracer.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/generated/fathom.pc ${PROJECT_BINARY_DIR}/generated/robotracer.pc
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
