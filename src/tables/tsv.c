/* Owns tab-separated values as pandas writes them: the first line names the columns, a cell that holds
 * a tab, a quote or a line break stands in quotes, which are doubled inside it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/files.h"
#include "base/size.h"
#include "base/text.h"
#include "tables/table_internal.h"

enum { MAX_COLUMNS = 4096, MAX_HEADER_BYTES = 1 << 20 };

typedef enum { ENDS_CELL, ENDS_ROW, ENDS_FILE } ending;

typedef struct {
    size_t offset, size; /* in the text of the row */
} cell;

typedef struct {
    char path[FM_PATH_BYTES];
    fm_table_bytes bytes;
    fm_arena arena; /* of the names */
    const char **names;
    size_t n_names;

    size_t *chosen, n_chosen; /* indices into names */
    bool *kept;               /* of every column, whether it is chosen */
    fm_parquet_value *values; /* of the chosen ones */

    size_t row; /* 1-based, without the header */
    fm_buf text;
    cell *cells; /* of every column */
    size_t row_bytes, most_bytes;
} tsv;

static fm_status fault(const tsv *t, const char *problem, fm_err *err)
{
    fm_status st = fm_table_bytes_check(&t->bytes, t->path, err);

    return st != FM_OK ? st : fm_fail(err, FM_E_INPUT, "%s: row %zu: %s", t->path, t->row, problem);
}

static fm_status no_memory(const tsv *t, fm_err *err)
{
    return fm_fail(err, FM_E_NOMEM, "no memory for row %zu of '%s'", t->row, t->path);
}

/* Take n bytes of the block as part of the cell. */
static fm_status take(tsv *t, size_t n, bool keep, fm_err *err)
{
    t->row_bytes += n;
    if (t->row_bytes > t->most_bytes)
        return fault(t, "the row is too large", err);
    if (keep)
        fm_buf_append(&t->text, t->bytes.block + t->bytes.at, n);
    t->bytes.at += n;
    return t->text.failed ? no_memory(t, err) : FM_OK;
}

/* What stands behind a cell, taken too. */
static bool take_ending(tsv *t, ending *out)
{
    int c = fm_table_bytes_peek(&t->bytes);

    if (c == '\r') {
        t->bytes.at++;
        c = fm_table_bytes_peek(&t->bytes);
        if (c != '\n')
            return false;
    }
    *out = c == '\t' ? ENDS_CELL : c == '\n' ? ENDS_ROW : ENDS_FILE;
    if (c != FM_TABLE_END)
        t->bytes.at++;
    return c == '\t' || c == '\n' || c == FM_TABLE_END;
}

static fm_status read_quoted(tsv *t, bool keep, ending *out, fm_err *err)
{
    fm_status st = FM_OK;

    t->bytes.at++;
    t->row_bytes++; /* a row of one empty cell in quotes is no empty line */
    while (st == FM_OK) {
        if (!fm_table_bytes_fill(&t->bytes))
            return fault(t, "a quoted cell has no end", err);
        const char *from = t->bytes.block + t->bytes.at;
        size_t left = t->bytes.end - t->bytes.at;
        const char *quote = memchr(from, '"', left);

        st = take(t, quote ? (size_t)(quote - from) : left, keep, err);
        if (st != FM_OK || !quote)
            continue;
        t->bytes.at++;
        if (fm_table_bytes_peek(&t->bytes) != '"')
            break;
        st = take(t, 1, keep, err); /* the second of two quotes stands for one */
    }
    if (st == FM_OK && !take_ending(t, out))
        st = fault(t, "text stands behind the closing quote of a cell", err);
    return st;
}

static size_t plain_run(const char *from, size_t n)
{
    const char *tab = memchr(from, '\t', n);
    const char *line = memchr(from, '\n', tab ? (size_t)(tab - from) : n);

    return line ? (size_t)(line - from) : tab ? (size_t)(tab - from) : n;
}

