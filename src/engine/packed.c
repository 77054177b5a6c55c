/* Owns panels and small vectors, and how a matrix's panels are made on all threads. A row of them is
 * panels.c's, the file packed_file.c's. */
#include "engine/packed.h"

#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/size.h"
#include "engine/packed_file.h"
#include "engine/packed_folder.h"
#include "engine/panels.h"

/* Panels that a thread makes before it lets go of what it read. */
enum { GRAIN = 16 };

static const char *const pack_names[] = {[RT_PACK_F32] = "f32",
                                         [RT_PACK_BF16] = "bf16",
                                         [RT_PACK_Q8] = "q8",
                                         [RT_PACK_Q4] = "q4",
                                         [RT_PACKS] = "as_stored"};

/* Panels of one matrix. */
typedef struct {
    char key[FM_HASH_TEXT_BYTES];
    const void *panels;
    size_t bytes;
    void *own; /* where they are in memory of ours, else NULL */
} packed;

struct rt_packer {
    rt_pack pack_as; /* RT_PACKS: as stored */
    rt_pool *pool;
    fm_arena small;

    packed *all; /* of realloc */
    size_t n, capacity, bytes;
    rt_packer_watch watch; /* NULL: nobody */
    void *watch_context;

    /* Where panels are kept between openings. */
    char path[FM_PATH_BYTES], model[FM_PATH_BYTES]; /* path "": nowhere */
    uint64_t expected_bytes;
    rt_packed_file *file;     /* NULL: none that is whole */
    rt_packed_writer *writer; /* NULL: nothing had to be made yet, or it cannot be kept */
    uint8_t *made;            /* panels on their way into the file, of posix_memalign */
    size_t made_bytes;
    pthread_t keeper;
    bool keeping;
};

fm_status rt_packer_new(rt_packer **out, rt_pack pack_as, rt_pool *pool, fm_err *err)
{
    rt_packer *packer = calloc(1, sizeof(*packer));

    if (!packer)
        return fm_fail(err, FM_E_NOMEM, "no memory for a model");
    packer->pack_as = pack_as;
    packer->pool = pool;
    *out = packer;
    return FM_OK;
}

void rt_packer_free(rt_packer *packer)
{
    if (!packer)
        return;
    if (packer->keeping)
        pthread_join(packer->keeper, NULL);
    for (size_t i = 0; i < packer->n; i++)
        free(packer->all[i].own);
    free(packer->all);
    free(packer->made);
    rt_packed_writer_free(packer->writer);
    rt_packed_file_close(packer->file);
    fm_arena_release(&packer->small);
    free(packer);
}

size_t rt_packer_bytes(const rt_packer *packer)
{
    return packer->bytes + packer->small.used_bytes;
}

void rt_packer_watched(rt_packer *packer, rt_packer_watch watch, void *context)
{
    packer->watch = watch;
    packer->watch_context = context;
}

/* ---- the packed file ---- */

fm_status rt_packer_use_file(rt_packer *packer, const char *folder, const char *model,
                             uint64_t bytes, fm_err *err)
{
    char path[FM_PATH_BYTES], real[PATH_MAX];
    const char *whole = realpath(model, real) ? real : model;
    fm_status st = fm_dir_make(folder, err);

    if (st == FM_OK)
        st = rt_packed_path(path, folder, whole, pack_names[packer->pack_as], err);
    if (st != FM_OK)
        return st;
    memcpy(packer->path, path, sizeof(path));
    snprintf(packer->model, sizeof(packer->model), "%s", whole);
    packer->expected_bytes = bytes;
    packer->file = rt_packed_file_open(path);
    if (packer->file)
        rt_packed_renew(path);
    return FM_OK;
}

/* Nothing more is kept; what the writer mapped is still read. */
static void stop_keeping(rt_packer *packer)
{
    packer->path[0] = '\0';
}

/* Panels into the file that is written, and from now on read there. */
static void put_away(rt_packer *packer, packed *p)
{
    const void *kept;

    if (!packer->writer || !packer->path[0])
        return;
    if (rt_packed_writer_put(packer->writer, p->key, p->panels, p->bytes, &kept, NULL) == FM_OK)
        p->panels = kept;
    else
        stop_keeping(packer);
}

/* At the first panels that have to be made: those that were found before go into the new file too. */
static void begin_file(rt_packer *packer)
{
    if (!packer->path[0] || packer->writer)
        return;
    if (rt_packed_writer_new(&packer->writer, packer->path, packer->model, packer->expected_bytes,
                             NULL) != FM_OK)
        stop_keeping(packer);
    for (size_t i = 0; i < packer->n; i++)
        put_away(packer, &packer->all[i]);
}

