/* Owns the layout of a safetensors file that is written: its header, then the tensors in the order
 * given, without gaps; and how they are dealt out to several files. */
#include "engine/save.h"

#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/json.h"
#include "base/size.h"
#include "engine/save_internal.h"

/* Elements that are made and converted at a time. */
enum { CHUNK = 1 << 20 };

static const char *const dtypes[RT_KINDS] = {
    [RT_F32] = "F32", [RT_F16] = "F16", [RT_BF16] = "BF16", [RT_Q8_0] = "U8", [RT_Q4_0] = "U8"};

bool rt_entry_measure(const rt_entry *entry, size_t *elements, size_t *bytes)
{
    size_t last = entry->rank > 0 ? entry->shape[entry->rank - 1] : 1;

    *elements = 1;
    for (int i = 0; i < entry->rank; i++)
        if (!fm_size_mul(*elements, entry->shape[i], elements))
            return false;
    return last % rt_kind_block(entry->kind) == 0 && rt_kind_bytes(entry->kind, *elements, bytes);
}

static void put_shape(fm_json_writer *w, const rt_entry *entry)
{
    fm_json_open(w, "shape", '[');
    for (int i = 0; i < entry->rank; i++) {
        size_t side = entry->shape[i];

        if (i + 1 == entry->rank && rt_kind_block(entry->kind) > 1)
            (void)rt_kind_bytes(entry->kind, side, &side); /* measured before */
        fm_json_put_int(w, NULL, (int64_t)side);
    }
    fm_json_close(w, ']');
}

static void put_metadata(fm_json_writer *w, const rt_entry *entries, size_t n,
                         const char *const (*metadata)[2], size_t n_metadata)
{
    fm_buf key = {0};

    fm_json_open(w, "__metadata__", '{');
    for (size_t i = 0; i < n_metadata; i++)
        fm_json_put_string(w, metadata[i][0], metadata[i][1]);
    for (size_t i = 0; i < n; i++) {
        if (rt_kind_block(entries[i].kind) == 1)
            continue;
        fm_buf_clear(&key);
        fm_buf_printf(&key, RT_SAVED_AS "%s", entries[i].name);
        w->out->failed = w->out->failed || key.failed;
        fm_json_put_string(w, fm_buf_text(&key), rt_kind_name(entries[i].kind));
    }
    fm_json_close(w, '}');
    fm_buf_release(&key);
}

/* Filled up with spaces, so that the data begin at a multiple of 8. */
static fm_status make_header(fm_buf *out, const char *path, const rt_entry *entries, size_t n,
                             const char *const (*metadata)[2], size_t n_metadata, fm_err *err)
{
    fm_json_writer w = {.out = out};
    size_t at = 0;

    fm_json_open(&w, NULL, '{');
    put_metadata(&w, entries, n, metadata, n_metadata);
    for (size_t i = 0; i < n; i++) {
        size_t elements, bytes, end;

        if (!rt_entry_measure(&entries[i], &elements, &bytes) || !fm_size_add(at, bytes, &end))
            return fm_fail(err, FM_E_INPUT, "%s: '%s' has a shape that cannot be written", path,
                           entries[i].name);
        fm_json_open(&w, entries[i].name, '{');
        fm_json_put_string(&w, "dtype", dtypes[entries[i].kind]);
        put_shape(&w, &entries[i]);
        fm_json_open(&w, "data_offsets", '[');
        fm_json_put_int(&w, NULL, (int64_t)at);
        fm_json_put_int(&w, NULL, (int64_t)end);
        fm_json_close(&w, ']');
        fm_json_close(&w, '}');
        at = end;
    }
    fm_json_close(&w, '}');
    while (out->size % 8 != 0 && !out->failed)
        fm_buf_putc(out, ' ');
    return fm_buf_check(out, path, err);
}

/* ---- values ---- */

fm_status rt_values_reserve(rt_values *values, const char *path, fm_err *err)
{
    values->values = malloc(CHUNK * sizeof(*values->values));
    values->bytes = malloc(CHUNK * sizeof(*values->values));
    return values->values && values->bytes
               ? FM_OK
               : fm_fail(err, FM_E_NOMEM, "no memory to write '%s'", path);
}

void rt_values_release(rt_values *values)
{
    free(values->values);
    free(values->bytes);
}

fm_status rt_values_write(rt_values *values, const rt_entry *entry, size_t index, fm_err *err)
{
    rt_values *v = values;
    size_t elements, bytes;
    fm_status st = FM_OK;

    (void)rt_entry_measure(entry, &elements, &bytes); /* so did the header */
    for (size_t at = 0; at < elements && st == FM_OK && !ferror(v->stream); at += CHUNK) {
        size_t n = elements - at < CHUNK ? elements - at : CHUNK;

        st = v->fill(v->context, index, at, n, v->values, err);
        if (st == FM_OK && rt_kind_bytes(entry->kind, n, &bytes)) {
            rt_tensor_put(entry->kind, v->values, n, v->bytes);
            (void)!fwrite(v->bytes, 1, bytes, v->stream);
        }
    }
    return st;
}

/* ---- a file ---- */

static fm_status write_all(rt_values *w, const fm_buf *header, const rt_entry *entries, size_t n,
                           fm_err *err)
{
    uint8_t length[8];
    fm_status st = FM_OK;

    for (int i = 0; i < 8; i++)
        length[i] = (uint8_t)((uint64_t)header->size >> (8 * i));
    (void)!fwrite(length, 1, sizeof(length), w->stream);
    (void)!fwrite(header->data, 1, header->size, w->stream);
    for (size_t i = 0; i < n && st == FM_OK; i++)
        st = rt_values_write(w, &entries[i], i, err);
    return st;
}

