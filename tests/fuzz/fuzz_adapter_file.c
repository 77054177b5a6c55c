/* Any bytes as an adapter's file: refused with one line that names it, or settings that are text and
 * limits that are numbers over 0. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/adapter_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fm_arena arena = {0};
    fm_adapter_file file;
    fm_err err = {0};

    if (fm_adapter_file_parse((const char *)data, size, "fuzz", &arena, &file, &err) != FM_OK) {
        if (err.code != FM_E_INPUT || strncmp(err.text, "fuzz:", 5) != 0 || strchr(err.text, '\n'))
            abort();
    } else {
        for (size_t i = 0; i < file.n_settings; i++)
            if (!file.settings[i].key || !file.settings[i].value)
                abort();
        if (file.limits.cap < 0 || file.limits.start < 0 || file.limits.attempts < 0 ||
            !isfinite(file.limits.requests_per_minute) || !isfinite(file.limits.tokens_per_minute))
            abort();
    }
    fm_arena_release(&arena);
    return 0;
}