static void *keep(void *context)
{
    (void)!rt_packed_writer_commit(context, NULL);
    return NULL;
}

void rt_packer_keep(rt_packer *packer)
{
    free(packer->made);
    packer->made = NULL;
    packer->made_bytes = 0;
    if (packer->writer && packer->path[0])
        packer->keeping = pthread_create(&packer->keeper, NULL, keep, packer->writer) == 0;
}

/* All that panels depend on: the files, the names and rows, the kind and the layout. */
static void key_of(const rt_weights *weights, const rt_matrix *m, rt_pack pack,
                   char out[FM_HASH_TEXT_BYTES])
{
    char text[1024];
    int at = snprintf(text, sizeof(text), "%s %d %d %zu", rt_weights_identity(weights),
                      RT_PANEL_LAYOUT, (int)pack, m->n_in);

    for (size_t i = 0; i < m->n_parts; i++)
        at += snprintf(text + at, sizeof(text) - (size_t)at, " %.192s %zu", m->names[i],
                       m->starts[i + 1]);
    fm_hash_bytes(text, (size_t)at, out);
}

/* ---- matrices ---- */

static fm_status reserve(rt_packer *packer, fm_err *err)
{
    size_t capacity = packer->capacity ? 2 * packer->capacity : 64;

    if (packer->n < packer->capacity)
        return FM_OK;
    packed *all = realloc(packer->all, capacity * sizeof(*all));
    if (!all)
        return fm_fail(err, FM_E_NOMEM, "no memory for a model");
    packer->all = all;
    packer->capacity = capacity;
    return FM_OK;
}

typedef struct {
    const rt_weights *weights;
    const rt_matrix *matrix;
    size_t panel_bytes, scratch_bytes;
    rt_pack pack;
    uint8_t *panels;
    uint8_t *scratch;     /* [threads][scratch_bytes] */
    atomic_size_t broken; /* 1 + the tensor that holds what the pack cannot; 0: none */
} packing;

/* Which of the stacked tensors a row is in. */
static size_t part_of(const rt_matrix *m, size_t row)
{
    size_t part = 0;

    while (row >= m->starts[part + 1])
        part++;
    return part;
}

/* Let go of rows [begin, end) of one tensor: else source and panels would be in memory side by side. */
static void forget_rows(const packing *p, size_t part, size_t begin, size_t end)
{
    const rt_tensor *tensor = p->matrix->tensors[part];
    size_t rows = p->matrix->starts[part + 1] - p->matrix->starts[part];
    size_t bytes = tensor->size_bytes / rows;

    rt_weights_forget(p->weights, tensor, begin * bytes, (end - begin) * bytes);
}

static void pack_panels(void *context, size_t begin, size_t end, int thread)
{
    packing *p = context;
    const rt_matrix *m = p->matrix;
    size_t rows = m->starts[m->n_parts];
    size_t until = end * RT_PANEL < rows ? end * RT_PANEL : rows;

    for (size_t r = begin * RT_PANEL; r < until;) {
        size_t part = part_of(m, r), first = r;

        for (; r < until && r < m->starts[part + 1]; r++)
            if (!rt_panels_put_row(p->pack, p->panels + r / RT_PANEL * p->panel_bytes, r % RT_PANEL,
                                   m->tensors[part], r - m->starts[part], m->n_in,
                                   p->scratch + (size_t)thread * p->scratch_bytes))
                atomic_store(&p->broken, part + 1);
        forget_rows(p, part, first - m->starts[part], r - m->starts[part]);
    }
}

/* Rows past the last and what an odd length leaves are zero, which only such panels pay for: memory that is
 * new is else written first by the threads that fill it. */
static fm_status make_panels(const rt_packer *packer, packing *p, uint8_t *panels, size_t bytes,
                             fm_err *err)
{
    size_t rows = p->matrix->starts[p->matrix->n_parts];

    /* Scratch of different threads on different cache lines. */
    p->scratch_bytes = (rt_panels_scratch_bytes(p->matrix->n_in) + 63) / 64 * 64;
    p->scratch = malloc((size_t)rt_pool_threads(packer->pool) * p->scratch_bytes);
    if (!p->scratch)
        return fm_fail(err, FM_E_NOMEM, "no memory for the matrix '%s'", p->matrix->names[0]);
    if (rows % RT_PANEL != 0 || p->matrix->n_in % RT_BLOCK != 0)
        memset(panels, 0, bytes);
    p->panels = panels;
    rt_pool_run(packer->pool, (rows + RT_PANEL - 1) / RT_PANEL, GRAIN, pack_panels, p);
    free(p->scratch);
    size_t broken = atomic_load(&p->broken);
    return broken ? fm_fail(err, FM_E_INPUT, "%s: '%s' holds a value that is not finite in %s",
                            rt_weights_path(p->weights), p->matrix->names[broken - 1],
                            pack_names[p->pack])
                  : FM_OK;
}

