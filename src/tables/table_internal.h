/* The formats behind fm_table. */
#ifndef FM_TABLES_TABLE_INTERNAL_H
#define FM_TABLES_TABLE_INTERNAL_H

#include "tables/table.h"

typedef struct {
    const char *endings[3]; /* of the names of such files */
    bool takes_rows;        /* fm_table_open()'s `rows` means something here */
    bool has_columns;       /* of the file, so that a name which is none of them is refused */
    fm_status (*open)(void **out, const char *path, const char *rows, fm_err *err);
    void (*close)(void *source);
    /* Start again at the first row. */
    fm_status (*choose)(void *source, const char *const *columns, size_t n, fm_err *err);
    fm_status (*next)(void *source, const fm_parquet_value **row, fm_err *err);
} fm_table_format;

extern const fm_table_format fm_table_json, fm_table_json_lines, fm_table_tsv;

/* A file read in blocks, byte by byte or in runs. */
typedef struct {
    FILE *stream;
    char *block;
    size_t at, end; /* [at, end) of the block is not taken yet */
} fm_table_bytes;

FM_MUST_CHECK fm_status fm_table_bytes_open(fm_table_bytes *bytes, const char *path, fm_err *err);
void fm_table_bytes_close(fm_table_bytes *bytes); /* accepts {0} */
void fm_table_bytes_rewind(fm_table_bytes *bytes);

/* Whether a byte is there to take, reading on where needed; false at the end, and where the file
 * cannot be read: fm_table_bytes_check() tells. */
bool fm_table_bytes_fill(fm_table_bytes *bytes);
FM_MUST_CHECK fm_status fm_table_bytes_check(const fm_table_bytes *bytes, const char *path,
                                             fm_err *err);

#define FM_TABLE_END (-1)
int fm_table_bytes_peek(fm_table_bytes *bytes); /* the next byte, or FM_TABLE_END */

#endif
