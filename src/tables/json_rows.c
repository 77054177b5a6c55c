/* Owns rows of JSON: the elements of an array, or the members of an object, found one by one without
 * the rest of the file in memory; and JSON lines. What a row's text means is base/json's business. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/json.h"
#include "base/size.h"
#include "tables/table_internal.h"

typedef struct {
    char path[FM_PATH_BYTES];
    fm_arena choice, values; /* of the columns; of the current row */
    const char **columns;
    size_t n_columns;
    size_t row; /* 1-based */

    fm_lines lines; /* JSON lines */

    /* A JSON file. */
    fm_table_bytes bytes;
    char *way; /* to the array, NULL: it is the file */
    enum { AT_START, IN_ROWS, AT_END } place;
    bool keyed;   /* rows are members of an object */
    bool follow;  /* a row came before */
    size_t above; /* objects around the rows */
    fm_buf text;
} rows_reader;

static fm_status no_memory(const rows_reader *r, fm_err *err)
{
    return fm_fail(err, FM_E_NOMEM, "no memory for row %zu of '%s'", r->row, r->path);
}

/* ---- a row's values ---- */

static bool convert(const cJSON *item, fm_arena *arena, fm_parquet_value *out);

static bool convert_items(const cJSON *item, fm_arena *arena, fm_parquet_value *out)
{
    size_t n = (size_t)cJSON_GetArraySize(item), i = 0;
    fm_parquet_value *items = fm_arena_alloc(arena, n + 1, sizeof(*items));
    const cJSON *child;

    if (!items || n > UINT32_MAX)
        return false;
    cJSON_ArrayForEach(child, item)
    {
        if (!convert(child, arena, &items[i++]))
            return false;
    }
    *out = (fm_parquet_value){.items = items, .size = (uint32_t)n};
    out->kind = cJSON_IsArray(item) ? FM_PARQUET_LIST : FM_PARQUET_STRUCT;
    return true;
}

static bool convert_text(const cJSON *item, fm_arena *arena, fm_parquet_value *out)
{
    size_t size;

    *out = (fm_parquet_value){.kind = FM_PARQUET_TEXT};
    out->bytes = fm_json_bytes(item, arena, &size);
    out->size = (uint32_t)size;
    return out->bytes && size <= UINT32_MAX;
}

/* Past 2^53 a double no longer tells whole numbers apart. */
static void convert_number(double value, fm_parquet_value *out)
{
    bool whole = value >= -9007199254740992.0 && value <= 9007199254740992.0 &&
                 value == (double)(int64_t)value;

    *out = (fm_parquet_value){.kind = whole ? FM_PARQUET_INTEGER : FM_PARQUET_REAL};
    if (whole)
        out->integer = (int64_t)value;
    else
        out->real = value;
}

/* False: no memory. Nesting is bounded by what base/json reads. */
static bool convert(const cJSON *item, fm_arena *arena, fm_parquet_value *out)
{
    *out = (fm_parquet_value){.kind = FM_PARQUET_NULL};
    if (cJSON_IsArray(item) || cJSON_IsObject(item))
        return convert_items(item, arena, out);
    if (cJSON_IsString(item))
        return convert_text(item, arena, out);
    if (cJSON_IsNumber(item))
        convert_number(item->valuedouble, out);
    else if (cJSON_IsBool(item))
        *out = (fm_parquet_value){.boolean = cJSON_IsTrue(item), .kind = FM_PARQUET_BOOLEAN};
    return true;
}

static bool resolve(const cJSON *item, const char *path, fm_arena *arena, fm_parquet_value *out);

static bool resolve_elements(const cJSON *array, const char *path, fm_arena *arena,
                             fm_parquet_value *out)
{
    size_t n = (size_t)cJSON_GetArraySize(array), i = 0;
    fm_parquet_value *items = fm_arena_alloc(arena, n + 1, sizeof(*items));
    const cJSON *child;

    if (!items || n > UINT32_MAX)
        return false;
    cJSON_ArrayForEach(child, array)
    {
        if (!resolve(child, path, arena, &items[i++]))
            return false;
    }
    *out = (fm_parquet_value){.items = items, .size = (uint32_t)n, .kind = FM_PARQUET_LIST};
    return true;
}

/* What stands at "a.b" or "a[].b" below the item; NULL where nothing does. A member whose name is the
 * whole path comes first. */
