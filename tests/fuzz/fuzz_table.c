/* Any bytes as JSON, JSON lines or tab-separated values: refused with the name of the file, or rows whose every
 * value can be read to its end. The first byte chooses the format. */
#include <stdlib.h>
#include <string.h>

#include "memfile.h"
#include "tables/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_ROWS = 3000 };

static const char *const endings[] = {"json", "jsonl", "tsv"};
static char folder[] = "/tmp/fathom-fuzz-XXXXXX";
static volatile unsigned seen;

static void touch(const fm_parquet_value *value)
{
    if (value->kind == FM_PARQUET_TEXT)
        for (uint32_t i = 0; i < value->size; i++)
            seen += (unsigned char)value->bytes[i];
    if (value->kind == FM_PARQUET_STRUCT || value->kind == FM_PARQUET_LIST)
        for (uint32_t i = 0; i < value->size; i++)
            touch(&value->items[i]);
}

static void remove_folder(void)
{
    (void)!rmdir(folder);
}

/* The name tells the format, so the bytes get one. */
static void name_bytes(const memfile *bytes, const char *ending, char *path, size_t room)
{
    static int made;

    if (!made && (!mkdtemp(folder) || atexit(remove_folder) != 0))
        abort();
    made = 1;
    snprintf(path, room, "%s/bytes.%s", folder, ending);
    if (symlink(bytes->path, path) != 0)
        abort();
}

static void expect_told(fm_status st, const fm_err *err, const char *path)
{
    if ((st != FM_E_INPUT && st != FM_E_NOMEM) || err->code != st || !strstr(err->text, path))
        abort();
}

static void read_rows(const char *path, const char *rows)
{
    /* With names that the corpus uses; a TSV may not have them. */
    static const char *const columns[] = {"a", "b.c", "d[].e", "$key"};
    size_t n = strstr(path, ".tsv") ? 1 : sizeof(columns) / sizeof(columns[0]);
    const fm_parquet_value *row = NULL;
    fm_table *table = NULL;
    fm_err err = {0};
    fm_status st = fm_table_open(&table, path, rows, &err);

    if (st == FM_OK)
        st = fm_table_choose(table, columns, n, &err);
    for (int i = 0; st == FM_OK && i < MAX_ROWS; i++) {
        st = fm_table_next(table, &row, &err);
        if (st == FM_OK && !row)
            break;
        for (size_t k = 0; st == FM_OK && k < n; k++)
            touch(&row[k]);
    }
    if (st != FM_OK)
        expect_told(st, &err, path);
    fm_table_close(table);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[128];

    if (size == 0)
        return 0;
    const char *ending = endings[data[0] % 3];
    memfile bytes = memfile_open(data + 1, size - 1);
    name_bytes(&bytes, ending, path, sizeof(path));
    read_rows(path, NULL);
    if (data[0] % 3 == 0)
        read_rows(path, "a.b");
    (void)!unlink(path);
    memfile_close(&bytes);
    return 0;
}
