/* tables/parquet: files of other writers, read value for value (tests/data/parquet/make.mjs tells how they
 * were made), what can be chosen, and how a file that is not sound is refused. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/files.h"
#include "base/size.h"
#include "support/scratch.h"
#include "tables/parquet.h"

static const char *data_path(const char *name, const char *ending)
{
    static char paths[2][1024];
    static unsigned turn;
    char *out = paths[turn++ % 2];
    const char *source = getenv("FATHOM_SOURCE_DIR");

    snprintf(out, sizeof(paths[0]), "%s/tests/data/parquet/%s%s", source ? source : ".", name,
             ending);
    return out;
}

static fm_parquet *open_file(const char *name)
{
    fm_parquet *file = NULL;
    fm_err err = {0};

    cr_assert(fm_parquet_open(&file, data_path(name, ".parquet"), &err) == FM_OK, "%s", err.text);
    return file;
}

static void choose_all(fm_parquet *file)
{
    const fm_parquet_node *root = fm_parquet_schema(file);
    const char *paths[64];
    fm_err err = {0};

    cr_assert(root->n_children <= FM_COUNT_OF(paths));
    for (size_t i = 0; i < root->n_children; i++)
        paths[i] = root->children[i].name;
    cr_assert(fm_parquet_choose(file, paths, root->n_children, &err) == FM_OK, "%s", err.text);
}

/* ---- values against what was written ---- */

static bool same_text(const fm_parquet_value *value, const char *text)
{
    return strlen(text) == value->size && memcmp(text, value->bytes, value->size) == 0;
}

static bool same_hex(const fm_parquet_value *value, const char *hex)
{
    if (strlen(hex) != 2 * (size_t)value->size)
        return false;
    for (uint32_t i = 0; i < value->size; i++) {
        char pair[3];

        snprintf(pair, sizeof(pair), "%02x", (unsigned char)value->bytes[i]);
        if (strncmp(hex + 2 * i, pair, 2) != 0)
            return false;
    }
    return true;
}

static bool same_number(const fm_parquet_value *value, const cJSON *expected)
{
    char text[32];

    if (value->kind == FM_PARQUET_REAL && cJSON_IsString(expected)) {
        double number = strtod(expected->valuestring, NULL);

        return isnan(number) ? isnan(value->real)
                             : number == value->real && signbit(number) == signbit(value->real);
    }
    if (value->kind == FM_PARQUET_REAL)
        return cJSON_IsNumber(expected) && value->real == expected->valuedouble;
    if (cJSON_IsNumber(expected))
        return value->kind == FM_PARQUET_INTEGER
                   ? value->integer == (int64_t)expected->valuedouble
                   : value->natural == (uint64_t)expected->valuedouble;
    if (value->kind == FM_PARQUET_INTEGER)
        snprintf(text, sizeof(text), "%" PRId64, value->integer);
    else
        snprintf(text, sizeof(text), "%" PRIu64, value->natural);
    return cJSON_IsString(expected) && strcmp(text, expected->valuestring) == 0;
}

static bool same(const fm_parquet_value *value, const fm_parquet_node *node, const cJSON *expected);

static bool same_parts(const fm_parquet_value *value, const fm_parquet_node *node,
                       const cJSON *expected)
{
    bool list = node->kind == FM_PARQUET_LIST;
    const cJSON *part = expected->child;

    if (list ? !cJSON_IsArray(expected) : !cJSON_IsObject(expected))
        return false;
    for (uint32_t i = 0; i < value->size; i++, part = part->next) {
        const fm_parquet_node *child = &node->children[list ? 0 : i];

        if (!part || (!list && strcmp(part->string, child->name) != 0) ||
            !same(&value->items[i], child, part))
            return false;
    }
    return part == NULL;
}

