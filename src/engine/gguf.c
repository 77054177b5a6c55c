/* The header of a GGUF file: metadata by key, then names, shapes and places of tensors, then the data.
 * Names become those of Hugging Face's layout. Every length is held against what is left of the file. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "engine/gguf.h"
#include "engine/weights_internal.h"

enum { MAX_KEYS = 1 << 16, MAX_DIMENSIONS = 4, MAX_ALIGNMENT = 1 << 20 };

static const size_t value_bytes[RT_GGUF_TYPES] = {
    [RT_GGUF_U8] = 1,  [RT_GGUF_I8] = 1,  [RT_GGUF_U16] = 2, [RT_GGUF_I16] = 2,
    [RT_GGUF_U32] = 4, [RT_GGUF_I32] = 4, [RT_GGUF_F32] = 4, [RT_GGUF_BOOL] = 1,
    [RT_GGUF_U64] = 8, [RT_GGUF_I64] = 8, [RT_GGUF_F64] = 8};

/* ---- reading on, never past the end ---- */

typedef struct {
    const uint8_t *at;
    size_t left;
    bool broken; /* something would have been past the end */
} cursor;

static const uint8_t *take(cursor *c, uint64_t bytes)
{
    const uint8_t *at = c->at;

    if (c->broken || bytes > c->left) {
        c->broken = true;
        return NULL;
    }
    c->at += bytes;
    c->left -= (size_t)bytes;
    return at;
}

static uint64_t number_at(const uint8_t *at, size_t bytes)
{
    uint64_t value = 0;

    for (size_t i = 0; at && i < bytes; i++)
        value |= (uint64_t)at[i] << (8 * i);
    return value;
}

static uint32_t take_u32(cursor *c)
{
    return (uint32_t)number_at(take(c, 4), 4);
}

static uint64_t take_u64(cursor *c)
{
    return number_at(take(c, 8), 8);
}

/* Not terminated; NULL where it is broken. */
static const char *take_text(cursor *c, size_t *size)
{
    uint64_t length = take_u64(c);
    const uint8_t *at = take(c, length);

    *size = at ? (size_t)length : 0;
    return (const char *)at;
}

/* ---- metadata ---- */

struct rt_meta {
    const char *key;   /* in the arena */
    uint32_t type, of; /* of: what an array holds */
    uint64_t n;        /* elements of an array */
    const uint8_t *at; /* in the mapping */
    const char *text;  /* RT_GGUF_TEXT: in the arena */
};

static void pass_array(cursor *c, struct rt_meta *meta)
{
    size_t size;

    meta->of = take_u32(c);
    meta->n = take_u64(c);
    meta->at = c->at;
    if (meta->of == RT_GGUF_TEXT) {
        for (uint64_t i = 0; i < meta->n && !c->broken; i++)
            (void)take_text(c, &size);
    } else if (meta->of >= RT_GGUF_TYPES || meta->of == RT_GGUF_ARRAY || meta->n > c->left) {
        c->broken = true;
    } else {
        (void)take(c, meta->n * value_bytes[meta->of]); /* at most eight times what is left */
    }
}

static fm_status read_meta(rt_weights *w, cursor *c, struct rt_meta *meta, const char *file,
                           fm_err *err)
{
    size_t size, text_size;
    const char *key = take_text(c, &size), *text;

    *meta = (struct rt_meta){.type = take_u32(c)};
    meta->at = c->at;
    if (meta->type == RT_GGUF_ARRAY) {
        pass_array(c, meta);
    } else if (meta->type == RT_GGUF_TEXT) {
        text = take_text(c, &text_size);
        if (text && !(meta->text = fm_arena_memdup(&w->arena, text, text_size)))
            return fm_fail(err, FM_E_NOMEM, "no memory for the metadata of '%s'", file);
    } else if (meta->type < RT_GGUF_TYPES) {
        (void)take(c, value_bytes[meta->type]);
    } else {
        c->broken = true;
    }
    if (c->broken)
        return fm_fail(err, FM_E_INPUT, "%s: the metadata are malformed or truncated", file);
    meta->key = fm_arena_memdup(&w->arena, key, size);
    return meta->key ? FM_OK : fm_fail(err, FM_E_NOMEM, "no memory for the metadata of '%s'", file);
}

static const struct rt_meta *find_meta(const rt_weights *weights, const char *key)
{
    for (size_t i = 0; i < weights->n_metas; i++)
        if (strcmp(weights->metas[i].key, key) == 0)
            return &weights->metas[i];
    return NULL;
}