static fm_status read_plain(tsv *t, bool keep, ending *out, fm_err *err)
{
    size_t start = t->text.size;

    while (fm_table_bytes_fill(&t->bytes)) {
        size_t left = t->bytes.end - t->bytes.at;
        size_t n = plain_run(t->bytes.block + t->bytes.at, left);
        fm_status st = take(t, n, keep, err);

        if (st != FM_OK)
            return st;
        if (n < left)
            break;
    }
    (void)take_ending(t, out); /* it stands before one */
    if (*out == ENDS_ROW && t->text.size > start && t->text.data[t->text.size - 1] == '\r')
        t->text.size--;
    return FM_OK;
}

static fm_status read_cell(tsv *t, bool keep, cell *out, ending *how, fm_err *err)
{
    bool quoted = fm_table_bytes_peek(&t->bytes) == '"';

    out->offset = t->text.size;
    fm_status st = quoted ? read_quoted(t, keep, how, err) : read_plain(t, keep, how, err);
    out->size = t->text.size - out->offset;
    return st;
}

/* ---- the header ---- */

static void skip_mark(tsv *t)
{
    static const char mark[] = "\xEF\xBB\xBF";

    if (fm_table_bytes_fill(&t->bytes) && t->bytes.end - t->bytes.at >= 3 &&
        memcmp(t->bytes.block + t->bytes.at, mark, 3) == 0)
        t->bytes.at += 3;
}

static bool has_name(const tsv *t, const char *name)
{
    for (size_t i = 0; i < t->n_names; i++)
        if (strcmp(t->names[i], name) == 0)
            return true;
    return false;
}

static fm_status add_name(tsv *t, const cell *c, fm_err *err)
{
    const char *text = fm_buf_text(&t->text) + c->offset;

    if (memchr(text, '\0', c->size))
        return fault(t, "a column's name has a NUL character", err);
    char *name = fm_arena_memdup(&t->arena, text, c->size);
    if (!name)
        return no_memory(t, err);
    if (has_name(t, name))
        return fm_fail(err, FM_E_INPUT, "%s: two columns have the name '%.100s'", t->path, name);
    t->names[t->n_names++] = name;
    return FM_OK;
}

/* Go to the first row; the first time, the names are taken down on the way. */
static fm_status read_header(tsv *t, bool names, fm_err *err)
{
    ending how = ENDS_CELL;
    fm_status st = FM_OK;

    fm_table_bytes_rewind(&t->bytes);
    fm_buf_clear(&t->text);
    t->row = t->row_bytes = 0;
    t->most_bytes = MAX_HEADER_BYTES;
    skip_mark(t);
    if (fm_table_bytes_peek(&t->bytes) == FM_TABLE_END)
        return fault(t, "the file is empty", err);
    while (st == FM_OK && how == ENDS_CELL) {
        cell c;

        if (names && t->n_names == MAX_COLUMNS)
            return fault(t, "there are too many columns", err);
        st = read_cell(t, names, &c, &how, err);
        if (st == FM_OK && names)
            st = add_name(t, &c, err);
    }
    t->most_bytes = FM_TABLE_MAX_ROW_BYTES;
    return st;
}

/* ---- life ---- */

static void tsv_close(void *source)
{
    tsv *t = source;

    fm_table_bytes_close(&t->bytes);
    fm_arena_release(&t->arena);
    fm_buf_release(&t->text);
    free(t->chosen);
    free(t->values);
    free(t);
}

