/* Kernels whose products of f32 and bf16 are oneDNN's (its matmul), over the same panels: of whole blocks
 * of columns they are what it calls BA16a16b and BA16a16b2a. All else, and products that it would make slowly,
 * are the best other table's (of attention, what the weights' kind makes products of f32 is its own as well). Each of the pool's threads asks for its own part, and oneDNN takes no more. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/kernels_tables.h"
#include "engine/onednn.h"

/* ---- the library ---- */

static struct {
    pthread_once_t once;
    const rt_onednn *found;
    rt_onednn functions;
} library = {.once = PTHREAD_ONCE_INIT};

static void open_library(void)
{
    void *handle = dlopen("libdnnl.so.2", RTLD_NOW | RTLD_LOCAL);
    rt_onednn *f = &library.functions;
    bool whole = handle != NULL;

#define FIND(name)                                                                                 \
    *(void **)&f->name = whole ? dlsym(handle, #name) : NULL;                                      \
    whole = whole && f->name;
    RT_ONEDNN_FUNCTIONS(FIND)
    FIND(omp_get_max_threads)
    FIND(omp_set_num_threads)
#undef FIND
    if (whole)
        library.found = f;
    else if (handle)
        dlclose(handle);
}

const rt_onednn *rt_onednn_open(void)
{
    pthread_once(&library.once, open_library);
    return library.found;
}

/* ---- one product ---- */

/* Rows and floats of a result at a time: oneDNN writes rows that follow each other, and these are copied to
 * where they belong from a near cache. Of fewer columns than LEAST_K it takes longer to ask for a product than
 * to make it. */
enum { STRIP_ROWS = 128, STRIP_FLOATS = 16384, LEAST_K = 128 };

/* Of one thread. */
typedef struct {
    dnnl_stream_t stream;
    void *rows; /* of activations, as oneDNN is to have them */
    size_t n_bytes;
} workplace;

static struct {
    pthread_once_t once;
    const rt_onednn *dnn;
    const rt_kernels *other;
    dnnl_engine_t engine;
    pthread_key_t workplace;
    rt_kernels table;
    char version[32]; /* with its version, on which results depend */
    bool usable;
} own = {.once = PTHREAD_ONCE_INIT};

static void leave_workplace(void *given)
{
    workplace *w = given;

    if (w->stream)
        own.dnn->dnnl_stream_destroy(w->stream);
    free(w->rows);
    free(w);
}

static workplace *workplace_of_thread(void)
{
    workplace *w = pthread_getspecific(own.workplace);

    if (w)
        return w;
    w = calloc(1, sizeof(*w));
    if (w && (own.dnn->dnnl_stream_create(&w->stream, own.engine, dnnl_stream_default_flags) !=
                  dnnl_success ||
              pthread_setspecific(own.workplace, w) != 0)) {
        leave_workplace(w);
        return NULL;
    }
    return w;
}

/* Room for so many bytes, which last until the next call. */
static void *rows_of(workplace *w, size_t n_bytes)
{
    if (w->n_bytes < n_bytes) {
        free(w->rows);
        w->rows = aligned_alloc(64, (n_bytes + 63) / 64 * 64);
        w->n_bytes = w->rows ? n_bytes : 0;
    }
    return w->rows;
}

typedef struct {
    bool bf16; /* x and w; the result is f32 */
    size_t m, k, n;
    const void *x, *w;
    float *out; /* [m][n] */
} piece;

static dnnl_status_t describe(const piece *p, dnnl_memory_desc_t descs[3],
                              dnnl_primitive_desc_t *out)
{
    dnnl_data_type_t type = p->bf16 ? dnnl_bf16 : dnnl_f32;
    dnnl_dims_t dims[3] = {{(dnnl_dim_t)p->m, (dnnl_dim_t)p->k},
                           {(dnnl_dim_t)p->k, (dnnl_dim_t)p->n},
                           {(dnnl_dim_t)p->m, (dnnl_dim_t)p->n}};
    dnnl_matmul_desc_t what;
    dnnl_status_t st = own.dnn->dnnl_memory_desc_init_by_tag(&descs[0], 2, dims[0], type, dnnl_ab);

    if (st == dnnl_success)
        st = own.dnn->dnnl_memory_desc_init_by_tag(&descs[1], 2, dims[1], type,
                                                   p->bf16 ? dnnl_BA16a16b2a : dnnl_BA16a16b);
    if (st == dnnl_success)
        st = own.dnn->dnnl_memory_desc_init_by_tag(&descs[2], 2, dims[2], dnnl_f32, dnnl_ab);
    if (st == dnnl_success)
        st = own.dnn->dnnl_matmul_desc_init(&what, &descs[0], &descs[1], NULL, &descs[2]);
    return st == dnnl_success
               ? own.dnn->dnnl_primitive_desc_create(out, &what, NULL, own.engine, NULL)
               : st;
}

/* Its blocked products, and not the plain loops that it has for all else; nor those of AMX, which cut their
 * columns by how many rows there are. */
static bool is_fast(dnnl_primitive_desc_t described)
{
    const char *name = "";

    return own.dnn->dnnl_primitive_desc_query(described, dnnl_query_impl_info_str, 0,
                                              (void *)&name) == dnnl_success &&
           strncmp(name, "brg", 3) == 0 && !strstr(name, "amx");
}

static dnnl_status_t execute(const workplace *w, const piece *p, const dnnl_memory_desc_t descs[3],
                             dnnl_primitive_t product)
{
    void *data[3] = {(void *)(uintptr_t)p->x, (void *)(uintptr_t)p->w, p->out};
    dnnl_memory_t memories[3] = {0};
    dnnl_status_t st = dnnl_success;

    for (int i = 0; i < 3 && st == dnnl_success; i++)
        st = own.dnn->dnnl_memory_create(&memories[i], &descs[i], own.engine, data[i]);
    if (st == dnnl_success)
        st = own.dnn->dnnl_primitive_execute(product, w->stream, 3,
                                             (dnnl_exec_arg_t[]){{DNNL_ARG_SRC, memories[0]},
                                                                 {DNNL_ARG_WEIGHTS, memories[1]},
                                                                 {DNNL_ARG_DST, memories[2]}});
    if (st == dnnl_success)
        st = own.dnn->dnnl_stream_wait(w->stream);
    for (int i = 0; i < 3; i++)
        own.dnn->dnnl_memory_destroy(memories[i]);
    return st;
}

/* False: oneDNN has no such product, or no memory. It keeps products that it has made, so that the next of
 * the same sizes costs some microseconds. */
static bool multiply_piece(const workplace *w, const piece *p)
{
    dnnl_memory_desc_t descs[3];
    dnnl_primitive_desc_t described = NULL;
    dnnl_primitive_t product = NULL;
    bool done = describe(p, descs, &described) == dnnl_success && is_fast(described) &&
                own.dnn->dnnl_primitive_create(&product, described) == dnnl_success &&
                execute(w, p, descs, product) == dnnl_success;

    own.dnn->dnnl_primitive_destroy(product);
    own.dnn->dnnl_primitive_desc_destroy(described);
    return done;
}

/* ---- the table ---- */

/* Activations as oneDNN takes them: rows that follow each other. */
static const void *put_rows(workplace *w, const uint8_t *x, size_t stride, size_t m, size_t bytes)
{
    if (stride == bytes || m == 1)
        return x;
    uint8_t *rows = rows_of(w, m * bytes);

    for (size_t j = 0; rows && j < m; j++)
        memcpy(rows + j * bytes, x + j * stride, bytes);
    return rows;
}

/* A strip of rows with all panels; `p` has its m, k and x, of f32 or bf16. */
static bool multiply_strip(const workplace *w, piece p, float *out, size_t ldo,
                           const uint8_t *panels, size_t n_panels)
{
    float result[STRIP_FLOATS] __attribute__((aligned(64)));
    size_t together = STRIP_FLOATS / RT_PANEL / p.m;
    size_t panel_bytes = rt_panel_bytes(p.bf16 ? RT_PACK_BF16 : RT_PACK_F32, p.k);

    for (size_t first = 0; first < n_panels; first += together) {
        size_t some = n_panels - first < together ? n_panels - first : together;
        float *to = out + first * RT_PANEL;

        p.n = some * RT_PANEL;
        p.w = panels + first * panel_bytes;
        p.out = p.m == 1 || ldo == p.n ? to : result;
        if (!multiply_piece(w, &p))
            return false;
        for (size_t j = 0; p.out == result && j < p.m; j++)
            memcpy(to + j * ldo, result + j * p.n, p.n * sizeof(*result));
    }
    return true;
}

static bool multiply_strips(workplace *w, bool bf16, float *out, size_t ldo, const void *x,
                            size_t ldx, size_t m, size_t k, const void *panels, size_t n_panels)
{
    size_t size = bf16 ? sizeof(uint16_t) : sizeof(float);

    for (size_t j = 0; j < m; j += STRIP_ROWS) {
        piece p = {.bf16 = bf16, .m = m - j < STRIP_ROWS ? m - j : STRIP_ROWS, .k = k};

        p.x = put_rows(w, (const uint8_t *)x + j * ldx * size, ldx * size, p.m, k * size);
        if (!p.x || !multiply_strip(w, p, out + j * ldo, ldo, panels, n_panels))
            return false;
    }
    return true;
}

/* False: it is not done. Whether oneDNN makes a product depends on the columns alone, so that a row comes out
 * alike whatever it is multiplied with; all of its products sum in one order, whatever their rows and panels. */
static bool multiply(bool bf16, float *out, size_t ldo, const void *x, size_t ldx, size_t m,
                     size_t k, const void *panels, size_t n_panels)
{
    workplace *w = k >= LEAST_K && k % (bf16 ? 32 : 16) == 0 ? workplace_of_thread() : NULL;

    if (!w)
        return false;
    /* The caller's thread is among the pool's, and may have OpenMP for other work. */
    int threads = own.dnn->omp_get_max_threads();
    own.dnn->omp_set_num_threads(1);
    bool done = multiply_strips(w, bf16, out, ldo, x, ldx, m, k, panels, n_panels);
    own.dnn->omp_set_num_threads(threads);
    return done;
}

static void product_f32(float *out, size_t ldo, const float *x, size_t ldx, size_t m, size_t k,
                        const void *panels, size_t n_panels)
{
    if (!multiply(false, out, ldo, x, ldx, m, k, panels, n_panels))
        own.other->product[RT_PACK_F32](out, ldo, x, ldx, m, k, panels, n_panels);
}

static void product_rounded(float *out, size_t ldo, const uint16_t *x, size_t ldx, size_t m,
                            size_t k, const void *panels, size_t n_panels)
{
    if (!multiply(true, out, ldo, x, ldx, m, k, panels, n_panels))
        own.other->product_rounded(out, ldo, x, ldx, m, k, panels, n_panels);
}

/* By trying: a process that may not make code has no products of oneDNN's. 32 rows, as AMX, which is_fast()
 * refuses, leaves fewer to others. */
static bool makes(bool bf16)
{
    enum { M = 32, K = 128, N = RT_PANEL };
    static const float x[M * K], w[K * N];
    float out[M * N];
    const piece p = {.bf16 = bf16, .m = M, .k = K, .n = N, .x = x, .w = w, .out = out};
    const workplace *place = workplace_of_thread();

    return place && multiply_piece(place, &p);
}

static void make_table(void)
{
    own.dnn = rt_onednn_open();
    own.other = rt_kernels_choose(NULL);
    if (!own.dnn || own.dnn->dnnl_engine_create(&own.engine, dnnl_cpu, 0) != dnnl_success ||
        pthread_key_create(&own.workplace, leave_workplace) != 0)
        return;
    const dnnl_version_t *version = own.dnn->dnnl_version();
    snprintf(own.version, sizeof(own.version), "%d.%d.%d", version->major, version->minor,
             version->patch);
    own.table = *own.other;
    own.table.name = "onednn";
    own.table.version = own.version;
    own.usable = makes(false);
    own.table.product[RT_PACK_F32] = product_f32;
    if (own.table.product_rounded && makes(true))
        own.table.product_rounded = product_rounded;
}

const rt_kernels *rt_kernels_onednn(void)
{
    pthread_once(&own.once, make_table);
    return own.usable ? &own.table : NULL;
}
