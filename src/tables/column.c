/* Owns the way from the bytes of a column to its values: reading the file ahead, page headers, unpacking,
 * levels, dictionaries, and decoding a batch at a time. Knows nothing of rows.
 *
 * Strings and pictures are not copied: a value points into the page, which for an uncompressed page
 * is the window that was read from the file. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/size.h"
#include "tables/parquet_internal.h"

/* Values at a time: few enough that the batches of a row's columns stay in the nearest cache. */
enum { BATCH = 256 };

/* Several small pages with one call; a large page is read whole. */
#define READ_AHEAD_BYTES ((size_t)64 << 10)

typedef enum { PAGE_DATA, PAGE_INDEX, PAGE_DICTIONARY, PAGE_DATA_V2 } page_type;

typedef struct {
    int32_t type, unpacked_bytes, stored_bytes;
    bool has_crc, has_details;
    uint32_t crc;
    int32_t values, encoding;
    int32_t definition_encoding, repetition_encoding; /* version 1 */
    int32_t definition_bytes, repetition_bytes;       /* version 2 */
    bool packed;                                      /* version 2: the values are compressed */
} page_header;

fm_status fm_pq_column_fault(const fm_pq_column *column, fm_err *err, const char *fmt, ...)
{
    char text[256];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return fm_fail(err, FM_E_INPUT, "'%s': column '%s', page at byte %" PRId64 ": %s",
                   column->source->path, column->name, column->page_offset, text);
}

static fm_status no_memory(const fm_pq_column *column, fm_err *err)
{
    return fm_fail(err, FM_E_NOMEM, "no memory for a page of column '%s' of '%s'", column->name,
                   column->source->path);
}

fm_status fm_pq_column_init(fm_pq_column *column, fm_pq_source *source, const fm_pq_leaf *leaf,
                            const char *name, fm_err *err)
{
    *column = (fm_pq_column){.source = source, .leaf = leaf, .name = name, .capacity = BATCH};
    column->moved.cap_bytes = FM_PARQUET_MAX_ROW_BYTES;
    column->values = calloc(BATCH, sizeof(*column->values));
    if (leaf->max_definition)
        column->definitions = calloc(BATCH, sizeof(*column->definitions));
    if (leaf->max_repetition)
        column->repetitions = calloc(BATCH, sizeof(*column->repetitions));
    if (!column->values || (leaf->max_definition && !column->definitions) ||
        (leaf->max_repetition && !column->repetitions))
        return no_memory(column, err);
    return FM_OK;
}

void fm_pq_column_release(fm_pq_column *column)
{
    free(column->values);
    free(column->definitions);
    free(column->repetitions);
    free(column->window.bytes);
    free(column->page.bytes);
    free(column->expanded.bytes);
    free(column->dictionary_page.bytes);
    free(column->dictionary);
    fm_arena_release(&column->moved);
    fm_arena_release(&column->dictionary_text);
    fm_arena_release(&column->text);
    *column = (fm_pq_column){0};
}

fm_status fm_pq_column_start(fm_pq_column *column, const fm_pq_chunk *chunk, fm_err *err)
{
    int64_t start = chunk->data_offset, end;
    const char *codec = fm_pq_codec_name(chunk->codec);

    if (chunk->dictionary_offset > 0 && chunk->dictionary_offset < start)
        start = chunk->dictionary_offset;
    column->next = column->end = 0;
    column->page_left = 0;
    column->has_dictionary = false;
    column->page_offset = start;
    if (chunk->encrypted)
        return fm_pq_column_fault(column, err, "it is encrypted, which is not supported");
    if (chunk->elsewhere)
        return fm_pq_column_fault(column, err, "it lies in another file, which is not supported");
    if (!chunk->present || chunk->physical != (int32_t)column->leaf->physical)
        return fm_pq_column_fault(column, err, "the row group has another type than the schema");
    if (chunk->codec == FM_PQ_LZO || chunk->codec == FM_PQ_LZ4 || !codec)
        return fm_pq_column_fault(column, err, "codec %s (%" PRId32 ") is not supported",
                                  codec ? codec : "without a name", chunk->codec);
    if (start < 4 || chunk->stored_bytes < 0 || chunk->values < 0 ||
        __builtin_add_overflow(start, chunk->stored_bytes, &end) || end > column->source->data_end)
        return fm_pq_column_fault(column, err, "it does not lie within the file");
    column->codec = chunk->codec;
    column->offset = start;
    column->chunk_end = end;
    column->values_left = chunk->values;
    column->window_size = 0;
    return FM_OK;
}

