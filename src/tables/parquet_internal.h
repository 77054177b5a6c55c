/* What the files of the Parquet reader share: the schema as it is stored, encodings, codecs and the
 * reader of one column. Nothing here is thread-safe beyond one handle a thread. */
#ifndef FM_TABLES_PARQUET_INTERNAL_H
#define FM_TABLES_PARQUET_INTERNAL_H

#include "base/arena.h"
#include "tables/parquet.h"
#include "tables/thrift_internal.h"

/* The numbers of the format. */
typedef enum {
    FM_PQ_BOOLEAN,
    FM_PQ_INT32,
    FM_PQ_INT64,
    FM_PQ_INT96,
    FM_PQ_FLOAT,
    FM_PQ_DOUBLE,
    FM_PQ_BYTE_ARRAY,
    FM_PQ_FIXED
} fm_pq_physical;

typedef enum {
    FM_PQ_UNCOMPRESSED,
    FM_PQ_SNAPPY,
    FM_PQ_GZIP,
    FM_PQ_LZO,
    FM_PQ_BROTLI,
    FM_PQ_LZ4,
    FM_PQ_ZSTD,
    FM_PQ_LZ4_RAW
} fm_pq_codec;

typedef enum {
    FM_PQ_PLAIN = 0,
    FM_PQ_PLAIN_DICTIONARY = 2,
    FM_PQ_RLE = 3,
    FM_PQ_BIT_PACKED = 4,
    FM_PQ_DELTA_BINARY_PACKED = 5,
    FM_PQ_DELTA_LENGTH_BYTE_ARRAY = 6,
    FM_PQ_DELTA_BYTE_ARRAY = 7,
    FM_PQ_RLE_DICTIONARY = 8,
    FM_PQ_BYTE_STREAM_SPLIT = 9
} fm_pq_encoding;

/* What makes the value that is shown from the one that is stored. */
typedef enum {
    FM_PQ_AS_STORED,
    FM_PQ_AS_UINT32,
    FM_PQ_AS_UINT64,
    FM_PQ_AS_TEXT,
    FM_PQ_AS_DECIMAL_INTEGER,
    FM_PQ_AS_DECIMAL_REAL,
    FM_PQ_AS_DECIMAL_TEXT,
    FM_PQ_AS_FLOAT16
} fm_pq_conversion;

typedef struct {
    size_t index; /* of the column in each row group */
    fm_pq_physical physical;
    uint32_t width; /* of a stored value in bytes; 0 for BOOLEAN and BYTE_ARRAY */
    fm_pq_conversion conversion;
    int scale; /* of a DECIMAL */
    uint8_t max_definition, max_repetition;
} fm_pq_leaf;

/* Where a node of the schema stands among the levels. A value is null below `definition`. */
typedef struct fm_pq_place {
    uint8_t definition;
    uint8_t item_definition, item_repetition; /* LIST: of its elements */
    const char *repeated;                     /* LIST: the file's name of the layer that repeats */
    bool wrapped;                             /* LIST: the element is a field of that layer */
    fm_pq_leaf leaf;                          /* of a node without children */
} fm_pq_place;

typedef struct {
    const uint8_t *bytes;
    size_t size;
} fm_pq_span;

/* ---- footer.c ---- */

typedef struct {
    fm_parquet_node root;
    size_t n_leaves;
    int64_t rows;
    fm_thrift groups; /* the row groups not read yet */
    size_t n_groups;
} fm_pq_footer;

/* A column of a row group; offsets are not checked yet. */
typedef struct {
    bool present, elsewhere, encrypted;
    int32_t physical, codec;
    int64_t values, stored_bytes, data_offset, dictionary_offset;
} fm_pq_chunk;

/* Read the schema and find the row groups. `bytes` must outlive the footer; nodes are of `arena`. */
FM_MUST_CHECK fm_status fm_pq_footer_read(fm_pq_footer *out, fm_pq_span bytes, fm_arena *arena,
                                          const char *path, fm_err *err);

/* The next row group from footer->groups: its rows and n_leaves chunks. */
FM_MUST_CHECK fm_status fm_pq_footer_group(fm_pq_footer *footer, fm_pq_chunk *chunks, int64_t *rows,
                                           const char *path, fm_err *err);

