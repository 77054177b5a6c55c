#include "engine/init.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/staging.h"
#include "engine/layout.h"
#include "engine/pool.h"
#include "engine/prompt.h"
#include "engine/save.h"
#include "engine/tokenizer.h"

typedef struct {
    rt_entry entry;
    const char *part;
    rt_start start;
    float value;
    uint64_t key; /* of its stream of numbers */
} planned;

typedef struct {
    const rt_init *init;
    rt_pool *pool;
    fm_arena arena;
    rt_config config;
    planned *items; /* of realloc */
    size_t n, capacity;
    rt_init_totals totals;
    uint64_t done_bytes;

    size_t first; /* item of the part that is written */
} making;

/* ---- what is to be made ---- */

/* The first 64 bits of a hash, so that no two tensors and no two seeds share a stream. */
static uint64_t key_of(uint64_t seed, const char *part, const char *name)
{
    char text[320], digest[FM_HASH_TEXT_BYTES];
    int size = snprintf(text, sizeof(text), "%llu/%s/%s", (unsigned long long)seed, part, name);

    fm_hash_bytes(text, (size_t)size, digest);
    digest[16] = '\0';
    return strtoull(digest, NULL, 16);
}

static fm_status plan_slot(void *context, const rt_slot *slot, fm_err *err)
{
    making *m = context;
    size_t elements = 1, bytes;

    if (m->n == m->capacity) {
        size_t capacity = m->capacity ? 2 * m->capacity : 256;
        planned *items = realloc(m->items, capacity * sizeof(*items));

        if (!items)
            return fm_fail(err, FM_E_NOMEM, "no memory for a model");
        m->items = items;
        m->capacity = capacity;
    }
    planned *item = &m->items[m->n];
    *item = (planned){.entry = {.name = fm_arena_strdup(&m->arena, slot->name),
                                .kind = m->init->kind,
                                .rank = slot->rank},
                      .part = slot->part,
                      .start = slot->start,
                      .value = slot->value,
                      .key = key_of(m->init->seed, slot->part, slot->name)};
    if (!item->entry.name)
        return fm_fail(err, FM_E_NOMEM, "no memory for a model");
    for (int i = 0; i < slot->rank; i++) {
        item->entry.shape[i] = slot->shape[i];
        elements *= slot->shape[i]; /* bounded by the configuration */
    }
    m->n++;
    m->totals.parameters += elements;
    m->totals.bytes += rt_kind_bytes(m->init->kind, elements, &bytes) ? bytes : 0;
    return FM_OK;
}

/* ---- numbers ---- */

/* The bits of a place in a stream: the finaliser of splitmix64 over a counter. */
static uint64_t bits_at(uint64_t key, uint64_t place)
{
    uint64_t z = key + place * 0x9e3779b97f4a7c15U;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
    z = (z ^ z >> 27) * 0x94d049bb133111ebU;
    return z ^ z >> 31;
}

/* Nearly normal, of deviation 1: the sum of four uniform numbers of 16 bits, each of variance
 * (2^32 - 1) / 12. Tails end at 3.46. */
static float normal_at(uint64_t key, uint64_t place)
{
    uint64_t bits = bits_at(key, place);
    int32_t sum =
        (int32_t)((bits & 0xffff) + (bits >> 16 & 0xffff) + (bits >> 32 & 0xffff) + (bits >> 48));

    return (float)(sum - 2 * 0xffff) * (1 / 37837.2272F);
}

typedef struct {
    const planned *item;
    size_t first;
    float *out;
} stretch;

static void make_numbers(void *context, size_t begin, size_t end, int thread)
{
    const stretch *s = context;

    (void)thread;
    for (size_t i = begin; i < end; i++)
        s->out[i] = s->item->value * normal_at(s->item->key, s->first + i);
}

