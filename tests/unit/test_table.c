/* tables/table: rows of every format with the same kinds of values, what can be chosen, and how a file
 * that is not sound is refused. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/size.h"
#include "tables/table.h"

static char folder[64];

static void make_folder(void)
{
    snprintf(folder, sizeof(folder), "/tmp/fathom-table-XXXXXX");
    cr_assert(mkdtemp(folder) != NULL);
}

static void remove_folder(void)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    cr_assert(system(command) == 0);
}

TestSuite(table, .init = make_folder, .fini = remove_folder);

static const char *write_file(const char *name, const char *bytes, size_t size)
{
    static char path[FM_PATH_BYTES];
    fm_err err = {0};

    cr_assert(fm_path_join(path, folder, name, &err) == FM_OK);
    cr_assert(fm_file_write_atomic(path, bytes, size, &err) == FM_OK, "%s", err.text);
    return path;
}

static fm_table *open_text(const char *name, const char *text, const char *rows)
{
    fm_table *table = NULL;
    fm_err err = {0};

    cr_assert(fm_table_open(&table, write_file(name, text, strlen(text)), rows, &err) == FM_OK,
              "%s", err.text);
    return table;
}

/* A value as short text: null, t/f, i5, r0.5, 'text', [..], {..}. */
static void tell(const fm_parquet_value *v, char *out, size_t room)
{
    size_t n = strlen(out);

    switch (v->kind) {
    case FM_PARQUET_NULL:
        snprintf(out + n, room - n, "null");
        break;
    case FM_PARQUET_BOOLEAN:
        snprintf(out + n, room - n, "%c", v->boolean ? 't' : 'f');
        break;
    case FM_PARQUET_INTEGER:
        snprintf(out + n, room - n, "i%lld", (long long)v->integer);
        break;
    case FM_PARQUET_REAL:
        snprintf(out + n, room - n, "r%g", v->real);
        break;
    case FM_PARQUET_TEXT:
        snprintf(out + n, room - n, "'%.*s'", (int)v->size, v->bytes);
        break;
    case FM_PARQUET_LIST:
    case FM_PARQUET_STRUCT:
        strcat(out, v->kind == FM_PARQUET_LIST ? "[" : "{");
        for (uint32_t i = 0; i < v->size; i++) {
            tell(&v->items[i], out, room);
            strcat(out, i + 1 < v->size ? "," : "");
        }
        strcat(out, v->kind == FM_PARQUET_LIST ? "]" : "}");
        break;
    default:
        snprintf(out + n, room - n, "?");
    }
}

/* All rows of one choice as "a b;c d;". */
static const char *tell_rows(fm_table *table, const char *const *columns, size_t n)
{
    static char out[4096];
    const fm_parquet_value *row;
    fm_err err = {0};

    out[0] = '\0';
    cr_assert(fm_table_choose(table, columns, n, &err) == FM_OK, "%s", err.text);
    for (;;) {
        cr_assert(fm_table_next(table, &row, &err) == FM_OK, "%s", err.text);
        if (!row)
            return out;
        for (size_t i = 0; i < n; i++) {
            tell(&row[i], out, sizeof(out));
            strcat(out, i + 1 < n ? " " : ";");
        }
    }
}

#define TELL(table, ...)                                                                           \
    tell_rows(table, (const char *const[]){__VA_ARGS__},                                           \
              FM_COUNT_OF(((const char *const[]){__VA_ARGS__})))

Test(table, rows_of_an_array)
{
    fm_table *t = open_text("a.json",
                            "\xEF\xBB\xBF [ {\"a\": 1, \"b\": {\"c\": [true, null, -0.5]}},\n"
                            "{\"a\": \"x\\\"]}\\u00e9\", \"b\": 9007199254740993}, {} ]\n",
                            NULL);

    cr_assert(eq(str, (char *)TELL(t, "a", "b"),
                 "i1 {[t,null,r-0.5]};'x\"]}\xC3\xA9' i9007199254740992;null null;"));
    cr_assert(eq(str, (char *)TELL(t, "b.c", "a.x"), "[t,null,r-0.5] null;null null;null null;"));
    fm_table_close(t);
}

Test(table, rows_of_members_have_their_name_as_key)
{
    fm_table *t = open_text("a.json", "{\"k\\u0031\": {\"v\": 2}, \"$x\": {\"v\": \"\"}}", NULL);

    cr_assert(eq(str, (char *)TELL(t, "$key", "v"), "'k1' i2;'$x' '';"));
    fm_table_close(t);
}

