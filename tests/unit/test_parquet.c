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
};

ParameterizedTestParameters(parquet, every_value_is_what_was_written)
{
    return cr_make_param_array(const written_file, files, FM_COUNT_OF(files));
}

ParameterizedTest(const written_file *file, parquet, every_value_is_what_was_written)
{
    expect_rows(file->name, file->rows);
}