static void *new_panels(size_t bytes)
{
    void *panels = NULL;

    return bytes <= SIZE_MAX - 64 && posix_memalign(&panels, 64, (bytes + 63) / 64 * 64) == 0
               ? panels
               : NULL;
}

/* Memory for panels that are about to be made: on their way into a file always the same. */
static uint8_t *room_for(rt_packer *packer, size_t bytes)
{
    if (!packer->writer || !packer->path[0])
        return new_panels(bytes);
    if (packer->made_bytes < bytes) {
        free(packer->made);
        packer->made = new_panels(bytes);
        packer->made_bytes = packer->made ? bytes : 0;
    }
    return packer->made;
}

static fm_status make_packed(rt_packer *packer, packing *p, packed *out, fm_err *err)
{
    begin_file(packer);
    uint8_t *panels = room_for(packer, out->bytes);
    if (!panels)
        return fm_fail(err, FM_E_NOMEM, "no memory for the matrix '%s'", p->matrix->names[0]);
    bool passing = panels == packer->made;
    fm_status st = make_panels(packer, p, panels, out->bytes, err);
    out->panels = panels;
    if (st == FM_OK && passing)
        put_away(packer, out);
    if (out->panels == panels) { /* there it stays */
        out->own = panels;
        packer->made = passing ? NULL : packer->made;
        packer->made_bytes = passing ? 0 : packer->made_bytes;
    }
    if (st == FM_OK && packer->watch &&
        !packer->watch(packer->watch_context, packer->bytes + out->bytes))
        st = fm_fail(err, FM_E_INTERRUPTED, "cancelled");
    if (st != FM_OK)
        free(out->own);
    return st;
}

fm_status rt_packer_matrix(rt_packer *packer, const rt_weights *weights, const rt_matrix *matrix,
                           rt_pack *pack, const void **panels, fm_err *err)
{
    packing p = {.weights = weights, .matrix = matrix};
    packed made = {0};
    fm_status st = reserve(packer, err);

    if (st != FM_OK)
        return st;
    p.pack =
        packer->pack_as == RT_PACKS ? rt_pack_as_stored(matrix->tensors[0]->kind) : packer->pack_as;
    p.panel_bytes = rt_panel_bytes(p.pack, matrix->n_in);
    if (!fm_size_mul((matrix->starts[matrix->n_parts] + RT_PANEL - 1) / RT_PANEL, p.panel_bytes,
                     &made.bytes))
        return fm_fail(err, FM_E_NOMEM, "no memory for the matrix '%s'", matrix->names[0]);
    key_of(weights, matrix, p.pack, made.key);
    if (packer->file)
        made.panels = rt_packed_file_find(packer->file, made.key, made.bytes);
    if (made.panels)
        put_away(packer, &made);
    else
        st = make_packed(packer, &p, &made, err);
    if (st != FM_OK)
        return st;
    packer->all[packer->n++] = made;
    packer->bytes += made.bytes;
    *pack = p.pack;
    *panels = made.panels;
    return FM_OK;
}

/* ---- vectors ---- */

float *rt_packer_floats(rt_packer *packer, size_t n)
{
    return fm_arena_alloc(&packer->small, n, sizeof(float));
}

fm_status rt_packer_vector(rt_packer *packer, const rt_weights *weights, const float **out,
                           size_t n, fm_err *err, const char *fmt, ...)
{
    char name[256];
    const rt_tensor *tensor;
    va_list args;

    va_start(args, fmt);
    int length = vsnprintf(name, sizeof(name), fmt, args);
    va_end(args);
    if (length >= (int)sizeof(name))
        return fm_fail(err, FM_E_INTERNAL, "the name '%s' is too long", name);
    fm_status st = rt_weights_need(weights, &n, 1, &tensor, err, "%s", name);
    if (st != FM_OK)
        return st;
    float *values = rt_packer_floats(packer, n);
    if (!values)
        return fm_fail(err, FM_E_NOMEM, "no memory for a model");
    st = rt_weights_read(weights, tensor, name, values, err);
    if (st == FM_OK)
        *out = values;
    return st;
}