static bool same(const fm_parquet_value *value, const fm_parquet_node *node, const cJSON *expected)
{
    if (value->kind == FM_PARQUET_NULL)
        return node->nullable && cJSON_IsNull(expected);
    if (value->kind != node->kind)
        return false;
    switch (value->kind) {
    case FM_PARQUET_BOOLEAN:
        return cJSON_IsBool(expected) && value->boolean == cJSON_IsTrue(expected);
    case FM_PARQUET_TEXT:
        return cJSON_IsString(expected) && same_text(value, expected->valuestring);
    case FM_PARQUET_BINARY:
        return cJSON_IsString(expected) && same_hex(value, expected->valuestring);
    case FM_PARQUET_LIST:
    case FM_PARQUET_STRUCT:
        return same_parts(value, node, expected);
    default:
        return same_number(value, expected);
    }
}

static void expect_rows(const char *name, const char *rows)
{
    fm_parquet *file = open_file(name);
    const fm_parquet_node *root = fm_parquet_schema(file);
    const fm_parquet_value *row;
    fm_lines lines = {0};
    bool more;
    fm_err err = {0};

    choose_all(file);
    cr_assert(fm_lines_open(&lines, data_path(rows, ".jsonl"), 0, &err) == FM_OK, "%s", err.text);
    for (;;) {
        cr_assert(fm_parquet_next(file, &row, &err) == FM_OK, "%s", err.text);
        cr_assert(fm_lines_next(&lines, &more, &err) == FM_OK, "%s", err.text);
        cr_assert(more == (row != NULL), "%s: it has %s rows after %zu", name,
                  row ? "more" : "no more", lines.number);
        if (!row)
            break;
        cJSON *expected = cJSON_Parse(lines.line);
        cr_assert(cJSON_GetArraySize(expected) == (int)root->n_children);
        for (size_t i = 0; i < root->n_children; i++)
            cr_expect(same(&row[i], &root->children[i], cJSON_GetArrayItem(expected, (int)i)),
                      "%s: row %zu, column %s is not %s", name, lines.number,
                      root->children[i].name,
                      cJSON_PrintUnformatted(cJSON_GetArrayItem(expected, (int)i)));
        cJSON_Delete(expected);
    }
    fm_lines_close(&lines);
    fm_parquet_close(file);
}

typedef struct {
    char name[40], rows[24];
} written_file;

static const written_file files[] = {
    {"duckdb_flat_uncompressed", "duckdb_flat"},
    {"duckdb_flat_snappy", "duckdb_flat"},
    {"duckdb_flat_gzip", "duckdb_flat"},
    {"duckdb_flat_zstd", "duckdb_flat"},
    {"duckdb_flat_lz4_raw", "duckdb_flat"},
    {"duckdb_flat_brotli", "duckdb_flat"},
    {"duckdb_flat_v2", "duckdb_flat"},
    {"duckdb_nested_v1", "duckdb_nested"},
    {"duckdb_nested_v2", "duckdb_nested"},
    {"duckdb_empty", "duckdb_empty"},
    {"duckdb_groups", "duckdb_groups"},
    {"wasm_v2_plain", "wasm_flat"},
    {"wasm_v2_defaults", "wasm_flat"},
    {"wasm_v1_fallback", "wasm_flat"},
    {"wasm_v2_fallback", "wasm_flat"},
    {"wasm_nested_v1", "wasm_nested"},
    {"wasm_nested_v2", "wasm_nested"},
    {"hyparquet_uncompressed", "hyparquet"},
    {"hyparquet_snappy", "hyparquet"},
    {"hyparquet_gzip", "hyparquet"},
    {"by_hand", "by_hand"},
    {"wasm_long", "wasm_long"},
    {"by_hand_spanning", "by_hand_spanning"},
};

ParameterizedTestParameters(parquet, every_value_is_what_was_written)
{
    return cr_make_param_array(const written_file, files, FM_COUNT_OF(files));
}

ParameterizedTest(const written_file *file, parquet, every_value_is_what_was_written)
{
    expect_rows(file->name, file->rows);
}

/* ---- the schema and what can be chosen ---- */

TestSuite(parquet, .init = scratch_make, .fini = scratch_remove);

static const fm_parquet_node *child_named(const fm_parquet_node *node, const char *name)
{
    for (size_t i = 0; i < node->n_children; i++)
        if (strcmp(node->children[i].name, name) == 0)
            return &node->children[i];
    cr_fatal("'%s' has no part '%s'", node->name, name);
    return NULL;
}