fm_status rt_safetensors_write(const char *path, const rt_entry *entries, size_t n,
                               const char *const (*metadata)[2], size_t n_metadata, rt_fill fill,
                               void *context, fm_err *err)
{
    rt_values w = {.fill = fill, .context = context};
    fm_file_writer file = {0};
    fm_buf header = {0};
    fm_status st = make_header(&header, path, entries, n, metadata, n_metadata, err);

    if (st != FM_OK)
        goto done;
    st = rt_values_reserve(&w, path, err);
    if (st != FM_OK)
        goto done;
    st = fm_file_writer_begin(&file, path, err);
    if (st != FM_OK)
        goto done;
    w.stream = file.stream;
    st = write_all(&w, &header, entries, n, err);
    if (st == FM_OK)
        st = fm_file_writer_commit(&file, err);
done:
    fm_file_writer_abandon(&file);
    rt_values_release(&w);
    fm_buf_release(&header);
    return st;
}

/* ---- a folder ---- */

typedef struct {
    const char *folder;
    const rt_entry *entries;
    size_t n, n_shards;
    rt_fill fill;
    void *context;
    size_t first; /* of the shard that is written */
} dealing;

static fm_status fill_shard(void *context, size_t index, size_t first, size_t n, float *out,
                            fm_err *err)
{
    const dealing *d = context;

    return d->fill(d->context, d->first + index, first, n, out, err);
}

/* The first entry after a shard that begins at `first`: at least one is in it. */
static fm_status end_of_shard(const dealing *d, size_t first, size_t shard_bytes, size_t *end,
                              fm_err *err)
{
    size_t total = 0, elements, bytes, i = first;

    for (; i < d->n; i++) {
        if (!rt_entry_measure(&d->entries[i], &elements, &bytes) ||
            !fm_size_add(total, bytes, &total))
            return fm_fail(err, FM_E_INPUT, "%s: '%s' has a shape that cannot be written",
                           d->folder, d->entries[i].name);
        if (i > first && total > shard_bytes)
            break;
    }
    *end = i;
    return FM_OK;
}

static void name_shard(const dealing *d, size_t shard, char out[64])
{
    if (d->n_shards == 1)
        snprintf(out, 64, "model.safetensors");
    else
        snprintf(out, 64, "model-%05zu-of-%05zu.safetensors", shard + 1, d->n_shards);
}

static fm_status write_index(const dealing *d, const size_t *ends, fm_err *err)
{
    char path[FM_PATH_BYTES], name[64];
    fm_buf text = {0};
    fm_json_writer w = {.out = &text, .pretty = true};
    size_t total = 0, elements, bytes;
    fm_status st = fm_path_join(path, d->folder, "model.safetensors.index.json", err);

    if (st != FM_OK)
        return st;
    for (size_t i = 0; i < d->n; i++)
        total += rt_entry_measure(&d->entries[i], &elements, &bytes) ? bytes : 0;
    fm_json_open(&w, NULL, '{');
    fm_json_open(&w, "metadata", '{');
    fm_json_put_int(&w, "total_size", (int64_t)total);
    fm_json_close(&w, '}');
    fm_json_open(&w, "weight_map", '{');
    for (size_t shard = 0, i = 0; shard < d->n_shards; shard++) {
        name_shard(d, shard, name);
        for (; i < ends[shard]; i++)
            fm_json_put_string(&w, d->entries[i].name, name);
    }
    fm_json_close(&w, '}');
    fm_json_close(&w, '}');
    st = fm_buf_check(&text, path, err);
    if (st == FM_OK)
        st = fm_file_write_atomic(path, fm_buf_text(&text), text.size, err);
    fm_buf_release(&text);
    return st;
}

static fm_status write_shards(dealing *d, const size_t *ends, fm_err *err)
{
    static const char *const metadata[][2] = {{"format", "pt"}};
    fm_status st = FM_OK;

    for (size_t shard = 0; shard < d->n_shards && st == FM_OK; shard++) {
        char path[FM_PATH_BYTES], name[64];

        d->first = shard > 0 ? ends[shard - 1] : 0;
        name_shard(d, shard, name);
        st = fm_path_join(path, d->folder, name, err);
        if (st == FM_OK)
            st = rt_safetensors_write(path, d->entries + d->first, ends[shard] - d->first, metadata,
                                      1, fill_shard, d, err);
    }
    return st == FM_OK && d->n_shards > 1 ? write_index(d, ends, err) : st;
}

fm_status rt_weights_write(const char *folder, const rt_entry *entries, size_t n,
                           size_t shard_bytes, rt_fill fill, void *context, fm_err *err)
{
    dealing d = {.folder = folder, .entries = entries, .n = n, .fill = fill, .context = context};
    size_t *ends = calloc(n + 1, sizeof(*ends)); /* of each shard; no more of them than entries */
    fm_status st =
        ends ? fm_dir_make(folder, err) : fm_fail(err, FM_E_NOMEM, "no memory for '%s'", folder);

    for (size_t at = 0; at < n && st == FM_OK; d.n_shards++) {
        st = end_of_shard(&d, at, shard_bytes, &ends[d.n_shards], err);
        at = ends[d.n_shards];
    }
    if (st == FM_OK)
        st = write_shards(&d, ends, err);
    free(ends);
    return st;
}