static bool resolve(const cJSON *item, const char *path, fm_arena *arena, fm_parquet_value *out)
{
    const cJSON *member = cJSON_IsObject(item) ? fm_json_get(item, path) : NULL;

    *out = (fm_parquet_value){.kind = FM_PARQUET_NULL};
    if (!*path || member)
        return convert(member ? member : item, arena, out);
    if (strncmp(path, "[]", 2) == 0)
        return !cJSON_IsArray(item) ||
               resolve_elements(item, path + 2 + (path[2] == '.'), arena, out);
    size_t n = strcspn(path, ".[");
    if (!cJSON_IsObject(item) || !path[n])
        return true;
    char *name = fm_arena_memdup(arena, path, n);
    if (!name)
        return false;
    member = fm_json_get(item, name);
    return !member || resolve(member, path + n + (path[n] == '.'), arena, out);
}

/* `key`: the name of the member that the row is, NULL where it is none. */
static fm_status give_row(rows_reader *r, const cJSON *item, const cJSON *key,
                          const fm_parquet_value **row, fm_err *err)
{
    fm_arena_reset(&r->values);
    fm_parquet_value *values = fm_arena_alloc(&r->values, r->n_columns + 1, sizeof(*values));
    bool good = values != NULL;

    if (!cJSON_IsObject(item))
        return fm_fail(err, FM_E_INPUT, "%s: row %zu is no object", r->path, r->row);
    for (size_t i = 0; good && i < r->n_columns; i++) {
        if (key && strcmp(r->columns[i], "$key") == 0)
            good = convert(key, &r->values, &values[i]);
        else
            good = resolve(item, r->columns[i], &r->values, &values[i]);
    }
    if (!good)
        return no_memory(r, err);
    *row = values;
    return FM_OK;
}

/* ---- finding the rows of a file ---- */

static fm_status fault(const rows_reader *r, const char *problem, fm_err *err)
{
    fm_status st = fm_table_bytes_check(&r->bytes, r->path, err);

    if (st != FM_OK)
        return st;
    if (r->place != IN_ROWS)
        return fm_fail(err, FM_E_INPUT, "%s: %s", r->path, problem);
    return fm_fail(err, FM_E_INPUT, "%s: row %zu: %s", r->path, r->row, problem);
}

static int peek_token(rows_reader *r)
{
    int c = fm_table_bytes_peek(&r->bytes);

    while (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
        r->bytes.at++;
        c = fm_table_bytes_peek(&r->bytes);
    }
    return c;
}

/* Where in one value the scanner is. */
typedef struct {
    size_t depth;
    bool quoted, escaped, begun, whole;
} scan;

/* How many of the n bytes belong to the value; `whole` becomes true where it ends among them. */
static size_t scan_run(scan *s, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char c = bytes[i];

        if (s->quoted) {
            s->quoted = s->escaped || c != '"';
            s->escaped = !s->escaped && c == '\\';
            s->whole = !s->quoted && s->depth == 0;
        } else if (c == '"') {
            s->quoted = true;
        } else if (c == '{' || c == '[') {
            s->depth++;
        } else if (s->depth == 0 && strchr(",:]} \t\r\n", c)) {
            s->whole = true; /* a number or a word ends before what follows it */
            return i;
        } else if (c == '}' || c == ']') {
            s->whole = --s->depth == 0;
        }
        s->begun = true;
        if (s->whole)
            return i + 1;
    }
    return n;
}

/* The next value of whatever kind, to its end; its text is kept where `keep` says so. */
static fm_status take_value(rows_reader *r, bool keep, fm_err *err)
{
    scan s = {0};

    fm_buf_clear(&r->text);
    (void)peek_token(r);
    while (!s.whole) {
        if (!fm_table_bytes_fill(&r->bytes))
            return fault(r, "the file ends inside it", err);
        const char *from = r->bytes.block + r->bytes.at;
        size_t n = scan_run(&s, from, r->bytes.end - r->bytes.at);

        if (keep && n > FM_TABLE_MAX_ROW_BYTES - r->text.size)
            return fault(r, "the row is too large", err);
        if (keep)
            fm_buf_append(&r->text, from, n);
        r->bytes.at += n;
    }
    if (r->text.failed)
        return no_memory(r, err);
    return s.begun ? FM_OK : fault(r, "a value is missing", err);
}

static fm_status take_tree(rows_reader *r, cJSON **out, fm_err *err)
{
    char place[FM_PATH_BYTES + 32];
    fm_status st = take_value(r, true, err);

    if (st != FM_OK)
        return st;
    if (r->place == IN_ROWS)
        snprintf(place, sizeof(place), "%s: row %zu", r->path, r->row);
    else
        snprintf(place, sizeof(place), "%s", r->path);
    return fm_json_parse(fm_buf_text(&r->text), r->text.size, place, out, err);
}

