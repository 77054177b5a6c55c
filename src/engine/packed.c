/* Owns panels and small vectors, and how a matrix's panels are made on all threads. A row of them is
 * panels.c's, the file packed_file.c's. */
#include "engine/packed.h"

#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "engine/packed_file.h"
#include "engine/panels.h"

/* Panels that a thread makes before it lets go of what it read. */
enum { GRAIN = 16 };

struct rt_packer {
    rt_pack pack_as; /* RT_PACKS: as stored */
    rt_pool *pool;
    fm_arena small;

    rt_packed_entry *entries; /* of realloc; panels of ours, or in the file's mapping */
    bool *mapped;             /* [capacity] which of them are */
    size_t n, capacity, bytes;

    char path[FM_PATH_BYTES]; /* of the packed file; "": none */
    rt_packed_file *file;     /* NULL: none that is whole */
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
    for (size_t i = 0; i < packer->n; i++)
        if (!packer->mapped[i])
            free((void *)(uintptr_t)packer->entries[i].panels);
    free(packer->entries);
    free(packer->mapped);
    rt_packed_file_close(packer->file);
    fm_arena_release(&packer->small);
    free(packer);
}

size_t rt_packer_bytes(const rt_packer *packer)
{
    return packer->bytes + packer->small.used_bytes;
}

/* ---- the packed file ---- */

fm_status rt_packer_use_file(rt_packer *packer, const char *folder, const char *model, fm_err *err)
{
    static const char *const names[] = {[RT_PACK_F32] = "f32",
                                        [RT_PACK_BF16] = "bf16",
                                        [RT_PACK_Q8] = "q8",
                                        [RT_PACK_Q4] = "q4",
                                        [RT_PACKS] = "stored"};
    char real[PATH_MAX], hash[FM_HASH_TEXT_BYTES], name[64];
    const char *whole = realpath(model, real) ? real : model;
    fm_status st = fm_dir_make(folder, err);

    fm_hash_bytes(whole, strlen(whole), hash);
    snprintf(name, sizeof(name), "%.32s-%s.panels", hash, names[packer->pack_as]);
    if (st == FM_OK)
        st = fm_path_join(packer->path, folder, name, err);
    if (st == FM_OK)
        packer->file = rt_packed_file_open(packer->path);
    else
        packer->path[0] = '\0';
    return st;
}

fm_status rt_packer_keep(rt_packer *packer, fm_err *err)
{
    bool fresh = false;

    for (size_t i = 0; i < packer->n; i++)
        fresh = fresh || !packer->mapped[i];
    if (!fresh || !packer->path[0])
        return FM_OK;
    return rt_packed_file_write(packer->path, packer->entries, packer->n, err);
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
    rt_packed_entry *entries = realloc(packer->entries, capacity * sizeof(*entries));
    if (entries)
        packer->entries = entries;
    bool *mapped = realloc(packer->mapped, capacity * sizeof(*mapped));
    if (mapped)
        packer->mapped = mapped;
    if (!entries || !mapped)
        return fm_fail(err, FM_E_NOMEM, "no memory for a model");
    packer->capacity = capacity;
    return FM_OK;
}

typedef struct {
    const rt_weights *weights;
    const rt_matrix *matrix;
    size_t panel_bytes, scratch_bytes;
    rt_pack pack;
    uint8_t *panels;
    uint8_t *scratch; /* [threads][scratch_bytes] */
    atomic_bool broken;
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
                atomic_store(&p->broken, true);
        forget_rows(p, part, first - m->starts[part], r - m->starts[part]);
    }
}

static fm_status make_panels(const rt_packer *packer, packing *p, size_t bytes, fm_err *err)
{
    size_t rows = p->matrix->starts[p->matrix->n_parts];
    void *panels = NULL;

    /* Scratch of different threads on different cache lines. */
    p->scratch_bytes = (rt_panels_scratch_bytes(p->matrix->n_in) + 63) / 64 * 64;
    p->scratch = malloc((size_t)rt_pool_threads(packer->pool) * p->scratch_bytes);
    if (!p->scratch || bytes > SIZE_MAX - 64 ||
        posix_memalign(&panels, 64, (bytes + 63) / 64 * 64) != 0) {
        free(p->scratch);
        return fm_fail(err, FM_E_NOMEM, "no memory for the matrix '%s'", p->matrix->names[0]);
    }
    /* Rows past the last and what an odd length leaves are zero. */
    memset(panels, 0, bytes);
    p->panels = panels;
    rt_pool_run(packer->pool, (rows + RT_PANEL - 1) / RT_PANEL, GRAIN, pack_panels, p);
    free(p->scratch);
    if (!p->broken)
        return FM_OK;
    free(panels);
    return fm_fail(err, FM_E_INPUT,
                   "%s: '%s' or what is stacked on it holds a value that is not finite",
                   rt_weights_path(p->weights), p->matrix->names[0]);
}

fm_status rt_packer_matrix(rt_packer *packer, const rt_weights *weights, const rt_matrix *matrix,
                           rt_pack *pack, const void **panels, fm_err *err)
{
    packing p = {.weights = weights, .matrix = matrix};
    rt_packed_entry entry = {0};
    fm_status st = reserve(packer, err);

    if (st != FM_OK)
        return st;
    p.pack =
        packer->pack_as == RT_PACKS ? rt_pack_as_stored(matrix->tensors[0]->kind) : packer->pack_as;
    p.panel_bytes = rt_panel_bytes(p.pack, matrix->n_in);
    if (!fm_size_mul((matrix->starts[matrix->n_parts] + RT_PANEL - 1) / RT_PANEL, p.panel_bytes,
                     &entry.bytes))
        return fm_fail(err, FM_E_NOMEM, "no memory for the matrix '%s'", matrix->names[0]);
    key_of(weights, matrix, p.pack, entry.key);
    if (packer->file)
        entry.panels = rt_packed_file_find(packer->file, entry.key, entry.bytes);
    packer->mapped[packer->n] = entry.panels != NULL;
    if (!entry.panels) {
        st = make_panels(packer, &p, entry.bytes, err);
        entry.panels = p.panels;
    }
    if (st != FM_OK)
        return st;
    packer->entries[packer->n++] = entry;
    packer->bytes += entry.bytes;
    *pack = p.pack;
    *panels = entry.panels;
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
    st = rt_tensor_read(tensor, name, values, err);
    if (st == FM_OK)
        *out = values;
    return st;
}
