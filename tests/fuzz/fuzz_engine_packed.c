/* Any bytes as a file of packed weights: none, or one whose panels can be read to their ends. */
#include <stdlib.h>
#include <string.h>

#include "engine/packed_file.h"
#include "memfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a row of the table is, as the file has it last. */
enum { KEY = 72, BYTES = KEY + 8, ROW = KEY + 3 * 8 };

static volatile uint8_t seen;

static void read_all(const rt_packed_file *file, const uint8_t *row)
{
    char key[KEY + 1] = {0};
    uint64_t bytes;

    memcpy(key, row, KEY);
    memcpy(&bytes, row + BYTES, sizeof(bytes));
    const uint8_t *panels = rt_packed_file_find(file, key, (size_t)bytes);
    for (uint64_t i = 0; panels && i < bytes; i++)
        seen = panels[i];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    memfile on_disk = memfile_open(data, size);
    rt_packed_file *file = rt_packed_file_open(on_disk.path);

    if (file) {
        if (strlen(rt_packed_file_model(file)) > size)
            abort();
        if (size >= ROW)
            read_all(file, data + size - ROW);
    }
    rt_packed_file_close(file);
    memfile_close(&on_disk);
    return 0;
}
