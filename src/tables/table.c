/* Owns what the formats have in common: which one a name means, that a failure is kept, and how a
 * file is read in blocks. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/size.h"
#include "tables/table_internal.h"

/* ---- Parquet, as one of the formats ---- */

static fm_status parquet_open(void **out, const char *path, const char *rows, fm_err *err)
{
    fm_parquet *file = NULL;
    fm_status st = fm_parquet_open(&file, path, err);

    (void)rows;
    if (st == FM_OK)
        *out = file;
    return st;
}

static void parquet_close(void *source)
{
    fm_parquet_close(source);
}

/* Which columns are asked for comes from a description of the file, so it is input here. */
static fm_status parquet_choose(void *source, const char *const *columns, size_t n, fm_err *err)
{
    fm_status st = fm_parquet_choose(source, columns, n, err);

    if (st == FM_E_USAGE && err)
        err->code = FM_E_INPUT;
    return st == FM_E_USAGE ? FM_E_INPUT : st;
}

static fm_status parquet_next(void *source, const fm_parquet_value **row, fm_err *err)
{
    return fm_parquet_next(source, row, err);
}

static const fm_table_format table_parquet = {
    .endings = {".parquet"},
    .has_columns = true,
    .open = parquet_open,
    .close = parquet_close,
    .choose = parquet_choose,
    .next = parquet_next,
};

/* ---- the table ---- */

struct fm_table {
    const fm_table_format *format;
    void *source;
    fm_err fault; /* of an earlier call; code FM_OK: none */
};

static const fm_table_format *const formats[] = {&table_parquet, &fm_table_json,
                                                 &fm_table_json_lines, &fm_table_tsv};

static bool ends_with(const char *name, const char *ending)
{
    size_t n = strlen(name), k = strlen(ending);

    return n > k && strcmp(name + n - k, ending) == 0;
}

static const fm_table_format *format_of(const char *path)
{
    for (size_t i = 0; i < FM_COUNT_OF(formats); i++)
        for (size_t k = 0; k < FM_COUNT_OF(formats[i]->endings) && formats[i]->endings[k]; k++)
            if (ends_with(path, formats[i]->endings[k]))
                return formats[i];
    return NULL;
}

fm_status fm_table_open(fm_table **out, const char *path, const char *rows, fm_err *err)
{
    const fm_table_format *format = format_of(path);

    if (!format)
        return fm_fail(err, FM_E_INPUT,
                       "'%s' is no table: its name must end with .parquet, .json, .jsonl, .ndjson "
                       "or .tsv",
                       path);
    if (rows && !format->takes_rows)
        return fm_fail(err, FM_E_INPUT, "'%s' is no JSON file, so its rows are not in '%s'", path,
                       rows);
    fm_table *table = calloc(1, sizeof(*table));
    if (!table)
        return fm_fail(err, FM_E_NOMEM, "no memory for '%s'", path);
    table->format = format;
    fm_status st = format->open(&table->source, path, rows, err);
    if (st != FM_OK) {
        free(table);
        return st;
    }
    *out = table;
    return FM_OK;
}

bool fm_table_has_columns(const char *path)
{
    const fm_table_format *format = format_of(path);

    return format && format->has_columns;
}

void fm_table_close(fm_table *table)
{
    if (!table)
        return;
    table->format->close(table->source);
    free(table);
}

fm_status fm_table_choose(fm_table *table, const char *const *columns, size_t n, fm_err *err)
{
    table->fault = (fm_err){0};
    return table->format->choose(table->source, columns, n, err);
}

fm_status fm_table_next(fm_table *table, const fm_parquet_value **row, fm_err *err)
{
    if (table->fault.code == FM_OK) {
        fm_status st = table->format->next(table->source, row, &table->fault);

        if (st == FM_OK)
            return FM_OK;
        table->fault.code = st;
    }
    return fm_fail(err, table->fault.code, "%s", table->fault.text);
}

/* ---- bytes ---- */

enum { BLOCK_BYTES = 256 << 10 };

fm_status fm_table_bytes_open(fm_table_bytes *bytes, const char *path, fm_err *err)
{
    struct stat info;

    *bytes = (fm_table_bytes){.stream = fopen(path, "rbe"), .block = malloc(BLOCK_BYTES)};
    fm_status st = FM_OK;
    if (!bytes->stream)
        st = fm_fail(err, FM_E_IO, "cannot open '%s': %s", path, strerror(errno));
    else if (!bytes->block)
        st = fm_fail(err, FM_E_NOMEM, "no memory to read '%s'", path);
    else if (fstat(fileno(bytes->stream), &info) == 0 && S_ISDIR(info.st_mode))
        st = fm_fail(err, FM_E_IO, "cannot read '%s': it is a folder", path);
    if (st != FM_OK)
        fm_table_bytes_close(bytes);
    return st;
}

void fm_table_bytes_close(fm_table_bytes *bytes)
{
    if (bytes->stream)
        fclose(bytes->stream);
    free(bytes->block);
    *bytes = (fm_table_bytes){0};
}

void fm_table_bytes_rewind(fm_table_bytes *bytes)
{
    rewind(bytes->stream);
    bytes->at = bytes->end = 0;
}

bool fm_table_bytes_fill(fm_table_bytes *bytes)
{
    if (bytes->at < bytes->end)
        return true;
    bytes->at = 0;
    bytes->end = fread(bytes->block, 1, BLOCK_BYTES, bytes->stream);
    return bytes->end > 0;
}

fm_status fm_table_bytes_check(const fm_table_bytes *bytes, const char *path, fm_err *err)
{
    if (!ferror(bytes->stream))
        return FM_OK;
    return fm_fail(err, FM_E_IO, "cannot read '%s'", path);
}

int fm_table_bytes_peek(fm_table_bytes *bytes)
{
    return fm_table_bytes_fill(bytes) ? (unsigned char)bytes->block[bytes->at] : FM_TABLE_END;
}