bool rt_weights_has(const rt_weights *weights, const char *key)
{
    return find_meta(weights, key) != NULL;
}

static int64_t signed_of(uint32_t type, const uint8_t *at)
{
    uint64_t bits = number_at(at, value_bytes[type]);
    bool is_signed =
        type == RT_GGUF_I8 || type == RT_GGUF_I16 || type == RT_GGUF_I32 || type == RT_GGUF_I64;
    unsigned shift = 64 - 8 * (unsigned)value_bytes[type];

    return is_signed ? (int64_t)(bits << shift) >> shift : (int64_t)bits;
}

static bool is_whole(uint32_t type)
{
    return type < RT_GGUF_TYPES && type != RT_GGUF_F32 && type != RT_GGUF_F64 &&
           type != RT_GGUF_TEXT && type != RT_GGUF_ARRAY;
}

bool rt_weights_integer(const rt_weights *weights, const char *key, int64_t *out)
{
    const struct rt_meta *meta = find_meta(weights, key);

    if (!meta || !is_whole(meta->type))
        return false;
    *out = signed_of(meta->type, meta->at);
    return meta->type != RT_GGUF_U64 || *out >= 0;
}

bool rt_weights_number(const rt_weights *weights, const char *key, double *out)
{
    const struct rt_meta *meta = find_meta(weights, key);
    float single;

    if (meta && meta->type == RT_GGUF_F32) {
        memcpy(&single, meta->at, sizeof(single));
        *out = (double)single;
    } else if (meta && meta->type == RT_GGUF_F64) {
        memcpy(out, meta->at, sizeof(*out));
    } else {
        int64_t whole;

        if (!rt_weights_integer(weights, key, &whole))
            return false;
        *out = (double)whole;
    }
    return isfinite(*out);
}

bool rt_weights_text(const rt_weights *weights, const char *key, const char **out)
{
    const struct rt_meta *meta = find_meta(weights, key);

    if (!meta || meta->type != RT_GGUF_TEXT)
        return false;
    *out = meta->text;
    return true;
}

bool rt_weights_list(const rt_weights *weights, const char *key, rt_list *out)
{
    const struct rt_meta *meta = find_meta(weights, key);

    if (!meta || meta->type != RT_GGUF_ARRAY || (meta->of != RT_GGUF_TEXT && !is_whole(meta->of)))
        return false;
    *out = (rt_list){.n = (size_t)meta->n, .at = meta->at, .of = meta->of};
    return true;
}

const char *rt_list_text(rt_list *list, size_t *size)
{
    cursor c = {.at = list->at, .left = SIZE_MAX}; /* walked over when the file was opened */
    const char *text;

    if (list->n == 0 || list->of != RT_GGUF_TEXT)
        return NULL;
    text = take_text(&c, size);
    list->at = c.at;
    list->n--;
    return text;
}

bool rt_list_integer(rt_list *list, int64_t *out)
{
    if (list->n == 0 || list->of == RT_GGUF_TEXT)
        return false;
    *out = signed_of(list->of, list->at);
    list->at += value_bytes[list->of];
    list->n--;
    return true;
}

/* ---- tensors ---- */

/* A tensor whose place is not known until the header has ended. */
typedef struct {
    char name[RT_GGUF_NAME_BYTES];
    rt_tensor tensor;
    uint64_t offset;
} described;

static fm_status read_described(cursor *c, described *d, const char *file, fm_err *err)
{
    size_t size, elements = 1;
    char theirs[192];
    const char *name = take_text(c, &size);
    uint32_t rank = take_u32(c), type;
    bool fits = true;

    *d = (described){.tensor.rank = (int)rank};
    if (c->broken || rank > MAX_DIMENSIONS || size == 0 || size >= sizeof(theirs) ||
        memchr(name, '\0', size))
        return fm_fail(err, FM_E_INPUT, "%s: the list of tensors is malformed or truncated", file);
    memcpy(theirs, name, size);
    theirs[size] = '\0';
    rt_gguf_name_to_ours(theirs, d->name);
    for (uint32_t i = rank; i-- > 0;) /* theirs are innermost first */
        d->tensor.shape[i] = (size_t)take_u64(c);
    for (uint32_t i = 0; i < rank; i++)
        fits = fits && fm_size_mul(elements, d->tensor.shape[i], &elements);
    type = take_u32(c);
    d->offset = take_u64(c);
    if (c->broken)
        return fm_fail(err, FM_E_INPUT, "%s: the list of tensors is malformed or truncated", file);
    d->tensor.kind = rt_gguf_kind(type);
    if (d->tensor.kind == RT_KINDS)
        return fm_fail(err, FM_E_INPUT,
                       "%s: '%s' is of kind %u; f32, f16, bf16, q8_0 and q4_0 can be read", file,
                       theirs, (unsigned)type);
    if (!fits || !rt_kind_bytes(d->tensor.kind, elements, &d->tensor.size_bytes))
        return fm_fail(err, FM_E_INPUT, "%s: the shape of '%s' is too large or no block's", file,
                       theirs);
    return FM_OK;
}