Test(parquet, the_schema_tells_names_and_types)
{
    static const struct {
        const char *name, *type;
        fm_parquet_kind kind;
    } columns[] = {
        {"i32", "int32", FM_PARQUET_INTEGER},        {"f32", "float", FM_PARQUET_REAL},
        {"word", "string", FM_PARQUET_TEXT},         {"yes", "boolean", FM_PARQUET_BOOLEAN},
        {"bytes", "binary", FM_PARQUET_BINARY},      {"i8", "int8", FM_PARQUET_INTEGER},
        {"u16", "uint16", FM_PARQUET_INTEGER},       {"u64", "uint64", FM_PARQUET_NATURAL},
        {"d9", "decimal(9,2)", FM_PARQUET_REAL},     {"d18", "decimal(18,0)", FM_PARQUET_INTEGER},
        {"d18s", "decimal(18,2)", FM_PARQUET_TEXT},  {"day", "date", FM_PARQUET_INTEGER},
        {"at", "timestamp(us)", FM_PARQUET_INTEGER}, {"at_ns", "timestamp(ns)", FM_PARQUET_INTEGER},
        {"clock", "time(us)", FM_PARQUET_INTEGER},   {"id", "uuid", FM_PARQUET_BINARY},
    };
    fm_parquet *file = open_file("duckdb_flat_snappy");
    const fm_parquet_node *root = fm_parquet_schema(file);

    cr_expect(fm_parquet_rows(file) == 200);
    for (size_t i = 0; i < FM_COUNT_OF(columns); i++) {
        const fm_parquet_node *node = child_named(root, columns[i].name);

        cr_expect(strcmp(node->type, columns[i].type) == 0, "%s is '%s'", node->name, node->type);
        cr_expect(node->kind == columns[i].kind, "%s", node->name);
    }
    fm_parquet_close(file);
    file = open_file("duckdb_nested_v1");
    const fm_parquet_node *turns = child_named(fm_parquet_schema(file), "conversations");
    cr_expect(turns->kind == FM_PARQUET_LIST && strcmp(turns->type, "list") == 0);
    cr_expect(child_named(&turns->children[0], "value")->kind == FM_PARQUET_TEXT);
    const fm_parquet_node *scores = child_named(fm_parquet_schema(file), "scores");
    cr_expect(scores->kind == FM_PARQUET_LIST && strcmp(scores->type, "map") == 0);
    cr_expect(child_named(&scores->children[0], "value")->kind == FM_PARQUET_REAL);
    fm_parquet_close(file);
}

static void choose(fm_parquet *file, const char *const *paths, size_t n)
{
    fm_err err = {0};

    cr_assert(fm_parquet_choose(file, paths, n, &err) == FM_OK, "%s", err.text);
}

static const fm_parquet_value *row_at(fm_parquet *file, size_t index)
{
    const fm_parquet_value *row = NULL;
    fm_err err = {0};

    for (size_t i = 0; i <= index; i++)
        cr_assert(fm_parquet_next(file, &row, &err) == FM_OK, "%s", err.text);
    cr_assert(row != NULL);
    return row;
}

static bool is_text(const fm_parquet_value *value, const char *text)
{
    return value->kind == FM_PARQUET_TEXT && same_text(value, text);
}

