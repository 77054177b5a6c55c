/**
 * Parquet files, a row at a time, as the data hubs publish them.
 *
 * The caller opens a file, looks at its schema, chooses columns by their paths and asks for one row
 * after another. Only the pages of the chosen columns are read. Memory is bounded by the largest
 * page of each chosen column, as it is stored and unpacked, and its dictionary, whatever the size of
 * the file or of its row groups.
 *
 * Read: columns flat and nested (structs, lists, maps); all physical types; the encodings PLAIN,
 * PLAIN_DICTIONARY, RLE_DICTIONARY, RLE, BIT_PACKED, DELTA_BINARY_PACKED, DELTA_LENGTH_BYTE_ARRAY,
 * DELTA_BYTE_ARRAY, BYTE_STREAM_SPLIT; data pages of both versions; uncompressed, Snappy, gzip, Zstandard,
 * LZ4_RAW, Brotli. Checksums of pages are compared where a file has them. Refused with a message: encryption,
 * columns in other files, LZO and the old LZ4 framing.
 *
 * A file is input and may be hostile: sizes, offsets and counts are checked before they are used.
 * Faults are FM_E_INPUT and name the file, the column and the byte. The file is read with pread and
 * never mapped: one that shrinks while it is read gives an error and no SIGBUS.
 *
 * Several threads may each read through a handle of their own, of the same file too; one handle is
 * for one thread at a time.
 *
 * Source: the Apache Parquet format, https://parquet.apache.org/docs/file-format/
 */
#ifndef FM_TABLES_PARQUET_H
#define FM_TABLES_PARQUET_H

#include <stdbool.h>
#include <stdint.h>

#include "fathom/status.h"

/* Caps. A file beyond one of them is refused. */
#define FM_PARQUET_MAX_PAGE_BYTES         ((size_t)512 << 20) /* a page, stored or unpacked */
#define FM_PARQUET_MAX_FOOTER_BYTES       ((size_t)256 << 20)
#define FM_PARQUET_MAX_HEADER_BYTES       ((size_t)16 << 20) /* of a page: statistics may hold values */
#define FM_PARQUET_MAX_ELEMENTS           ((size_t)1 << 16) /* of the schema */
#define FM_PARQUET_MAX_DEPTH              64                /* of the schema */
#define FM_PARQUET_MAX_DICTIONARY_ENTRIES ((size_t)1 << 24)
#define FM_PARQUET_MAX_ROW_ITEMS          ((size_t)1 << 24) /* values of one column in one row */
#define FM_PARQUET_MAX_ROW_BYTES          ((size_t)1 << 30) /* of a row's lists */

typedef enum {
    FM_PARQUET_NULL,
    FM_PARQUET_BOOLEAN,
    FM_PARQUET_INTEGER,
    FM_PARQUET_NATURAL, /* of an unsigned column of 64 bits */
    FM_PARQUET_REAL,
    FM_PARQUET_TEXT,   /* said to be UTF-8, which is not checked here; not terminated */
    FM_PARQUET_BINARY, /* bytes */
    FM_PARQUET_LIST,
    FM_PARQUET_STRUCT
} fm_parquet_kind;

/**
 * One value of one row. What it points to is borrowed until the next call with the same handle.
 *
 * DATE is an integer in days, TIME and TIMESTAMP are integers in the column's unit, INT96 is nanoseconds, all
 * since 1970-01-01. DECIMAL is an integer where its scale is 0 and it has at most 18 digits, a real number (the
 * nearest double) where it has at most 15 digits, else text such as "-12.50". A map is a list of
 * structs of key and value.
 */
typedef struct fm_parquet_value fm_parquet_value;
struct fm_parquet_value {
    union {
        bool boolean;
        int64_t integer;
        uint64_t natural;
        double real;
        const char *bytes;             /* TEXT, BINARY: `size` bytes; never NULL */
        const fm_parquet_value *items; /* LIST, STRUCT: `size` values; a struct's in schema order */
    };
    uint32_t size;
    fm_parquet_kind kind;
};

/* A column or a part of one. Lists have one child, their element, whatever layers the file wraps it
 * in; structs have their fields. */
typedef struct fm_parquet_node fm_parquet_node;
struct fm_parquet_node {
    const char *name;
    const char
        *type; /* "int32", "string", "decimal(9,2)", "timestamp(us)", "list", "struct", ... */
    fm_parquet_kind kind;
    bool nullable;
    const fm_parquet_node *children;
    size_t n_children;
    const struct fm_pq_place *place; /* the reader's own */
};

typedef struct fm_parquet fm_parquet;

/* Read the footer. FM_E_IO where the file cannot be read. */
FM_MUST_CHECK fm_status fm_parquet_open(fm_parquet **out, const char *path, fm_err *err);
void fm_parquet_close(fm_parquet *file); /* accepts NULL */

/* A struct of the columns; lives as long as the handle. */
const fm_parquet_node *fm_parquet_schema(const fm_parquet *file);
int64_t fm_parquet_rows(const fm_parquet *file); /* as the footer says */

/**
 * Choose what a row holds, and start again at the first row. A path names a column ("answer"), a field of a struct
 * ("image.bytes") or of the elements of a list ("conversations[].value", or by the file's own names
 * "conversations.list.element.value"). The value of a path through a list is a list; a path that ends at a
 * struct gives the struct with all its fields. NULL where anything on the way is null.
 * FM_E_USAGE where the file has no such path; then the choice is as it was.
 */
FM_MUST_CHECK fm_status fm_parquet_choose(fm_parquet *file, const char *const *paths, size_t n,
                                          fm_err *err);

/* The next row: (*row)[i] belongs to the i-th path. *row is NULL after the last one. After a
 * failure the handle gives the same failure until columns are chosen again. */
FM_MUST_CHECK fm_status fm_parquet_next(fm_parquet *file, const fm_parquet_value **row,
                                        fm_err *err);

/* INTEGER, NATURAL and REAL as a double; false for other kinds and for what a double cannot hold
 * exactly. */
bool fm_parquet_number(const fm_parquet_value *value, double *out);

#endif
