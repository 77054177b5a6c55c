/* Any bytes as the config.json of a model's folder: refused with its name, or sizes within their bounds, of
 * which every tensor's shape can be told. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/size.h"
#include "engine/layout.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[] = "/tmp/fathom-fuzz-XXXXXX";

static void remove_folder(void)
{
    (void)!rmdir(folder);
}

static fm_status check_slot(void *context, const rt_slot *slot, fm_err *err)
{
    size_t n = 1;

    (void)context, (void)err;
    for (int i = 0; i < slot->rank; i++)
        if (slot->shape[i] == 0 || !fm_size_mul(n, slot->shape[i], &n))
            abort();
    return FM_OK;
}

/* The same text from a folder, which is slower. */
static bool read_folder(const uint8_t *data, size_t size)
{
    static int made;
    fm_arena arena = {0};
    char path[64];
    rt_config config;
    fm_err err = {0};

    if (!made && (!mkdtemp(folder) || atexit(remove_folder) != 0))
        abort();
    made = 1;
    snprintf(path, sizeof(path), "%s/config.json", folder);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(data, 1, size, f) != size || fclose(f) != 0)
        abort();
    bool good = rt_config_read(folder, &arena, &config, &err) == FM_OK;
    if (!good && (!strstr(err.text, folder) || strchr(err.text, '\n')))
        abort();
    (void)unlink(path);
    fm_arena_release(&arena);
    return good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fm_arena arena = {0};
    rt_config config;
    fm_err err = {0};
    bool good =
        rt_config_parse((const char *)data, size, "fuzzed.json", &arena, &config, &err) == FM_OK;

    if (!good && (!strstr(err.text, "fuzzed.json") || strchr(err.text, '\n')))
        abort();
    if (good && rt_layout_walk(&config, check_slot, NULL, &err) != FM_OK)
        abort();
    fm_arena_release(&arena);
    if (size % 16 == 0 && read_folder(data, size) != good)
        abort();
    return 0;
}
