/* Owns the reading of published rows: a small CSV reader, and what a row must have. */
#include "report/board/published.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/size.h"
#include "base/text.h"

enum {
    SUITE,
    TASK,
    METRIC,
    VALUE,
    UNIT,
    MODEL,
    MODALITY,
    SOURCE,
    TABLE,
    PROTOCOL,
    SPLIT,
    FLAG,
    FIELDS
};

static const char *const columns[FIELDS] = {
    [SUITE] = "suite", [TASK] = "task",         [METRIC] = "metric",     [VALUE] = "value",
    [UNIT] = "unit",   [MODEL] = "model",       [MODALITY] = "modality", [SOURCE] = "source",
    [TABLE] = "table", [PROTOCOL] = "protocol", [SPLIT] = "split",       [FLAG] = "flag"};

enum { MAX_FIELD_BYTES = 400, MAX_FILES = 256 };

/* ---- CSV ---- */

typedef struct {
    const char *path, *p, *end;
    size_t line; /* of the row at hand */
    fm_buf field;
} csv;

/* The next field into c->field; *last true where it ends its row. */
static bool next_field(csv *c, bool *last)
{
    bool quoted = c->p < c->end && *c->p == '"', open = quoted;

    fm_buf_clear(&c->field);
    for (c->p += quoted; c->p < c->end; c->p++) {
        if (open && *c->p == '"') {
            if (c->p + 1 == c->end || c->p[1] != '"') {
                open = false;
                continue;
            }
            c->p++;
        } else if (!open && (*c->p == ',' || *c->p == '\n' || *c->p == '\r')) {
            break;
        } else if (!open && quoted) {
            return false; /* something behind the closing quote */
        }
        if (c->field.size == MAX_FIELD_BYTES || *c->p == '\0')
            return false;
        fm_buf_putc(&c->field, *c->p);
    }
    *last = c->p == c->end || *c->p != ',';
    if (c->p < c->end && *c->p == '\r')
        c->p++;
    if (c->p < c->end && (!*last || *c->p == '\n'))
        c->p++;
    return !open;
}

/* A row of exactly FIELDS fields. */
static fm_status next_row(csv *c, fm_arena *arena, const char *fields[FIELDS], fm_err *err)
{
    bool last = false;

    c->line++;
    for (size_t i = 0; i < FIELDS; i++) {
        if (last || !next_field(c, &last))
            return fm_fail(err, FM_E_INPUT,
                           "%s:%zu: no row of %d fields of up to %d bytes with commas between",
                           c->path, c->line, FIELDS, MAX_FIELD_BYTES);
        fields[i] = fm_arena_strdup(arena, fm_buf_text(&c->field));
        if (!fields[i] || c->field.failed)
            return fm_fail(err, FM_E_NOMEM, "no memory for '%s'", c->path);
    }
    return last ? FM_OK
                : fm_fail(err, FM_E_INPUT, "%s:%zu: more than %d fields", c->path, c->line, FIELDS);
}

/* ---- rows ---- */

static fm_status check_heading(csv *c, fm_arena *arena, fm_err *err)
{
    const char *fields[FIELDS];
    fm_status st = next_row(c, arena, fields, err);

    for (size_t i = 0; st == FM_OK && i < FIELDS; i++)
        if (strcmp(fields[i], columns[i]) != 0)
            return fm_fail(err, FM_E_INPUT, "%s:1: column %zu must be '%s', not '%s'", c->path,
                           i + 1, columns[i], fields[i]);
    return st;
}

static fm_status read_row(const csv *c, const char *const *f, fm_published_row *out, fm_err *err)
{
    static const int required[] = {SUITE, TASK, METRIC, MODEL, SOURCE, PROTOCOL};

    for (size_t i = 0; i < FM_COUNT_OF(required); i++)
        if (!f[required[i]][0])
            return fm_fail(err, FM_E_INPUT, "%s:%zu: '%s' is empty", c->path, c->line,
                           columns[required[i]]);
    *out = (fm_published_row){.suite = f[SUITE],
                              .task = f[TASK],
                              .metric = f[METRIC],
                              .unit = f[UNIT],
                              .model = f[MODEL],
                              .modality = f[MODALITY],
                              .source = f[SOURCE],
                              .table = f[TABLE],
                              .protocol = f[PROTOCOL],
                              .split = f[SPLIT],
                              .flag = f[FLAG]};
    if (!fm_text_to_double(f[VALUE], &out->value))
        return fm_fail(err, FM_E_INPUT, "%s:%zu: '%s' is no number", c->path, c->line, f[VALUE]);
    return FM_OK;
}

static fm_status add_row(fm_published *out, fm_arena *arena, const fm_published_row *row,
                         fm_err *err)
{
    if (out->n == FM_PUBLISHED_MAX_ROWS)
        return fm_fail(err, FM_E_INPUT, "more than %d published rows", FM_PUBLISHED_MAX_ROWS);
    if (out->n == out->capacity) {
        size_t capacity = out->capacity ? out->capacity * 2 : 256;
        fm_published_row *grown = fm_arena_alloc(arena, capacity, sizeof(*grown));

        if (!grown)
            return fm_fail(err, FM_E_NOMEM, "no memory for published rows");
        if (out->n)
            memcpy(grown, out->rows, out->n * sizeof(*grown));
        out->rows = grown;
        out->capacity = capacity;
    }
    out->rows[out->n++] = *row;
    return FM_OK;
}

fm_status fm_published_read(const char *path, fm_arena *arena, fm_published *out, fm_err *err)
{
    fm_buf text = {0};
    csv c = {.path = path};
    fm_status st = fm_file_read(path, FM_PUBLISHED_MAX_BYTES, &text, err);

    c.p = text.data;
    c.end = text.data ? text.data + text.size : NULL;
    if (st == FM_OK)
        st = check_heading(&c, arena, err);
    while (st == FM_OK && c.p < c.end) {
        const char *fields[FIELDS];
        fm_published_row row;

        st = next_row(&c, arena, fields, err);
        if (st == FM_OK)
            st = read_row(&c, fields, &row, err);
        if (st == FM_OK)
            st = add_row(out, arena, &row, err);
    }
    fm_buf_release(&c.field);
    fm_buf_release(&text);
    return st;
}

/* ---- a folder of them ---- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool is_table(const char *name)
{
    size_t n = strlen(name);

    return name[0] != '.' && n > 4 && strcmp(name + n - 4, ".csv") == 0;
}

fm_status fm_published_load(const char *dir, fm_arena *arena, fm_published *out, fm_err *err)
{
    const char *names[MAX_FILES];
    size_t n = 0;
    DIR *folder = opendir(dir);
    fm_status st = FM_OK;

    if (!folder)
        return fm_fail(err, FM_E_INPUT, "cannot open the published figures in '%s': %s", dir,
                       strerror(errno));
    for (struct dirent *item; st == FM_OK && n < MAX_FILES && (item = readdir(folder));)
        if (is_table(item->d_name) && !(names[n++] = fm_arena_strdup(arena, item->d_name)))
            st = fm_fail(err, FM_E_NOMEM, "no memory for '%s'", dir);
    closedir(folder);
    if (st == FM_OK && n == 0)
        st = fm_fail(err, FM_E_INPUT, "'%s' holds no published figures: no *.csv", dir);
    if (st == FM_OK)
        qsort(names, n, sizeof(*names), by_text);
    for (size_t i = 0; st == FM_OK && i < n; i++) {
        char path[FM_PATH_BYTES];

        st = fm_path_join(path, dir, names[i], err);
        if (st == FM_OK)
            st = fm_published_read(path, arena, out, err);
    }
    return st;
}
