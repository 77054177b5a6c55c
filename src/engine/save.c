/* Owns the layout of a safetensors file that is written: its header, then the tensors in the order
 * given, without gaps. */
#include "engine/save.h"

#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/json.h"
#include "base/size.h"

/* Elements that are made and converted at a time. */
enum { CHUNK = 1 << 20 };

static const char *const dtypes[RT_KINDS] = {
    [RT_F32] = "F32", [RT_F16] = "F16", [RT_BF16] = "BF16", [RT_Q8_0] = "U8", [RT_Q4_0] = "U8"};

/* How many elements an entry has and how many bytes they take; false where that is out of bounds. */
static bool measure(const rt_entry *entry, size_t *elements, size_t *bytes)
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

        if (!measure(&entries[i], &elements, &bytes) || !fm_size_add(at, bytes, &end))
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

typedef struct {
    FILE *stream;
    rt_fill fill;
    void *context;
    float *values;  /* [CHUNK] */
    uint8_t *bytes; /* of as many in the widest kind */
} writing;

/* A write that fails is told by the writer's commit. */
static fm_status write_entry(writing *w, const rt_entry *entry, size_t index, fm_err *err)
{
    size_t elements, bytes;
    fm_status st = FM_OK;

    (void)measure(entry, &elements, &bytes); /* so did the header */
    for (size_t at = 0; at < elements && st == FM_OK && !ferror(w->stream); at += CHUNK) {
        size_t n = elements - at < CHUNK ? elements - at : CHUNK;

        st = w->fill(w->context, index, at, n, w->values, err);
        if (st == FM_OK && rt_kind_bytes(entry->kind, n, &bytes)) {
            rt_tensor_put(entry->kind, w->values, n, w->bytes);
            (void)!fwrite(w->bytes, 1, bytes, w->stream);
        }
    }
    return st;
}

static fm_status write_all(writing *w, const fm_buf *header, const rt_entry *entries, size_t n,
                           fm_err *err)
{
    uint8_t length[8];
    fm_status st = FM_OK;

    for (int i = 0; i < 8; i++)
        length[i] = (uint8_t)((uint64_t)header->size >> (8 * i));
    (void)!fwrite(length, 1, sizeof(length), w->stream);
    (void)!fwrite(header->data, 1, header->size, w->stream);
    for (size_t i = 0; i < n && st == FM_OK; i++)
        st = write_entry(w, &entries[i], i, err);
    return st;
}

fm_status rt_safetensors_write(const char *path, const rt_entry *entries, size_t n,
                               const char *const (*metadata)[2], size_t n_metadata, rt_fill fill,
                               void *context, fm_err *err)
{
    writing w = {.fill = fill, .context = context};
    fm_file_writer file = {0};
    fm_buf header = {0};
    fm_status st = make_header(&header, path, entries, n, metadata, n_metadata, err);

    if (st != FM_OK)
        goto done;
    w.values = malloc(CHUNK * sizeof(*w.values));
    w.bytes = malloc(CHUNK * sizeof(*w.values));
    if (!w.values || !w.bytes) {
        st = fm_fail(err, FM_E_NOMEM, "no memory to write '%s'", path);
        goto done;
    }
    st = fm_file_writer_begin(&file, path, err);
    if (st != FM_OK)
        goto done;
    w.stream = file.stream;
    st = write_all(&w, &header, entries, n, err);
    if (st == FM_OK)
        st = fm_file_writer_commit(&file, err);
done:
    fm_file_writer_abandon(&file);
    free(w.values);
    free(w.bytes);
    fm_buf_release(&header);
    return st;
}