static fm_status tsv_open(void **out, const char *path, const char *rows, fm_err *err)
{
    tsv *t = calloc(1, sizeof(*t));

    (void)rows;
    if (!t)
        return fm_fail(err, FM_E_NOMEM, "no memory for '%s'", path);
    snprintf(t->path, sizeof(t->path), "%s", path);
    fm_status st = fm_table_bytes_open(&t->bytes, path, err);
    if (st == FM_OK) {
        t->names = fm_arena_alloc(&t->arena, MAX_COLUMNS, sizeof(*t->names));
        t->cells = fm_arena_alloc(&t->arena, MAX_COLUMNS, sizeof(*t->cells));
        t->kept = fm_arena_alloc(&t->arena, MAX_COLUMNS, sizeof(*t->kept));
        if (!t->names || !t->cells || !t->kept)
            st = fm_fail(err, FM_E_NOMEM, "no memory for '%s'", path);
    }
    if (st == FM_OK)
        st = read_header(t, true, err);
    if (st == FM_OK)
        *out = t;
    else
        tsv_close(t);
    return st;
}

static fm_status find_column(const tsv *t, const char *name, size_t *out, fm_err *err)
{
    for (size_t i = 0; i < t->n_names; i++) {
        if (strcmp(t->names[i], name) == 0) {
            *out = i;
            return FM_OK;
        }
    }
    const char *near = fm_text_nearest(name, t->names, t->n_names);
    if (near)
        return fm_fail(err, FM_E_INPUT, "'%s' has no column '%s', did you mean '%s'?", t->path,
                       name, near);
    return fm_fail(err, FM_E_INPUT, "'%s' has no column '%s'", t->path, name);
}

static fm_status tsv_choose(void *source, const char *const *columns, size_t n, fm_err *err)
{
    tsv *t = source;
    size_t *chosen = calloc(n + 1, sizeof(*chosen));
    fm_parquet_value *values = calloc(n + 1, sizeof(*values));
    fm_status st = chosen && values ? FM_OK : no_memory(t, err);

    for (size_t i = 0; st == FM_OK && i < n; i++)
        st = find_column(t, columns[i], &chosen[i], err);
    if (st != FM_OK) {
        free(chosen);
        free(values);
        return st;
    }
    free(t->chosen);
    free(t->values);
    t->chosen = chosen;
    t->values = values;
    t->n_chosen = n;
    for (size_t i = 0; i < t->n_names; i++)
        t->kept[i] = false;
    for (size_t i = 0; i < n; i++)
        t->kept[chosen[i]] = true;
    return read_header(t, false, err);
}

/* ---- rows ---- */

static fm_status read_cells(tsv *t, bool *empty, fm_err *err)
{
    ending how = ENDS_CELL;
    size_t n = 0;

    fm_buf_clear(&t->text);
    t->row_bytes = 0;
    for (; how == ENDS_CELL; n++) {
        if (n == t->n_names)
            return fault(t, "the row has more cells than the first line has names", err);
        fm_status st = read_cell(t, t->kept[n], &t->cells[n], &how, err);
        if (st != FM_OK)
            return st;
    }
    *empty = n == 1 && t->row_bytes == 0;
    if (n < t->n_names && !*empty)
        return fault(t, "the row has fewer cells than the first line has names", err);
    return fm_table_bytes_check(&t->bytes, t->path, err);
}

static fm_status tsv_next(void *source, const fm_parquet_value **row, fm_err *err)
{
    tsv *t = source;
    bool empty = true;

    *row = NULL;
    t->row++;
    while (empty) {
        if (fm_table_bytes_peek(&t->bytes) == FM_TABLE_END)
            return fm_table_bytes_check(&t->bytes, t->path, err);
        fm_status st = read_cells(t, &empty, err);
        if (st != FM_OK)
            return st;
    }
    for (size_t i = 0; i < t->n_chosen; i++) {
        const cell *c = &t->cells[t->chosen[i]];

        t->values[i] = (fm_parquet_value){.kind = c->size ? FM_PARQUET_TEXT : FM_PARQUET_NULL};
        t->values[i].size = (uint32_t)c->size;
        t->values[i].bytes = fm_buf_text(&t->text) + c->offset;
    }
    *row = t->values;
    return FM_OK;
}

const fm_table_format fm_table_tsv = {
    .endings = {".tsv"},
    .has_columns = true,
    .open = tsv_open,
    .close = tsv_close,
    .choose = tsv_choose,
    .next = tsv_next,
};