/* ---- the file ---- */

static fm_status read_at(fm_pq_column *column, uint8_t *out, size_t size, int64_t offset,
                         fm_err *err)
{
    while (size) {
        ssize_t n = pread(column->source->fd, out, size, (off_t)offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fm_fail(err, FM_E_IO, "cannot read '%s': %s", column->source->path,
                           strerror(errno));
        if (n == 0)
            return fm_pq_column_fault(column, err, "the file became shorter while it was read");
        out += n;
        offset += n;
        size -= (size_t)n;
    }
    return FM_OK;
}

/* `size` bytes from `offset` on, which must lie within the column: borrowed until the next call. */
static fm_status look_at(fm_pq_column *column, int64_t offset, size_t size, fm_pq_span *out,
                         fm_err *err)
{
    fm_pq_buffer *window = &column->window;
    int64_t skip = offset - column->window_offset;
    size_t have = 0;

    if (column->window_size && skip >= 0 && (uint64_t)skip <= column->window_size)
        have = column->window_size - (size_t)skip;
    if (have < size) {
        uint64_t left = (uint64_t)(column->chunk_end - offset);
        size_t want = size > READ_AHEAD_BYTES ? size : READ_AHEAD_BYTES;

        if (want > left)
            want = (size_t)left;
        if (have)
            memmove(window->bytes, window->bytes + skip, have);
        column->window_size = 0; /* until the bytes are there */
        if (!fm_pq_room(window, want))
            return no_memory(column, err);
        column->window_offset = offset;
        fm_status st =
            read_at(column, window->bytes + have, want - have, offset + (int64_t)have, err);
        if (st != FM_OK)
            return st;
        column->window_size = want;
        skip = 0;
    }
    *out = (fm_pq_span){window->bytes + skip, size};
    return FM_OK;
}

/* ---- page headers ---- */

static void read_data_details(fm_thrift *in, const fm_thrift_struct *field, page_header *h)
{
    if (!fm_thrift_enter(in, field))
        return;
    h->has_details = true;
    for (fm_thrift_struct s = {0}; fm_thrift_next(in, &s);) {
        if (s.id == 1)
            h->values = fm_thrift_int32(in, &s);
        else if (s.id == 2)
            h->encoding = fm_thrift_int32(in, &s);
        else if (s.id == 3)
            h->definition_encoding = fm_thrift_int32(in, &s);
        else if (s.id == 4)
            h->repetition_encoding = fm_thrift_int32(in, &s);
        else
            fm_thrift_skip(in, s.type);
    }
}

static void read_dictionary_details(fm_thrift *in, const fm_thrift_struct *field, page_header *h)
{
    if (!fm_thrift_enter(in, field))
        return;
    h->has_details = true;
    for (fm_thrift_struct s = {0}; fm_thrift_next(in, &s);) {
        if (s.id == 1)
            h->values = fm_thrift_int32(in, &s);
        else if (s.id == 2)
            h->encoding = fm_thrift_int32(in, &s);
        else
            fm_thrift_skip(in, s.type);
    }
}

static void read_data_v2_details(fm_thrift *in, const fm_thrift_struct *field, page_header *h)
{
    if (!fm_thrift_enter(in, field))
        return;
    h->has_details = true;
    for (fm_thrift_struct s = {0}; fm_thrift_next(in, &s);) {
        if (s.id == 1)
            h->values = fm_thrift_int32(in, &s);
        else if (s.id == 4)
            h->encoding = fm_thrift_int32(in, &s);
        else if (s.id == 5)
            h->definition_bytes = fm_thrift_int32(in, &s);
        else if (s.id == 6)
            h->repetition_bytes = fm_thrift_int32(in, &s);
        else if (s.id == 7)
            h->packed = fm_thrift_bool(in, &s);
        else
            fm_thrift_skip(in, s.type);
    }
}

static page_header parse_header(fm_thrift *in)
{
    page_header h = {.type = -1, .packed = true};

    for (fm_thrift_struct s = {0}; fm_thrift_next(in, &s);) {
        if (s.id == 1) {
            h.type = fm_thrift_int32(in, &s);
        } else if (s.id == 2) {
            h.unpacked_bytes = fm_thrift_int32(in, &s);
        } else if (s.id == 3) {
            h.stored_bytes = fm_thrift_int32(in, &s);
        } else if (s.id == 4) {
            h.crc = (uint32_t)fm_thrift_int32(in, &s);
            h.has_crc = true;
        } else if (s.id == 5 && h.type == PAGE_DATA) {
            read_data_details(in, &s, &h);
        } else if (s.id == 7 && h.type == PAGE_DICTIONARY) {
            read_dictionary_details(in, &s, &h);
        } else if (s.id == 8 && h.type == PAGE_DATA_V2) {
            read_data_v2_details(in, &s, &h);
        } else {
            fm_thrift_skip(in, s.type);
        }
    }
    return h;
}

static fm_status check_header(const fm_pq_column *column, const page_header *h, fm_err *err)
{
    bool known = h->type == PAGE_DATA || h->type == PAGE_DICTIONARY || h->type == PAGE_DATA_V2;

    if (h->stored_bytes < 0 || h->stored_bytes > column->chunk_end - column->offset)
        return fm_pq_column_fault(column, err, "the page reaches beyond its column");
    if (known && !h->has_details)
        return fm_pq_column_fault(column, err, "the page header says nothing of the page's values");
    if (h->unpacked_bytes < 0 || (size_t)h->unpacked_bytes > FM_PARQUET_MAX_PAGE_BYTES ||
        (size_t)h->stored_bytes > FM_PARQUET_MAX_PAGE_BYTES)
        return fm_pq_column_fault(column, err, "the page is larger than the %zu bytes allowed",
                                  FM_PARQUET_MAX_PAGE_BYTES);
    if (h->values < 0 || h->definition_bytes < 0 || h->repetition_bytes < 0)
        return fm_pq_column_fault(column, err, "the page header holds a negative count");
    return FM_OK;
}

/* Read the header at column->offset and step over it. Its length is known only once it is read. */
static fm_status read_header(fm_pq_column *column, page_header *out, fm_err *err)
{
    int64_t left = column->chunk_end - column->offset;

    column->page_offset = column->offset;
    for (size_t size = 64;; size *= 8) {
        fm_pq_span bytes;
        bool all = (uint64_t)left <= size;

        if (size > FM_PARQUET_MAX_HEADER_BYTES)
            return fm_pq_column_fault(column, err, "the page header is longer than allowed");
        fm_status st = look_at(column, column->offset, all ? (size_t)left : size, &bytes, err);
        if (st != FM_OK)
            return st;
        fm_thrift in = {.next = bytes.bytes, .end = bytes.bytes + bytes.size};
        *out = parse_header(&in);
        if (in.too_short && !all)
            continue;
        if (in.problem)
            return fm_pq_column_fault(column, err, "the page header is malformed: %s", in.problem);
        column->offset += in.next - bytes.bytes;
        return check_header(column, out, err);
    }
}

/* ---- pages ---- */

/* The bytes of a page or of its values, unpacked into `buffer` where they are packed. */
static fm_status unpack(fm_pq_column *column, bool packed, fm_pq_span stored, size_t size,
                        fm_pq_buffer *buffer, fm_pq_span *out, fm_err *err)
{
    *out = stored;
    if (!packed || column->codec == FM_PQ_UNCOMPRESSED) {
        if (stored.size != size)
            return fm_pq_column_fault(column, err, "the page's two sizes differ, uncompressed");
        return FM_OK;
    }
    if (stored.size == 0 && size == 0)
        return FM_OK; /* a page of nulls */
    if (size > fm_pq_codec_most(column->codec, stored.size))
        return fm_pq_column_fault(column, err, "%zu bytes cannot unpack to %zu", stored.size, size);
    if (!fm_pq_room(buffer, size))
        return no_memory(column, err);
    if (!fm_pq_unpack(&column->source->codecs, column->codec, stored, buffer->bytes, size))
        return fm_pq_column_fault(column, err, "the %s data is broken",
                                  fm_pq_codec_name(column->codec));
    *out = (fm_pq_span){buffer->bytes, size};
    return FM_OK;
}

static fm_status open_dictionary(fm_pq_column *column, const page_header *h, fm_pq_span stored,
                                 fm_err *err)
{
    const fm_pq_leaf *leaf = column->leaf;
    size_t n = (size_t)h->values, least = leaf->width ? leaf->width : sizeof(uint32_t), bit = 0;
    fm_pq_span bytes;

    if (column->has_dictionary)
        return fm_pq_column_fault(column, err, "a second dictionary in the column");
    if (leaf->physical == FM_PQ_BOOLEAN ||
        (h->encoding != FM_PQ_PLAIN && h->encoding != FM_PQ_PLAIN_DICTIONARY))
        return fm_pq_column_fault(column, err, "the dictionary has an encoding it cannot have");
    fm_status st = unpack(column, true, stored, (size_t)h->unpacked_bytes, &column->dictionary_page,
                          &bytes, err);
    if (st != FM_OK)
        return st;
    if (n > bytes.size / least || n > FM_PARQUET_MAX_DICTIONARY_ENTRIES)
        return fm_pq_column_fault(column, err, "the dictionary has more entries than possible");
    if (bytes.bytes == stored.bytes && bytes.size) { /* the window moves on */
        if (!fm_pq_room(&column->dictionary_page, bytes.size))
            return no_memory(column, err);
        memcpy(column->dictionary_page.bytes, bytes.bytes, bytes.size);
        bytes.bytes = column->dictionary_page.bytes;
    }
    free(column->dictionary);
    column->dictionary = malloc((n ? n : 1) * sizeof(*column->dictionary));
    if (!column->dictionary)
        return no_memory(column, err);
    fm_arena_reset(&column->dictionary_text);
    const char *problem = fm_pq_read_plain(leaf, &bytes, &bit, column->dictionary, n);
    if (!problem)
        problem = fm_pq_convert(leaf, &column->dictionary_text, column->dictionary, n);
    if (problem)
        return fm_pq_column_fault(column, err, "the dictionary is broken: %s", problem);
    column->dictionary_size = n;
    column->has_dictionary = true;
    return FM_OK;
}

static bool cut(fm_pq_span *from, size_t size, fm_pq_span *out)
{
    if (size > from->size)
        return false;
    *out = (fm_pq_span){from->bytes, size};
    from->bytes += size;
    from->size -= size;
    return true;
}

static unsigned width_of(unsigned most)
{
    return most ? 32 - (unsigned)__builtin_clz(most) : 0;
}

/* The levels at the front of a page of version 1; `most` 0: there are none. */
static bool take_levels(fm_pq_span *body, int32_t encoding, unsigned most, size_t values,
                        fm_pq_runs *out)
{
    unsigned width = width_of(most);
    fm_pq_span bytes;

    if (most == 0)
        return true;
    if (encoding == FM_PQ_BIT_PACKED) {
        if (!cut(body, (values * width + 7) / 8, &bytes))
            return false;
        fm_pq_runs_start_bit_packed(out, bytes, width);
        return true;
    }
    return encoding == FM_PQ_RLE && cut(body, sizeof(uint32_t), &bytes) &&
           cut(body, fm_pq_load32(bytes.bytes), &bytes) && fm_pq_runs_start(out, bytes, width);
}

static fm_status bad_encoding(const fm_pq_column *column, const page_header *h, fm_err *err)
{
    return fm_pq_column_fault(column, err,
                              "encoding %" PRId32 " is unknown or does not fit the column's type",
                              h->encoding);
}

static fm_status expanded(const fm_pq_column *column, fm_pq_expansion result, fm_err *err)
{
    switch (result) {
    case FM_PQ_EXPANDED:
        return FM_OK;
    case FM_PQ_NO_MEMORY:
        return no_memory(column, err);
    case FM_PQ_TOO_LARGE:
        return fm_pq_column_fault(column, err, "its values are larger than the %zu bytes allowed",
                                  FM_PARQUET_MAX_PAGE_BYTES);
    default:
        return fm_pq_column_fault(column, err, "its values are broken");
    }
}

static fm_status open_byte_array_deltas(fm_pq_column *column, fm_pq_span values, fm_err *err)
{
    const uint8_t *text = NULL, *end = values.bytes + values.size;

    if (fm_pq_deltas_start(&column->deltas, values))
        text = fm_pq_deltas_end(&column->deltas);
    if (!text)
        return fm_pq_column_fault(column, err, "the lengths of its values are broken");
    column->plain = (fm_pq_span){text, (size_t)(end - text)};
    return FM_OK;
}

static fm_status open_dictionary_indices(fm_pq_column *column, fm_pq_span values, fm_err *err)
{
    if (!column->has_dictionary)
        return fm_pq_column_fault(column, err, "the column has no dictionary before this page");
    unsigned width = values.size ? values.bytes[0] : 0; /* no bytes: a page of nulls */
    if (values.size) {
        values.bytes++;
        values.size--;
    }
    if (!fm_pq_runs_start(&column->runs, values, width))
        return fm_pq_column_fault(column, err, "its indices are wider than 32 bits");
    return FM_OK;
}

/* Get ready to decode the values, whose encoding must fit the type. */
static fm_status open_values(fm_pq_column *column, const page_header *h, fm_pq_span values,
                             fm_err *err)
{
    const fm_pq_leaf *leaf = column->leaf;
    fm_pq_physical type = leaf->physical;
    bool integer = type == FM_PQ_INT32 || type == FM_PQ_INT64, fixed = type == FM_PQ_FIXED;
    fm_pq_span length;

    column->encoding = (fm_pq_encoding)h->encoding;
    column->plain = values;
    column->plain_bit = 0;
    switch (h->encoding) {
    case FM_PQ_PLAIN:
        return FM_OK;
    case FM_PQ_PLAIN_DICTIONARY:
    case FM_PQ_RLE_DICTIONARY:
        column->encoding = FM_PQ_RLE_DICTIONARY;
        return open_dictionary_indices(column, values, err);
    case FM_PQ_RLE:
        if (type != FM_PQ_BOOLEAN)
            return bad_encoding(column, h, err);
        if (values.size == 0)
            return FM_OK;
        if (!cut(&values, sizeof(uint32_t), &length) ||
            !cut(&values, fm_pq_load32(length.bytes), &length) ||
            !fm_pq_runs_start(&column->runs, length, 1))
            return fm_pq_column_fault(column, err, "its values are broken");
        return FM_OK;
    case FM_PQ_DELTA_BINARY_PACKED:
        if (!integer)
            return bad_encoding(column, h, err);
        if (values.size && !fm_pq_deltas_start(&column->deltas, values))
            return fm_pq_column_fault(column, err, "its values are broken");
        return FM_OK;
    case FM_PQ_DELTA_LENGTH_BYTE_ARRAY:
        if (type != FM_PQ_BYTE_ARRAY)
            return bad_encoding(column, h, err);
        return values.size ? open_byte_array_deltas(column, values, err) : FM_OK;
    case FM_PQ_DELTA_BYTE_ARRAY:
        if (type != FM_PQ_BYTE_ARRAY && !fixed)
            return bad_encoding(column, h, err);
        column->encoding = FM_PQ_PLAIN;
        return values.size ? expanded(column,
                                      fm_pq_expand_prefixes(values, fixed, leaf->width,
                                                            &column->expanded, &column->plain),
                                      err)
                           : FM_OK;
    case FM_PQ_BYTE_STREAM_SPLIT:
        if (!integer && !fixed && type != FM_PQ_FLOAT && type != FM_PQ_DOUBLE)
            return bad_encoding(column, h, err);
        column->encoding = FM_PQ_PLAIN;
        return expanded(
            column, fm_pq_expand_streams(values, leaf->width, &column->expanded, &column->plain),
            err);
    default:
        return bad_encoding(column, h, err);
    }
}

static fm_status open_data(fm_pq_column *column, const page_header *h, fm_pq_span stored,
                           fm_err *err)
{
    const fm_pq_leaf *leaf = column->leaf;
    size_t size = (size_t)h->unpacked_bytes;
    fm_pq_span body, levels[2];

    if (h->values > column->values_left)
        return fm_pq_column_fault(column, err, "the page has more values than its column");
    /* What was there belongs to the page before. */
    column->runs = column->definition_runs = column->repetition_runs = (fm_pq_runs){0};
    column->deltas = (fm_pq_deltas){0};
    if (h->type == PAGE_DATA) {
        fm_status st = unpack(column, true, stored, size, &column->page, &body, err);
        if (st != FM_OK)
            return st;
        if (!take_levels(&body, h->repetition_encoding, leaf->max_repetition, (size_t)h->values,
                         &column->repetition_runs) ||
            !take_levels(&body, h->definition_encoding, leaf->max_definition, (size_t)h->values,
                         &column->definition_runs))
            return fm_pq_column_fault(column, err, "the levels of its values are broken");
    } else {
        /* The levels stand before the packed part. */
        size_t apart = (size_t)h->repetition_bytes + (size_t)h->definition_bytes;

        if (!cut(&stored, (size_t)h->repetition_bytes, &levels[0]) ||
            !cut(&stored, (size_t)h->definition_bytes, &levels[1]) || apart > size ||
            !fm_pq_runs_start(&column->repetition_runs, levels[0],
                              width_of(leaf->max_repetition)) ||
            !fm_pq_runs_start(&column->definition_runs, levels[1], width_of(leaf->max_definition)))
            return fm_pq_column_fault(column, err, "the levels of its values are broken");
        fm_status st = unpack(column, h->packed, stored, size - apart, &column->page, &body, err);
        if (st != FM_OK)
            return st;
    }
    fm_status st = open_values(column, h, body, err);
    if (st != FM_OK)
        return st;
    column->page_left = (size_t)h->values;
    column->values_left -= h->values;
    return FM_OK;
}

/* Open the next page that has values; none is left where page_left stays 0. */
static fm_status next_page(fm_pq_column *column, fm_err *err)
{
    while (column->page_left == 0 && column->values_left > 0) {
        page_header h;
        fm_pq_span stored;

        if (column->offset >= column->chunk_end)
            return fm_pq_column_fault(column, err, "the column ends before all of its values");
        fm_status st = read_header(column, &h, err);
        if (st == FM_OK)
            st = look_at(column, column->offset, (size_t)h.stored_bytes, &stored, err);
        if (st != FM_OK)
            return st;
        column->offset += h.stored_bytes;
        if (h.has_crc && crc32(0, stored.bytes, (uInt)stored.size) != h.crc)
            return fm_pq_column_fault(column, err,
                                      "the checksum does not match: the file is damaged");
        if (h.type == PAGE_DICTIONARY)
            st = open_dictionary(column, &h, stored, err);
        else if (h.type == PAGE_DATA || h.type == PAGE_DATA_V2)
            st = open_data(column, &h, stored, err);
        if (st != FM_OK)
            return st;
    }
    return FM_OK;
}

/* ---- batches ---- */

static const char *read_dictionary(fm_pq_column *column, fm_parquet_value *out, size_t n)
{
    uint32_t indices[BATCH];
    const fm_parquet_value *dictionary = column->dictionary;
    uint32_t most = 0;

    if (!fm_pq_runs_read(&column->runs, indices, n))
        return fm_pq_values_end;
    for (size_t i = 0; i < n; i++)
        most = indices[i] > most ? indices[i] : most;
    if (n && most >= column->dictionary_size)
        return "an index lies beyond the dictionary";
    for (size_t i = 0; i < n; i++)
        out[i] = dictionary[indices[i]];
    return NULL;
}

static const char *read_booleans(fm_pq_column *column, fm_parquet_value *out, size_t n)
{
    uint32_t bits[BATCH];

    if (!fm_pq_runs_read(&column->runs, bits, n))
        return fm_pq_values_end;
    for (size_t i = 0; i < n; i++)
        out[i] = (fm_parquet_value){.boolean = bits[i] != 0, .kind = FM_PARQUET_BOOLEAN};
    return NULL;
}

static const char *read_deltas(fm_pq_column *column, fm_parquet_value *out, size_t n)
{
    int64_t numbers[BATCH];

    if (!fm_pq_deltas_read(&column->deltas, numbers, n))
        return fm_pq_values_end;
    if (column->leaf->physical == FM_PQ_INT32)
        for (size_t i = 0; i < n; i++)
            fm_pq_set_integer(&out[i], (int32_t)(uint32_t)numbers[i]);
    else
        for (size_t i = 0; i < n; i++)
            fm_pq_set_integer(&out[i], numbers[i]);
    return NULL;
}

static const char *read_lengths(fm_pq_column *column, fm_parquet_value *out, size_t n)
{
    int64_t lengths[BATCH];
    fm_pq_span bytes;

    if (!fm_pq_deltas_read(&column->deltas, lengths, n))
        return fm_pq_values_end;
    for (size_t i = 0; i < n; i++) {
        if (lengths[i] < 0 || !cut(&column->plain, (size_t)lengths[i], &bytes))
            return fm_pq_values_end;
        fm_pq_set_bytes(&out[i], bytes.bytes, bytes.size);
    }
    return NULL;
}

/* n values that are not null, n at most BATCH. */
static const char *read_present(fm_pq_column *column, fm_parquet_value *out, size_t n)
{
    const char *problem;

    switch (column->encoding) {
    case FM_PQ_RLE_DICTIONARY:
        return read_dictionary(column, out, n);
    case FM_PQ_RLE:
        return read_booleans(column, out, n);
    case FM_PQ_DELTA_BINARY_PACKED:
        problem = read_deltas(column, out, n);
        break;
    case FM_PQ_DELTA_LENGTH_BYTE_ARRAY:
        problem = read_lengths(column, out, n);
        break;
    default:
        problem = fm_pq_read_plain(column->leaf, &column->plain, &column->plain_bit, out, n);
    }
    return problem ? problem : fm_pq_convert(column->leaf, &column->text, out, n);
}

/* Levels of n values: false where they end too early or one is too high. */
static bool read_levels(fm_pq_runs *runs, uint32_t *out, size_t n, uint32_t most)
{
    uint32_t highest = 0;

    if (!fm_pq_runs_read(runs, out, n))
        return false;
    for (size_t i = 0; i < n; i++)
        highest = out[i] > highest ? out[i] : highest;
    return highest <= most;
}

/* The first `present` of n values are there: put each at its place and nulls between them. */
static void spread(fm_parquet_value *values, const uint32_t *definitions, uint32_t most, size_t n,
                   size_t present)
{
    for (size_t i = n; i > present; i--)
        values[i - 1] =
            definitions[i - 1] == most ? values[--present] : (fm_parquet_value){.size = 0};
}

static fm_status decode(fm_pq_column *column, size_t n, fm_err *err)
{
    const fm_pq_leaf *leaf = column->leaf;
    uint32_t *definitions = column->definitions ? column->definitions + column->end : NULL;
    fm_parquet_value *values = column->values + column->end;
    size_t present = n;

    if (column->repetitions &&
        !read_levels(&column->repetition_runs, column->repetitions + column->end, n,
                     leaf->max_repetition))
        return fm_pq_column_fault(column, err, "the repetition levels are broken");
    /* Most pages have no null, which their levels tell in one run. */
    if (definitions && !(column->flat &&
                         fm_pq_runs_step_over(&column->definition_runs, leaf->max_definition, n))) {
        if (!read_levels(&column->definition_runs, definitions, n, leaf->max_definition))
            return fm_pq_column_fault(column, err, "the definition levels are broken");
        present = 0;
        for (size_t i = 0; i < n; i++)
            present += definitions[i] == leaf->max_definition;
    }
    const char *problem = read_present(column, values, present);
    if (problem)
        return fm_pq_column_fault(column, err, "%s", problem);
    if (present < n)
        spread(values, definitions, leaf->max_definition, n, present);
    column->end += n;
    column->page_left -= n;
    return FM_OK;
}

static bool grow(fm_pq_column *column, size_t need)
{
    size_t capacity = column->capacity;

    if (need <= capacity)
        return true;
    while (capacity < need)
        capacity *= 2;
    fm_parquet_value *values = realloc(column->values, capacity * sizeof(*values));
    if (values)
        column->values = values;
    uint32_t *definitions = column->definitions, *repetitions = column->repetitions;
    if (definitions && (definitions = realloc(definitions, capacity * sizeof(*definitions))))
        column->definitions = definitions;
    if (repetitions && (repetitions = realloc(repetitions, capacity * sizeof(*repetitions))))
        column->repetitions = repetitions;
    if (!values || (column->definitions && !definitions) || (column->repetitions && !repetitions))
        return false;
    column->capacity = capacity;
    return true;
}

/* The waiting values of an unfinished row go to the front, and their bytes out of the page, which may
 * have to make way. */
static fm_status keep_waiting(fm_pq_column *column, fm_err *err)
{
    size_t n = column->end - column->next;

    if (n && column->next) {
        memmove(column->values, column->values + column->next, n * sizeof(*column->values));
        memmove(column->definitions, column->definitions + column->next,
                n * sizeof(*column->definitions));
        memmove(column->repetitions, column->repetitions + column->next,
                n * sizeof(*column->repetitions));
    }
    column->next = 0;
    column->end = n;
    for (; column->kept < n; column->kept++) {
        fm_parquet_value *value = &column->values[column->kept];

        if ((value->kind != FM_PARQUET_TEXT && value->kind != FM_PARQUET_BINARY) || !value->size)
            continue;
        value->bytes = fm_arena_memdup(&column->moved, value->bytes, value->size);
        if (!value->bytes)
            return fm_pq_column_fault(column, err, "a row is larger than the %zu bytes allowed",
                                      FM_PARQUET_MAX_ROW_BYTES);
    }
    return FM_OK;
}

fm_status fm_pq_column_fill(fm_pq_column *column, fm_err *err)
{
    fm_status st = keep_waiting(column, err);

    if (st != FM_OK)
        return st;
    fm_arena_reset(&column->text);
    if (column->page_left == 0) {
        st = next_page(column, err);
        if (st != FM_OK || column->page_left == 0)
            return st;
    }
    size_t n = column->page_left < BATCH ? column->page_left : BATCH;
    if (column->end + n > FM_PARQUET_MAX_ROW_ITEMS)
        return fm_pq_column_fault(column, err, "a row has more than the %zu values allowed",
                                  FM_PARQUET_MAX_ROW_ITEMS);
    if (!grow(column, column->end + n))
        return no_memory(column, err);
    return decode(column, n, err);
}