/* ---- codecs.c ---- */

typedef struct {
    void *zstd; /* made when first needed */
} fm_pq_codecs;

/* Name of a codec, or NULL for a number without one. */
const char *fm_pq_codec_name(int32_t codec);

/* The most bytes that `stored` bytes can unpack to. */
size_t fm_pq_codec_most(int32_t codec, size_t stored);

/* Unpack exactly `size` bytes into `out`. False where the codec is not one of ours or the bytes are
 * broken. */
FM_MUST_CHECK bool fm_pq_unpack(fm_pq_codecs *codecs, int32_t codec, fm_pq_span in, uint8_t *out,
                                size_t size);
void fm_pq_codecs_release(fm_pq_codecs *codecs);

/* ---- encodings.c ---- */

/* Runs and bit-packed groups in turn (RLE), or, `from_high_bit`, the old BIT_PACKED. */
typedef struct {
    const uint8_t *next, *end;
    unsigned width;
    bool from_high_bit;
    uint32_t run_value;
    size_t run_left;
    fm_pq_span packed; /* the group being read */
    size_t packed_bit, packed_left;
} fm_pq_runs;

/* False: width over 32. */
FM_MUST_CHECK bool fm_pq_runs_start(fm_pq_runs *runs, fm_pq_span bytes, unsigned width);
void fm_pq_runs_start_bit_packed(fm_pq_runs *runs, fm_pq_span bytes, unsigned width);
/* Step over n values where they are one run of `value`; else false, and nothing is stepped over. */
FM_MUST_CHECK bool fm_pq_runs_step_over(fm_pq_runs *runs, uint32_t value, size_t n);
/* Exactly n values, or false. */
FM_MUST_CHECK bool fm_pq_runs_read(fm_pq_runs *runs, uint32_t *out, size_t n);

/* DELTA_BINARY_PACKED */
typedef struct {
    const uint8_t *next, *end;
    size_t left;           /* values not read yet */
    uint64_t value;        /* the last one */
    bool first;            /* it has not been handed out */
    size_t per_mini;       /* values in a miniblock */
    size_t minis, mini;    /* miniblocks in a block; the next one */
    const uint8_t *widths; /* of the block's miniblocks */
    uint64_t least;        /* added to each difference of the block */
    fm_pq_span packed;
    size_t packed_bit, packed_left;
    unsigned width;
} fm_pq_deltas;

FM_MUST_CHECK bool fm_pq_deltas_start(fm_pq_deltas *deltas, fm_pq_span bytes);
FM_MUST_CHECK bool fm_pq_deltas_read(fm_pq_deltas *deltas, int64_t *out, size_t n);
/* Where the bytes after the last value begin; NULL where the bytes are broken. */
const uint8_t *fm_pq_deltas_end(const fm_pq_deltas *deltas);

/* Rewrite a page's values as PLAIN into a buffer of the caller's (see fm_pq_room). */
typedef struct {
    uint8_t *bytes;
    size_t capacity;
} fm_pq_buffer;

FM_MUST_CHECK bool fm_pq_room(fm_pq_buffer *buffer,
                              size_t size); /* at most FM_PARQUET_MAX_PAGE_BYTES */

typedef enum { FM_PQ_EXPANDED, FM_PQ_BROKEN, FM_PQ_TOO_LARGE, FM_PQ_NO_MEMORY } fm_pq_expansion;
FM_MUST_CHECK fm_pq_expansion fm_pq_expand_prefixes(fm_pq_span in, bool fixed, uint32_t width,
                                                    fm_pq_buffer *buffer, fm_pq_span *out);
FM_MUST_CHECK fm_pq_expansion fm_pq_expand_streams(fm_pq_span in, uint32_t width,
                                                   fm_pq_buffer *buffer, fm_pq_span *out);

static inline uint32_t fm_pq_load32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t fm_pq_load64(const uint8_t *p)
{
    return (uint64_t)fm_pq_load32(p) | (uint64_t)fm_pq_load32(p + 4) << 32;
}

/* ---- values.c: NULL where all is well, or what is wrong ---- */

