/* Any bytes as a CSV of published rows: refused with the name of the file, or rows that are whole. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "memfile.h"
#include "report/board/published.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    memfile bytes = memfile_open(data, size);
    fm_arena arena = {0};
    fm_published rows = {0};
    fm_err err = {0};

    fm_status st = fm_published_read(bytes.path, &arena, &rows, &err);
    if (st != FM_OK && (err.code != st || !strstr(err.text, bytes.path)))
        abort();
    for (size_t i = 0; i < rows.n; i++)
        if (!isfinite(rows.rows[i].value) || !rows.rows[i].model[0] || !rows.rows[i].flag)
            abort();
    fm_arena_release(&arena);
    memfile_close(&bytes);
    return 0;
}