Test(parquet, a_path_names_a_part_of_a_struct_or_of_the_elements_of_a_list)
{
    static const char *const paths[] = {
        "image.path",
        "conversations[].value",
        "conversations.list.element.value",
        "conversations[]",
        "grid[][]",
        "scores[].key",
        "outer_part.inner.deep[].x[]",
        "outer_part.tag",
        "conversations",
    };
    fm_parquet *file = open_file("duckdb_nested_v2");
    choose(file, paths, FM_COUNT_OF(paths));
    const fm_parquet_value *row = row_at(file, 11); /* the row of i = 11 */

    cr_expect(is_text(&row[0], "11.png"));
    for (size_t k = 1; k <= 2; k++) {
        cr_assert(row[k].kind == FM_PARQUET_LIST && row[k].size == 3);
        cr_expect(is_text(&row[k].items[0], "q11"));
        cr_expect(row[k].items[1].kind == FM_PARQUET_NULL);
        cr_expect(is_text(&row[k].items[2], "a11"));
    }
    cr_assert(row[3].size == 3 && row[3].items[0].kind == FM_PARQUET_STRUCT);
    cr_expect(is_text(&row[3].items[0].items[0], "human"));
    cr_assert(row[4].size == 2 && row[4].items[1].size == 1);
    cr_expect(row[4].items[0].items[2].integer == 3 && row[4].items[1].items[0].integer == 11);
    cr_assert(row[5].size == 2);
    cr_expect(is_text(&row[5].items[0], "k11") && is_text(&row[5].items[1], "empty"));
    cr_assert(row[6].size == 3 && row[6].items[0].size == 1);
    cr_expect(row[6].items[0].items[0].integer == 11);
    cr_expect(row[6].items[1].kind == FM_PARQUET_NULL);
    cr_expect(row[6].items[2].kind == FM_PARQUET_LIST && row[6].items[2].size == 0);
    cr_expect(is_text(&row[7], "t1"));
    cr_expect(row[8].kind == FM_PARQUET_LIST && row[8].size == 3);
    fm_parquet_close(file);
}

Test(parquet, choosing_again_begins_at_the_first_row)
{
    static const char *const paths[] = {"i", "l"};
    fm_parquet *file = open_file("duckdb_groups");

    choose(file, paths, 2);
    cr_expect(row_at(file, 4321)[0].integer == 4321);
    choose(file, paths, 1);
    cr_expect(row_at(file, 0)[0].integer == 0);
    choose(file, paths, 0);
    (void)row_at(file, 4999);
    const fm_parquet_value *row;
    fm_err err = {0};
    for (int i = 0; i < 2; i++) {
        cr_assert(fm_parquet_next(file, &row, &err) == FM_OK, "%s", err.text);
        cr_expect(row == NULL);
    }
    fm_parquet_close(file);
}

Test(parquet, a_path_that_leads_nowhere_is_refused_and_the_choice_stays)
{
    static const char *const wrong[] = {
        "",        "nothing",         "image.",      "image.byte",
        "image[]", "conversations[",  "numbers[]x",  "numbers.list.x",
        "i.i",     "conversations..", "numbers[].x", "imag"};
    static const char *const right[] = {"i"};
    fm_parquet *file = open_file("duckdb_nested_v1");

    choose(file, right, 1);
    for (size_t i = 0; i < FM_COUNT_OF(wrong); i++) {
        const char *const paths[] = {"i", wrong[i]};
        fm_err err = {0};

        cr_expect(fm_parquet_choose(file, paths, 2, &err) == FM_E_USAGE, "accepted: '%s'",
                  wrong[i]);
        cr_expect(strstr(err.text, "duckdb_nested_v1.parquet' has no column '") != NULL, "%s",
                  err.text);
        if (strcmp(wrong[i], "imag") == 0)
            cr_expect(strstr(err.text, "did you mean 'image'?") != NULL, "%s", err.text);
    }
    cr_expect(row_at(file, 7)[0].integer == 7);
    fm_parquet_close(file);
}

Test(parquet, a_number_is_a_double_only_where_it_is_exact)
{
    const fm_parquet_value exact = {.integer = INT64_C(1) << 53, .kind = FM_PARQUET_INTEGER},
                           long_one = {.integer = (INT64_C(1) << 53) + 1,
                                       .kind = FM_PARQUET_INTEGER},
                           large = {.natural = UINT64_MAX, .kind = FM_PARQUET_NATURAL},
                           text = {.bytes = "5", .size = 1, .kind = FM_PARQUET_TEXT};
    double out = 0;

    cr_expect(fm_parquet_number(&exact, &out) && out == 0x1p53);
    cr_expect(fm_parquet_number(&long_one, &out) == false);
    cr_expect(fm_parquet_number(&large, &out) == false);
    cr_expect(fm_parquet_number(&text, &out) == false);
}

