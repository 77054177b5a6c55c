# Third-party libraries, all from Debian's packages (scripts/lib/packages lists them).
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(ZLIB REQUIRED)
pkg_check_modules(CJSON REQUIRED IMPORTED_TARGET libcjson)
pkg_check_modules(YAML REQUIRED IMPORTED_TARGET yaml-0.1)
pkg_check_modules(SPNG REQUIRED IMPORTED_TARGET spng)
pkg_check_modules(DEFLATE REQUIRED IMPORTED_TARGET libdeflate)
pkg_check_modules(WEBP REQUIRED IMPORTED_TARGET libwebp)
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(MICROHTTPD REQUIRED IMPORTED_TARGET libmicrohttpd)
pkg_check_modules(SNAPPY REQUIRED IMPORTED_TARGET snappy)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(LZ4 REQUIRED IMPORTED_TARGET liblz4)
pkg_check_modules(BROTLI REQUIRED IMPORTED_TARGET libbrotlidec)
pkg_check_modules(CRYPTO REQUIRED IMPORTED_TARGET libcrypto)
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)
find_path(STB_INCLUDE_DIR stb_image.h PATH_SUFFIXES stb REQUIRED)
# oneDNN is opened at run time, by who asks for it; what calls it is built where the headers of oneDNN 2 are.
if(FATHOM_ONEDNN)
    include(CheckCSourceCompiles)
    find_path(ONEDNN_INCLUDE_DIR dnnl.h)
    set(CMAKE_REQUIRED_INCLUDES ${ONEDNN_INCLUDE_DIR})
    check_c_source_compiles("#include <dnnl.h>
        #if DNNL_VERSION_MAJOR != 2
        #error
        #endif
        int main(void) { return dnnl_BA16a16b == dnnl_BA16a16b2a; }" FATHOM_HAS_ONEDNN)
    unset(CMAKE_REQUIRED_INCLUDES)
endif()
if(FATHOM_BUILD_TESTS)
    pkg_check_modules(CRITERION REQUIRED IMPORTED_TARGET criterion)
endif()
