/**
 * oneDNN 2 as a shared library that is opened where it is there (Debian: libdnnl2, and libdnnl-dev to
 * build): nothing links to it, and its threads are not used.
 */
#ifndef RT_ENGINE_ONEDNN_H
#define RT_ENGINE_ONEDNN_H

#include <dnnl.h>

#if DNNL_VERSION_MAJOR != 2
#error "oneDNN 2 is meant: later ones describe their products otherwise"
#endif

/* What is used of the library, each by its own type. */
#define RT_ONEDNN_FUNCTIONS(X)                                                                     \
    X(dnnl_version)                                                                                \
    X(dnnl_engine_create)                                                                          \
    X(dnnl_engine_destroy)                                                                         \
    X(dnnl_stream_create)                                                                          \
    X(dnnl_stream_wait)                                                                            \
    X(dnnl_stream_destroy)                                                                         \
    X(dnnl_memory_desc_init_by_tag)                                                                \
    X(dnnl_matmul_desc_init)                                                                       \
    X(dnnl_primitive_desc_create)                                                                  \
    X(dnnl_primitive_desc_query)                                                                   \
    X(dnnl_primitive_desc_query_md)                                                                \
    X(dnnl_primitive_desc_destroy)                                                                 \
    X(dnnl_reorder_primitive_desc_create)                                                          \
    X(dnnl_primitive_create)                                                                       \
    X(dnnl_primitive_execute)                                                                      \
    X(dnnl_primitive_destroy)                                                                      \
    X(dnnl_memory_create)                                                                          \
    X(dnnl_memory_set_data_handle)                                                                 \
    X(dnnl_memory_destroy)

typedef struct {
#define RT_ONEDNN_MEMBER(name) __typeof__(name) *name;
    RT_ONEDNN_FUNCTIONS(RT_ONEDNN_MEMBER)
#undef RT_ONEDNN_MEMBER
    /* Of the library's OpenMP: how many threads a product may take that the calling thread asks for. */
    int (*omp_get_max_threads)(void);
    void (*omp_set_num_threads)(int);
} rt_onednn;

/* NULL: it is not there, or is not the one. From any thread. */
const rt_onednn *rt_onednn_open(void);

#endif