/* ---- files that are not sound ---- */

typedef struct {
    char name[24], message[80];
} unsound_file;

static const unsound_file unsound[] = {
    {"page_size", "column 'n', page at byte 4: the page is larger than the 536870912"},
    {"ratio", "column 'n', page at byte 4: 12 bytes cannot unpack to 400000000"},
    {"snappy", "column 'n', page at byte 4: the snappy data is broken"},
    {"sizes", "column 'n', page at byte 4: the page's two sizes differ"},
    {"beyond", "column 'n', page at byte 4: the page reaches beyond its column"},
    {"values", "column 'n', page at byte 4: the page has more values than its column"},
    {"missing", "column 'n', page at byte 4: the column ends before all of its values"},
    {"short", "column 'n', page at byte 4: its values end too early"},
    {"fewer_rows", "column 'n', page at byte 4: the column has fewer rows than its row group"},
    {"more_rows", "column 'n', page at byte 4: the column has more rows than its row group"},
    {"row_sum", "the row groups have 3 rows, the footer says 5"},
    {"type", "column 'n', page at byte 4: the row group has another type"},
    {"codec", "column 'n', page at byte 4: codec lzo (3) is not supported"},
    {"elsewhere", "column 'n', page at byte 4: it lies in another file"},
    {"encoding", "column 'n', page at byte 4: encoding 6 is unknown or does not fit"},
    {"no_dictionary", "column 'n', page at byte 4: the column has no dictionary"},
    {"text", "column 's', page at byte 4: its values end too early"},
    {"prefix", "column 's', page at byte 4: its values are broken"},
    {"level", "column 'a.b', page at byte 4: the definition levels are broken"},
    {"middle", "column 'l[]', page at byte 4: a row begins in the middle of a list"},
    {"lists", "column 'l[].b', page at byte 41: its lists do not fit"},
    {"shapes", "column 'l[].m[].b', page at byte 46: its lists do not fit"},
    {"deep", "the schema is malformed: 'g64': it lies too deep"},
    {"children", "the schema is malformed: 'g': the number of its parts is out of range"},
    {"decimal", "the schema is malformed: 'n': the digits of a decimal are out of range"},
};

/* Read all rows of all columns; FM_OK at the end of the file. */
static fm_status read_whole(const char *path, fm_err *err)
{
    fm_parquet *file = NULL;
    const fm_parquet_value *row = NULL;
    fm_status st = fm_parquet_open(&file, path, err);

    if (st != FM_OK)
        return st;
    const fm_parquet_node *root = fm_parquet_schema(file);
    const char *paths[64];
    size_t n = root->n_children < FM_COUNT_OF(paths) ? root->n_children : FM_COUNT_OF(paths);
    for (size_t i = 0; i < n; i++)
        paths[i] = root->children[i].name;
    st = fm_parquet_choose(file, paths, n, err);
    do {
        if (st == FM_OK)
            st = fm_parquet_next(file, &row, err);
    } while (st == FM_OK && row);
    if (st != FM_OK && row) { /* a failure stays */
        fm_err again = {0};
        cr_expect(fm_parquet_next(file, &row, &again) == st);
        cr_expect(strcmp(again.text, err->text) == 0);
    }
    fm_parquet_close(file);
    return st;
}

ParameterizedTestParameters(parquet, an_unsound_file_is_refused_with_its_place)
{
    return cr_make_param_array(const unsound_file, unsound, FM_COUNT_OF(unsound));
}

ParameterizedTest(const unsound_file *file, parquet, an_unsound_file_is_refused_with_its_place)
{
    char name[64];
    fm_err err = {0};

    snprintf(name, sizeof(name), "bad_%s", file->name);
    const char *path = data_path(name, ".parquet");
    cr_expect(read_whole(path, &err) == FM_E_INPUT, "accepted: %s", name);
    cr_expect(strstr(err.text, file->message) != NULL, "'%s', not '%s'", err.text, file->message);
    cr_expect(strstr(err.text, path) != NULL, "%s", err.text);
}