/* The next n values of PLAIN from *plain, and for BOOLEAN from *bit in it. Bytes are borrowed. */
FM_MUST_CHECK const char *fm_pq_read_plain(const fm_pq_leaf *leaf, fm_pq_span *plain, size_t *bit,
                                           fm_parquet_value *out, size_t n);

/* Make of n stored values those that are shown; long decimals are written to the arena. */
FM_MUST_CHECK const char *fm_pq_convert(const fm_pq_leaf *leaf, fm_arena *arena,
                                        fm_parquet_value *values, size_t n);

extern const char *const fm_pq_values_end; /* the commonest thing that is wrong */

static inline void fm_pq_set_integer(fm_parquet_value *out, int64_t value)
{
    out->integer = value;
    out->size = 0;
    out->kind = FM_PARQUET_INTEGER;
}

static inline void fm_pq_set_real(fm_parquet_value *out, double value)
{
    out->real = value;
    out->size = 0;
    out->kind = FM_PARQUET_REAL;
}

static inline void fm_pq_set_bytes(fm_parquet_value *out, const uint8_t *bytes, size_t size)
{
    out->bytes = size ? (const char *)bytes : ""; /* never NULL: a caller may hand it to memcpy */
    out->size = (uint32_t)size;                   /* a page is smaller than 4 GiB */
    out->kind = FM_PARQUET_BINARY;
}

/* ---- column.c ---- */

/* The file that columns are read from. */
typedef struct {
    int fd;
    const char *path;
    int64_t data_end; /* where the footer begins */
    fm_pq_codecs codecs;
} fm_pq_source;

/* Values wait in `values` from `next` to `end`. Columns that are not flat have the levels of each
 * beside it; a value that is null has the kind FM_PARQUET_NULL. */
typedef struct {
    fm_pq_source *source;
    const fm_pq_leaf *leaf;
    const char *name;
    bool flat; /* its levels are of use to nobody else */

    fm_parquet_value *values;
    uint32_t *definitions, *repetitions; /* NULL where they are always zero */
    size_t next, end, capacity;

    size_t kept;    /* values of an unfinished row at the front that no longer need their page */
    fm_arena moved; /* their bytes */

    int32_t codec;
    int64_t chunk_end, offset; /* the next page is at `offset` */
    int64_t values_left;       /* of the chunk, beyond the current page */

    fm_pq_buffer window; /* what was read of the file, from window_offset */
    int64_t window_offset;
    size_t window_size;

    fm_pq_buffer page, expanded; /* unpacked; rewritten as PLAIN */
    int64_t page_offset;         /* where the current page begins, for messages */
    size_t page_left;            /* values, nulls included */
    fm_pq_runs repetition_runs, definition_runs;
    fm_pq_encoding encoding; /* of its values, after any rewriting */
    fm_pq_span plain;
    size_t plain_bit;    /* BOOLEAN */
    fm_pq_runs runs;     /* indices into the dictionary, or truth values */
    fm_pq_deltas deltas; /* integers, or lengths of byte arrays that stand in `plain` */

    fm_pq_buffer dictionary_page;
    fm_parquet_value *dictionary;
    size_t dictionary_size;
    bool has_dictionary;
    fm_arena dictionary_text, text; /* of decimals too long for a number */
} fm_pq_column;

FM_MUST_CHECK fm_status fm_pq_column_init(fm_pq_column *column, fm_pq_source *source,
                                          const fm_pq_leaf *leaf, const char *name, fm_err *err);
void fm_pq_column_release(fm_pq_column *column);

/* Begin a column of a row group. Its values that are still waiting are dropped. */
FM_MUST_CHECK fm_status fm_pq_column_start(fm_pq_column *column, const fm_pq_chunk *chunk,
                                           fm_err *err);

/* Get more values after those that wait; none (next == end) at the end of the column. Those that
 * wait are kept and moved to the front: their bytes are good until fm_arena_reset(&column->moved). */
FM_MUST_CHECK fm_status fm_pq_column_fill(fm_pq_column *column, fm_err *err);

/* FM_E_INPUT with the file, the column and the byte at which the current page begins. */
fm_status fm_pq_column_fault(const fm_pq_column *column, fm_err *err, const char *fmt, ...)
    FM_PRINTF(3, 4);

#endif