static fm_status fill(void *context, size_t index, size_t first, size_t n, float *out, fm_err *err)
{
    making *m = context;
    const planned *item = &m->items[m->first + index];
    stretch s = {item, first, out};
    size_t bytes;

    if (m->init->stop && *m->init->stop)
        return fm_fail(err, FM_E_INTERRUPTED, "interrupted; nothing was left behind");
    if (item->start == RT_START_NORMAL)
        rt_pool_run(m->pool, n, 1 << 14, make_numbers, &s);
    else
        for (size_t i = 0; i < n; i++)
            out[i] = item->start == RT_START_ONES    ? 1
                     : item->start == RT_START_ZEROS ? 0
                                                     : item->value;
    m->done_bytes += rt_kind_bytes(m->init->kind, n, &bytes) ? bytes : 0;
    if (m->init->progress)
        m->init->progress(m->init->context, m->done_bytes, m->totals.bytes);
    return FM_OK;
}

/* ---- the folder ---- */

/* Items [first, end) are one part's. */
static fm_status write_part(making *m, size_t first, size_t end, fm_err *err)
{
    char folder[FM_PATH_BYTES];
    rt_entry *entries = calloc(end - first, sizeof(*entries));
    fm_status st = entries ? rt_config_part(&m->config, m->items[first].part, folder, err)
                           : fm_fail(err, FM_E_NOMEM, "no memory for a model");

    for (size_t i = first; i < end && st == FM_OK; i++)
        entries[i - first] = m->items[i].entry;
    m->first = first;
    if (st == FM_OK)
        st = rt_weights_write(folder, entries, end - first,
                              m->init->shard_bytes ? m->init->shard_bytes : RT_SHARD_BYTES, fill, m,
                              err);
    free(entries);
    return st;
}

static fm_status write_tokenizer(const making *m, fm_err *err)
{
    char folder[FM_PATH_BYTES], path[FM_PATH_BYTES];
    fm_status st = rt_config_part(&m->config, "llm", folder, err);

    if (st == FM_OK)
        st = fm_dir_make(folder, err);
    if (st == FM_OK)
        st = fm_path_join(path, folder, "tokenizer.json", err);
    if (st == FM_OK)
        st = rt_tokenizer_write_bytes(path, (size_t)m->config.llm.vocabulary, err);
    return st;
}

/* Before gigabytes are written: whatever opening would refuse about words. */
static fm_status check_words(making *m, fm_err *err)
{
    rt_words words = {0};
    fm_status st = rt_words_read(&words, &m->config, m->init->config_name, &m->arena, err);

    rt_words_release(&words);
    return st;
}

static fm_status make(making *m, const char *folder, fm_err *err)
{
    char path[FM_PATH_BYTES];
    fm_status st = fm_path_join(path, folder, "config.json", err);

    m->config.folder = folder;
    if (st == FM_OK)
        st = fm_file_write_atomic(path, m->init->config, m->init->config_size, err);
    if (st == FM_OK)
        st = write_tokenizer(m, err);
    if (st == FM_OK)
        st = check_words(m, err);
    for (size_t first = 0, end; first < m->n && st == FM_OK; first = end) {
        for (end = first + 1; end < m->n && strcmp(m->items[end].part, m->items[first].part) == 0;)
            end++;
        st = write_part(m, first, end, err);
    }
    return st;
}

fm_status rt_init_folder(const char *folder, const rt_init *init, rt_init_totals *totals,
                         fm_err *err)
{
    making m = {.init = init};
    fm_staging staging = {0};
    fm_status st = rt_config_parse(init->config, init->config_size, init->config_name, &m.arena,
                                   &m.config, err);

    if (st == FM_OK)
        st = rt_layout_walk(&m.config, plan_slot, &m, err);
    if (st == FM_OK)
        st = fm_staging_begin(&staging, folder, err);
    if (st == FM_OK)
        st = rt_pool_new(&m.pool, init->threads, err);
    if (st == FM_OK)
        st = make(&m, staging.folder, err);
    if (st == FM_OK)
        st = fm_staging_commit(&staging, err);
    fm_staging_abandon(&staging);
    if (st == FM_OK)
        *totals = m.totals;
    rt_pool_free(m.pool);
    free(m.items);
    fm_arena_release(&m.arena);
    return st;
}