static fm_buf bytes_of(const char *name)
{
    fm_buf bytes = {0};
    fm_err err = {0};

    cr_assert(fm_file_read(data_path(name, ".parquet"), 1 << 20, &bytes, &err) == FM_OK, "%s",
              err.text);
    return bytes;
}

Test(parquet, a_file_that_was_cut_is_refused_at_every_length)
{
    fm_buf bytes = bytes_of("by_hand");

    for (size_t n = 0; n < bytes.size; n++) {
        fm_err err = {0};

        cr_expect(read_whole(scratch_write("cut", bytes.data, n), &err) == FM_E_INPUT,
                  "%zu bytes: %s", n, err.text);
        cr_expect(strstr(err.text, "is not a parquet file") != NULL, "%s", err.text);
    }
    fm_buf_release(&bytes);
}

Test(parquet, a_changed_byte_gives_rows_or_an_error_and_nothing_else)
{
    static const unsigned char changes[] = {0x01, 0x80, 0xff};
    fm_buf bytes = bytes_of("by_hand");
    size_t refused = 0;

    for (size_t i = 0; i < bytes.size; i++) {
        unsigned char change = changes[i % FM_COUNT_OF(changes)];
        fm_err err = {0};

        bytes.data[i] = (char)(bytes.data[i] ^ change);
        fm_status st = read_whole(scratch_write("changed", bytes.data, bytes.size), &err);
        bytes.data[i] = (char)(bytes.data[i] ^ change);
        /* A column whose name is gone cannot be chosen. */
        cr_expect(st == FM_OK || st == FM_E_INPUT || st == FM_E_NOMEM || st == FM_E_USAGE,
                  "byte %zu: %s", i, err.text);
        refused += st != FM_OK;
    }
    cr_expect(refused > bytes.size / 3, "%zu refused", refused);
    fm_buf_release(&bytes);
}

Test(parquet, a_damaged_page_with_a_checksum_is_noticed)
{
    fm_buf bytes = bytes_of("by_hand");
    /* The first page of the column 'at': day 2440588 and 5 nanoseconds. */
    static const char page[] = "\5\0\0\0\0\0\0\0\x8c\x3d\x25\0";
    char *at = memmem(bytes.data, bytes.size, page, sizeof(page) - 1);
    fm_err err = {0};

    cr_assert(at != NULL);
    *at = 6;
    cr_expect(read_whole(scratch_write("damaged", bytes.data, bytes.size), &err) == FM_E_INPUT);
    cr_expect(strstr(err.text, "column 'at'") && strstr(err.text, "checksum"), "%s", err.text);
    fm_buf_release(&bytes);
}

Test(parquet, a_file_that_shrinks_while_it_is_read_is_an_error)
{
    fm_buf bytes = bytes_of("duckdb_groups");
    const char *path = scratch_write("shrinking", bytes.data, bytes.size);
    fm_parquet *file = NULL;
    const fm_parquet_value *row;
    fm_err err = {0};
    fm_status st;

    cr_assert(fm_parquet_open(&file, path, &err) == FM_OK, "%s", err.text);
    choose_all(file);
    cr_assert(fm_parquet_next(file, &row, &err) == FM_OK, "%s", err.text);
    cr_assert(truncate(path, 4) == 0);
    do
        st = fm_parquet_next(file, &row, &err);
    while (st == FM_OK && row);
    cr_expect(st == FM_E_INPUT);
    cr_expect(strstr(err.text, "became shorter") != NULL, "%s", err.text);
    fm_parquet_close(file);
    fm_buf_release(&bytes);
}

Test(parquet, what_is_no_file_is_an_io_error)
{
    fm_parquet *file = NULL;
    fm_err err = {0};

    cr_expect(fm_parquet_open(&file, scratch_path("absent"), &err) == FM_E_IO);
    cr_expect(fm_parquet_open(&file, scratch_dir, &err) == FM_E_IO);
    cr_expect(strstr(err.text, "it is a folder") != NULL, "%s", err.text);
    cr_expect(file == NULL);
    fm_parquet_close(NULL);
}
