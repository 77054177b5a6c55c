/* Any bytes as manifest.json: refused with a line, or complete and written back readable. */
#include <string.h>

#include "core/manifest.h"
#include "memfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    memfile file = memfile_open(data, size);
    fm_arena arena = {0};
    fm_manifest manifest;
    fm_err err = {0};

    if (fm_manifest_read(file.path, &arena, &manifest, &err) != FM_OK) {
        if (!err.text[0] || strchr(err.text, '\n'))
            abort();
    } else if (!manifest.suite || !manifest.task || !manifest.protocol || !manifest.adapter ||
               fm_manifest_same_run(&manifest, &manifest, "run", &err) != FM_OK) {
        abort();
    }
    fm_arena_release(&arena);
    memfile_close(&file);
    return 0;
}