Test(table, rows_below_members)
{
    fm_table *t = open_text("a.json",
                            "{\"n\": [1, \"]}\", {\"items\": [0]}], \"data\": {\"x\": -1e5, "
                            "\"items\": [{\"a\": [{\"b\": 1}, {\"b\": 2}, {}]}], \"y\": {}}, "
                            "\"z\": null}",
                            "data.items");

    cr_assert(eq(str, (char *)TELL(t, "a[].b", "a[]", "a"),
                 "[i1,i2,null] [{i1},{i2},{}] [{i1},{i2},{}];"));
    fm_table_close(t);
}

Test(table, a_name_with_a_dot_comes_before_a_path)
{
    fm_table *t =
        open_text("a.json", "[{\"a.b\": 1, \"a\": {\"b\": 2}}, {\"a\": {\"b\": 3}}]", NULL);

    cr_assert(eq(str, (char *)TELL(t, "a.b"), "i1;i3;"));
    fm_table_close(t);
}

Test(table, rows_of_lines)
{
    fm_table *t = open_text("a.jsonl", "{\"a\": 1}\n\n  \r\n{\"a\": [\"\\n\"]}", NULL);

    cr_assert(eq(str, (char *)TELL(t, "a"), "i1;['\n'];"));
    cr_assert(eq(str, (char *)TELL(t, "a"), "i1;['\n'];"), "choosing starts again");
    fm_table_close(t);
}

Test(table, cells_in_quotes)
{
    fm_table *t = open_text("a.tsv",
                            "index\tquestion\t\"the \"\"A\"\"\"\tB\r\n"
                            "0\t\"two\nlines and\ta tab\"\t\"say \"\"hi\"\"\"\t\r\n"
                            "\n"
                            "1\tit's 5\" wide\t\"\"\tb",
                            NULL);

    cr_assert(eq(str, (char *)TELL(t, "question", "the \"A\"", "B"),
                 "'two\nlines and\ta tab' 'say \"hi\"' null;'it's 5\" wide' null 'b';"));
    cr_assert(eq(str, (char *)TELL(t, "B", "index", "B"), "null '0' null;'b' '1' 'b';"));
    fm_table_close(t);
}

/* Blocks end inside quotes, escapes and cells of megabytes. */
Test(table, large_cells_cross_the_blocks)
{
    const size_t size = 3 << 20;
    char *text = malloc(size + 4096), *at;
    const fm_parquet_value *row;
    const char *columns[] = {"a"};
    fm_table *t = NULL;
    fm_err err = {0};

    cr_assert(text != NULL);
    for (int tsv = 0; tsv < 2; tsv++) {
        at = text + sprintf(text, tsv ? "z\ta\nskipped\t\"" : "[{\"a\": \"");
        for (size_t i = 0; i < size; i += 3, at += 3)
            memcpy(at, tsv ? "\"\"x" : "\\\"x", 3);
        at += sprintf(at, tsv ? "\"\n" : "\"}]");
        const char *path = write_file(tsv ? "b.tsv" : "b.json", text, (size_t)(at - text));
        cr_assert(fm_table_open(&t, path, NULL, &err) == FM_OK, "%s", err.text);
        cr_assert(fm_table_choose(t, columns, 1, &err) == FM_OK, "%s", err.text);
        cr_assert(fm_table_next(t, &row, &err) == FM_OK, "%s", err.text);
        cr_assert(row->size == size / 3 * 2);
        for (size_t i = 0; i < row->size; i += 2)
            cr_assert(memcmp(row->bytes + i, "\"x", 2) == 0, "at %zu", i);
        cr_assert(fm_table_next(t, &row, &err) == FM_OK && row == NULL, "%s", err.text);
        fm_table_close(t);
    }
    free(text);
}

Test(table, parquet_is_one_of_them)
{
    const char *source = getenv("FATHOM_SOURCE_DIR"), *wrong[] = {"wurd"}, *column[] = {"word"};
    const fm_parquet_value *row;
    char path[FM_PATH_BYTES];
    fm_table *t = NULL;
    fm_err err = {0};
    size_t n = 0;

    snprintf(path, sizeof(path), "%s/tests/data/parquet/duckdb_flat_snappy.parquet",
             source ? source : ".");
    cr_assert(fm_table_open(&t, path, NULL, &err) == FM_OK, "%s", err.text);
    cr_assert(fm_table_choose(t, wrong, 1, &err) == FM_E_INPUT);
    cr_assert(err.code == FM_E_INPUT && strstr(err.text, "did you mean 'word'?"), "%s", err.text);
    cr_assert(fm_table_choose(t, column, 1, &err) == FM_OK, "%s", err.text);
    do
        cr_assert(fm_table_next(t, &row, &err) == FM_OK, "%s", err.text);
    while (row && ++n);
    cr_assert(n > 10);
    fm_table_close(t);
    cr_assert(fm_table_open(&t, path, "items", &err) == FM_E_INPUT);
    cr_assert(strstr(err.text, "is no JSON file") != NULL, "%s", err.text);
}