/* "name": up to the value. */
static fm_status take_name(rows_reader *r, cJSON **out, fm_err *err)
{
    cJSON *name = NULL;
    fm_status st = take_tree(r, &name, err);

    if (st == FM_OK && (!cJSON_IsString(name) || peek_token(r) != ':'))
        st = fault(r, "a member has no name", err);
    if (st != FM_OK) {
        cJSON_Delete(name);
        return st;
    }
    r->bytes.at++;
    *out = name;
    return FM_OK;
}

/* Before the next element of a list or member of an object; *more false: its end is taken. */
static fm_status take_separator(rows_reader *r, char closing, bool follows, bool *more, fm_err *err)
{
    int c = peek_token(r);

    *more = c != closing;
    if (c == FM_TABLE_END)
        return fault(r, "the file ends before its rows do", err);
    if (*more && follows && c != ',')
        return fault(r, "a comma is missing", err);
    if (!*more || follows)
        r->bytes.at++;
    return FM_OK;
}

/* Go to the value of a member of the object that begins here. */
static fm_status enter_member(rows_reader *r, const char *name, size_t size, fm_err *err)
{
    bool found = false, more;

    if (peek_token(r) != '{')
        return fm_fail(err, FM_E_INPUT, "%s: there is no object with '%.*s'", r->path, (int)size,
                       name);
    r->bytes.at++;
    for (bool follows = false; !found; follows = true) {
        cJSON *key = NULL;
        fm_status st = take_separator(r, '}', follows, &more, err);

        if (st == FM_OK && !more)
            st = fm_fail(err, FM_E_INPUT, "%s: there is no '%.*s', where the rows should be",
                         r->path, (int)size, name);
        if (st == FM_OK)
            st = take_name(r, &key, err);
        if (st != FM_OK)
            return st;
        found = strlen(key->valuestring) == size && memcmp(key->valuestring, name, size) == 0;
        cJSON_Delete(key);
        st = found ? FM_OK : take_value(r, false, err);
        if (st != FM_OK)
            return st;
    }
    r->above++;
    return FM_OK;
}

static fm_status enter_rows(rows_reader *r, fm_err *err)
{
    static const char mark[] = "\xEF\xBB\xBF";
    fm_status st = FM_OK;

    if (fm_table_bytes_fill(&r->bytes) && r->bytes.end - r->bytes.at >= 3 &&
        memcmp(r->bytes.block + r->bytes.at, mark, 3) == 0)
        r->bytes.at += 3;
    for (const char *name = r->way; st == FM_OK && name && *name;) {
        size_t n = strcspn(name, ".");

        st = enter_member(r, name, n, err);
        name += n + (name[n] == '.');
    }
    if (st != FM_OK)
        return st;
    int c = peek_token(r);
    if (c != '[' && c != '{')
        return fault(r, "the rows are neither an array nor an object", err);
    r->bytes.at++;
    r->keyed = c == '{';
    r->place = IN_ROWS;
    return FM_OK;
}

/* What stands behind the rows must still be JSON: a file that was cut off is not taken for a whole
 * one. */
static fm_status leave_rows(rows_reader *r, fm_err *err)
{
    fm_status st = FM_OK;

    r->place = AT_END;
    for (; st == FM_OK && r->above; r->above--) {
        bool more = true;

        while (st == FM_OK && more) {
            cJSON *key = NULL;

            st = take_separator(r, '}', true, &more, err);
            if (st == FM_OK && more)
                st = take_name(r, &key, err);
            cJSON_Delete(key);
            if (st == FM_OK && more)
                st = take_value(r, false, err);
        }
    }
    if (st == FM_OK && peek_token(r) != FM_TABLE_END)
        st = fault(r, "text stands behind the rows", err);
    return st == FM_OK ? fm_table_bytes_check(&r->bytes, r->path, err) : st;
}

static fm_status json_next(void *source, const fm_parquet_value **row, fm_err *err)
{
    rows_reader *r = source;
    cJSON *key = NULL, *item = NULL;
    bool more;

    *row = NULL;
    if (r->place == AT_END)
        return FM_OK;
    fm_status st = r->place == AT_START ? enter_rows(r, err) : FM_OK;
    r->row++;
    if (st == FM_OK)
        st = take_separator(r, r->keyed ? '}' : ']', r->follow, &more, err);
    if (st != FM_OK || !more)
        return st == FM_OK ? leave_rows(r, err) : st;
    r->follow = true;
    if (r->keyed)
        st = take_name(r, &key, err);
    if (st == FM_OK)
        st = take_tree(r, &item, err);
    if (st == FM_OK)
        st = give_row(r, item, key, row, err);
    cJSON_Delete(key);
    cJSON_Delete(item);
    return st;
}