static fm_status place(rt_weights *w, const rt_mapped *file, size_t data_start, described *d,
                       fm_err *err)
{
    size_t room = file->size - data_start;

    if (d->offset > room || d->tensor.size_bytes > room - (size_t)d->offset)
        return fm_fail(err, FM_E_INPUT,
                       "%s: the tensor '%s' lies outside of the file, which may be truncated",
                       file->path, d->name);
    d->tensor.data = file->bytes + data_start + d->offset;
    return rt_weights_add(w, file, d->name, &d->tensor, err);
}

static fm_status read_tensors(rt_weights *w, const rt_mapped *file, cursor *c, size_t n,
                              fm_err *err)
{
    described *all = calloc(n + 1, sizeof(*all));
    int64_t alignment = RT_GGUF_ALIGNMENT;
    fm_status st =
        all ? FM_OK : fm_fail(err, FM_E_NOMEM, "no memory for the names of '%s'", file->path);

    for (size_t i = 0; i < n && st == FM_OK; i++)
        st = read_described(c, &all[i], file->path, err);
    bool told = rt_weights_integer(w, "general.alignment", &alignment);
    if (st == FM_OK && ((!told && rt_weights_has(w, "general.alignment")) || alignment < 1 ||
                        alignment > MAX_ALIGNMENT))
        st = fm_fail(err, FM_E_INPUT, "%s: 'general.alignment' wants a whole number from 1 to %d",
                     file->path, MAX_ALIGNMENT);
    if (st == FM_OK) {
        size_t header = file->size - c->left, step = (size_t)alignment;
        size_t start = (header + step - 1) / step * step;

        if (start > file->size)
            start = file->size; /* a file without data */
        for (size_t i = 0; i < n && st == FM_OK; i++)
            st = place(w, file, start, &all[i], err);
    }
    free(all);
    return st;
}

static fm_status read_metadata(rt_weights *w, const rt_mapped *file, cursor *c, size_t n,
                               fm_err *err)
{
    fm_status st = FM_OK;

    w->metas = fm_arena_alloc(&w->arena, n + 1, sizeof(*w->metas));
    if (!w->metas)
        return fm_fail(err, FM_E_NOMEM, "no memory for the metadata of '%s'", file->path);
    for (; w->n_metas < n && st == FM_OK; w->n_metas += st == FM_OK)
        st = read_meta(w, c, &w->metas[w->n_metas], file->path, err);
    return st;
}

fm_status rt_gguf_read(rt_weights *weights, const rt_mapped *file, fm_err *err)
{
    cursor c = {.at = file->bytes, .left = file->size};
    uint32_t version;
    uint64_t tensors, keys;

    (void)take(&c, 4); /* "GGUF": why this is asked */
    version = take_u32(&c);
    tensors = take_u64(&c);
    keys = take_u64(&c);
    /* What each takes at least: lengths, types and places. */
    if (c.broken || tensors > c.left / 24 || keys > c.left / 12)
        return fm_fail(err, FM_E_INPUT, "%s: a truncated GGUF header", file->path);
    if (version != 2 && version != 3)
        return fm_fail(err, FM_E_INPUT, "%s: GGUF version %u; 2 and 3 can be read", file->path,
                       (unsigned)version);
    if (tensors > RT_MAX_TENSORS || keys > MAX_KEYS)
        return fm_fail(err, FM_E_INPUT, "%s: more than %d tensors or %d keys", file->path,
                       RT_MAX_TENSORS, MAX_KEYS);
    fm_status st = read_metadata(weights, file, &c, (size_t)keys, err);
    return st == FM_OK ? read_tensors(weights, file, &c, (size_t)tensors, err) : st;
}
