/* Any bytes as a Parquet file: refused with its name, or rows whose every value is of the kind that the schema says
 * and can be read to its end. */
#include <stdlib.h>
#include <string.h>

#include "memfile.h"
#include "tables/parquet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A few bytes may stand for very many rows of nulls. */
enum { MAX_COLUMNS = 64, MAX_ROWS = 3000 };

static volatile unsigned seen;

static void touch(const char *bytes, size_t size)
{
    unsigned sum = 0;

    for (size_t i = 0; i < size; i++)
        sum += (unsigned char)bytes[i];
    seen += sum;
}

static void check(const fm_parquet_value *value, const fm_parquet_node *node)
{
    if (value->kind == FM_PARQUET_NULL)
        return;
    if (value->kind != node->kind)
        abort();
    if (value->kind == FM_PARQUET_TEXT || value->kind == FM_PARQUET_BINARY)
        touch(value->bytes, value->size);
    if (value->kind == FM_PARQUET_STRUCT && value->size != node->n_children)
        abort();
    if (value->kind == FM_PARQUET_STRUCT || value->kind == FM_PARQUET_LIST)
        for (uint32_t i = 0; i < value->size; i++)
            check(&value->items[i], &node->children[node->kind == FM_PARQUET_LIST ? 0 : i]);
}

static void expect_told(fm_status st, const fm_err *err, const char *path)
{
    if ((st != FM_E_INPUT && st != FM_E_NOMEM) || err->code != st || !strstr(err->text, path))
        abort();
}

static void read_rows(fm_parquet *file, const fm_parquet_node *const *nodes, size_t n,
                      const char *path)
{
    const fm_parquet_value *row;
    fm_err err = {0};

    for (int i = 0; i < MAX_ROWS; i++) {
        fm_status st = fm_parquet_next(file, &row, &err);

        if (st != FM_OK) {
            expect_told(st, &err, path);
            return;
        }
        if (!row)
            return;
        for (size_t k = 0; k < n; k++)
            check(&row[k], nodes[k]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    memfile bytes = memfile_open(data, size);
    fm_parquet *file = NULL;
    fm_err err = {0};
    fm_status st = fm_parquet_open(&file, bytes.path, &err);

    if (st != FM_OK) {
        expect_told(st, &err, bytes.path);
        memfile_close(&bytes);
        return 0;
    }
    const fm_parquet_node *root = fm_parquet_schema(file), *nodes[MAX_COLUMNS];
    const char *paths[MAX_COLUMNS];
    size_t n = 0;
    for (size_t i = 0; i < root->n_children && n < MAX_COLUMNS; i++) {
        nodes[n] = &root->children[i];
        paths[n] = nodes[n]->name;
        /* One at a time first: a fault in one column must not hide the others. Two columns may have
         * one name, and a name may look like a path: such a choice need not give this node. */
        if (fm_parquet_choose(file, &paths[n], 1, &err) != FM_OK)
            continue;
        bool unique = true;
        for (size_t k = 0; k < root->n_children; k++)
            unique = unique && (k == i || strncmp(root->children[k].name, paths[n],
                                                  strlen(root->children[k].name)) != 0);
        if (!unique)
            continue;
        read_rows(file, &nodes[n], 1, bytes.path);
        n++;
    }
    if (fm_parquet_choose(file, paths, n, &err) == FM_OK)
        read_rows(file, nodes, n, bytes.path);
    fm_parquet_close(file);
    memfile_close(&bytes);
    return 0;
}