/* ---- JSON lines ---- */

static bool is_blank(const fm_lines *lines)
{
    for (size_t i = 0; i < lines->size; i++)
        if (!strchr(" \t\r", lines->line[i]) || !lines->line[i])
            return false;
    return !lines->too_long;
}

static fm_status lines_next(void *source, const fm_parquet_value **row, fm_err *err)
{
    rows_reader *r = source;
    char place[FM_PATH_BYTES + 32];
    cJSON *item = NULL;
    bool more = true;

    *row = NULL;
    r->row++;
    do {
        fm_status st = fm_lines_next(&r->lines, &more, err);
        if (st != FM_OK || !more)
            return st;
    } while (is_blank(&r->lines));
    snprintf(place, sizeof(place), "%s: row %zu", r->path, r->row);
    if (r->lines.too_long)
        return fm_fail(err, FM_E_INPUT, "%s: the row is too large", place);
    fm_status st = fm_json_parse(r->lines.line, r->lines.size, place, &item, err);
    if (st == FM_OK)
        st = give_row(r, item, NULL, row, err);
    cJSON_Delete(item);
    return st;
}

/* ---- life ---- */

static void rows_close(void *source)
{
    rows_reader *r = source;

    fm_lines_close(&r->lines);
    fm_table_bytes_close(&r->bytes);
    fm_buf_release(&r->text);
    fm_arena_release(&r->choice);
    fm_arena_release(&r->values);
    free(r->way);
    free(r);
}

static rows_reader *reader_new(const char *path, const char *way)
{
    rows_reader *r = calloc(1, sizeof(*r));

    if (!r)
        return NULL;
    snprintf(r->path, sizeof(r->path), "%s", path);
    if (way && !(r->way = strdup(way))) {
        free(r);
        return NULL;
    }
    return r;
}

static fm_status json_open(void **out, const char *path, const char *rows, fm_err *err)
{
    rows_reader *r = reader_new(path, rows);

    if (!r)
        return fm_fail(err, FM_E_NOMEM, "no memory for '%s'", path);
    fm_status st = fm_table_bytes_open(&r->bytes, path, err);
    if (st == FM_OK)
        *out = r;
    else
        rows_close(r);
    return st;
}

static fm_status lines_open(void **out, const char *path, const char *rows, fm_err *err)
{
    rows_reader *r = reader_new(path, rows);

    if (!r)
        return fm_fail(err, FM_E_NOMEM, "no memory for '%s'", path);
    fm_status st = fm_lines_open(&r->lines, path, FM_TABLE_MAX_ROW_BYTES, err);
    if (st == FM_OK)
        *out = r;
    else
        rows_close(r);
    return st;
}

static fm_status take_columns(rows_reader *r, const char *const *columns, size_t n, fm_err *err)
{
    fm_arena choice = {0};
    const char **copies = fm_arena_alloc(&choice, n + 1, sizeof(*copies));
    bool good = copies != NULL;

    for (size_t i = 0; good && i < n; i++)
        good = (copies[i] = fm_arena_strdup(&choice, columns[i])) != NULL;
    if (!good) {
        fm_arena_release(&choice);
        return no_memory(r, err);
    }
    fm_arena_release(&r->choice);
    r->choice = choice;
    r->columns = copies;
    r->n_columns = n;
    r->row = 0;
    return FM_OK;
}

static fm_status json_choose(void *source, const char *const *columns, size_t n, fm_err *err)
{
    rows_reader *r = source;
    fm_status st = take_columns(r, columns, n, err);

    if (st != FM_OK)
        return st;
    fm_table_bytes_rewind(&r->bytes);
    r->place = AT_START;
    r->follow = false;
    r->above = 0;
    return FM_OK;
}

static fm_status lines_choose(void *source, const char *const *columns, size_t n, fm_err *err)
{
    rows_reader *r = source;
    fm_lines lines = {0};
    fm_status st = fm_lines_open(&lines, r->path, FM_TABLE_MAX_ROW_BYTES, err);

    if (st == FM_OK)
        st = take_columns(r, columns, n, err);
    if (st != FM_OK) {
        fm_lines_close(&lines);
        return st;
    }
    fm_lines_close(&r->lines);
    r->lines = lines;
    return FM_OK;
}

const fm_table_format fm_table_json = {
    .endings = {".json"},
    .takes_rows = true,
    .open = json_open,
    .close = rows_close,
    .choose = json_choose,
    .next = json_next,
};

const fm_table_format fm_table_json_lines = {
    .endings = {".jsonl", ".ndjson"},
    .open = lines_open,
    .close = rows_close,
    .choose = lines_choose,
    .next = lines_next,
};