/* ---- files that are not sound ---- */

typedef struct {
    char name[16], text[160], rows[16], problem[80];
} bad_case;

ParameterizedTestParameters(table, unsound_files_are_refused)
{
    static bad_case cases[] = {
        {"a.txt", "", "", "is no table: its name must end with"},
        {"a.json", "", "", "the rows are neither an array nor an object"},
        {"a.json", "7", "", "the rows are neither an array nor an object"},
        {"a.json", "[{\"a\": 1}, {\"a\": ", "", "row 2: the file ends inside it"},
        {"a.json", "[{\"a\": 1}", "", "the file ends before its rows do"},
        {"a.json", "[{\"a\": 1} {}]", "", "row 2: a comma is missing"},
        {"a.json", "[{\"a\": 1},]", "", "row 2: a value is missing"},
        {"a.json", "[{\"a\": 1}, 5]", "", "row 2 is no object"},
        {"a.json", "[{\"a\": 1}, {\"a\": 1]}]", "", "row 2: not JSON at byte 7"},
        {"a.json", "[{\"a\": 1}] x", "", "text stands behind the rows"},
        {"a.json", "{\"k\" {}}", "", "row 1: a member has no name"},
        {"a.json", "{5: {}}", "", "row 1: a member has no name"},
        {"a.json", "{\"a\": []}", "b", "there is no 'b', where the rows should be"},
        {"a.json", "[]", "b", "there is no object with 'b'"},
        {"a.json", "{\"b\": [{}]", "b", "the file ends before its rows do"},
        {"a.json", "{\"b\": [{}], \"c\": }", "b", "a value is missing"},
        {"a.jsonl", "{\"a\": 1}\n{\"a\"", "", "row 2: not JSON at byte"},
        {"a.jsonl", "[1]\n", "", "row 1 is no object"},
        {"a.jsonl", "{}", "b", "is no JSON file"},
        {"a.tsv", "", "", "the file is empty"},
        {"a.tsv", "a\tb\ta\n", "", "two columns have the name 'a'"},
        {"a.tsv", "b\tc\n", "", "has no column 'a'"},
        {"a.tsv", "a\tb\n1\t2\n3\n", "", "row 2: the row has fewer cells"},
        {"a.tsv", "a\tb\n1\t2\t3\n", "", "row 1: the row has more cells"},
        {"a.tsv", "a\n\"1\n2\n", "", "row 1: a quoted cell has no end"},
        {"a.tsv", "a\n\"1\"2\n", "", "row 1: text stands behind the closing quote"},
        {"a.tsv", "a\n\"1\"\r2\n", "", "row 1: text stands behind the closing quote"},
    };

    return cr_make_param_array(bad_case, cases, FM_COUNT_OF(cases));
}

ParameterizedTest(bad_case *c, table, unsound_files_are_refused)
{
    const char *path = write_file(c->name, c->text, strlen(c->text)), *columns[] = {"a"};
    const fm_parquet_value *row = NULL;
    fm_err err = {0}, again = {0};
    fm_table *t = NULL;
    fm_status st = fm_table_open(&t, path, c->rows[0] ? c->rows : NULL, &err);

    if (st == FM_OK)
        st = fm_table_choose(t, columns, 1, &err);
    for (int i = 0; st == FM_OK && i < 4; i++)
        st = fm_table_next(t, &row, &err);
    cr_assert(st == FM_E_INPUT && err.code == st, "%s: %s", fm_status_name(st), err.text);
    cr_assert(strstr(err.text, path) && strstr(err.text, c->problem), "%s", err.text);
    if (t && strstr(err.text, "row ")) {
        cr_assert(fm_table_next(t, &row, &again) == st);
        cr_assert(eq(str, again.text, err.text), "the failure stays");
    }
    fm_table_close(t);
    remove_folder();
    make_folder();
}

Test(table, a_missing_file_is_named)
{
    fm_table *t = NULL;
    fm_err err = {0};

    cr_assert(fm_table_open(&t, "/nowhere/a.json", NULL, &err) == FM_E_IO);
    cr_assert(fm_table_open(&t, "/nowhere/a.jsonl", NULL, &err) == FM_E_IO);
    cr_assert(fm_table_open(&t, "/nowhere/a.tsv", NULL, &err) == FM_E_IO);
    cr_assert(strstr(err.text, "'/nowhere/a.tsv'") != NULL, "%s", err.text);
}
