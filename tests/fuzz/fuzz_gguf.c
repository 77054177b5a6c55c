/* Any bytes as a GGUF file: refused with its name, or tensors whose every element can be read, and a configuration
 * and a vocabulary or a line that says why there is none. */
#include <stdlib.h>
#include <string.h>

#include "engine/config.h"
#include "engine/tokenizer.h"
#include "engine/weights.h"
#include "memfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile float seen;

static void expect_told(fm_status st, const fm_err *err, const char *path)
{
    if (st != FM_OK && (!strstr(err->text, path) || strchr(err->text, '\n')))
        abort();
}

static void read_all(const rt_weights *weights)
{
    for (size_t i = 0; i < rt_weights_count(weights); i++) {
        const rt_tensor *tensor;
        float values[32];

        if (rt_weights_find(weights, rt_weights_name(weights, i, &tensor)) != tensor)
            abort();
        size_t step = rt_kind_block(tensor->kind), n = rt_tensor_elements(tensor);
        for (size_t at = 0; at < n; at += step) {
            rt_tensor_get(tensor, at, step, values);
            seen = values[0];
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    memfile file = memfile_open(data, size);
    rt_weights *weights = NULL;
    rt_tokenizer *tokenizer = NULL;
    fm_arena arena = {0};
    rt_config config;
    fm_err err = {0};
    fm_status st = rt_weights_open(&weights, file.path, &err);

    expect_told(st, &err, file.path);
    if (st == FM_OK) {
        read_all(weights);
        expect_told(rt_config_read(file.path, &arena, &config, &err), &err, file.path);
        expect_told(rt_tokenizer_open(&tokenizer, file.path, &err), &err, file.path);
    }
    rt_weights_close(weights);
    rt_tokenizer_free(tokenizer);
    fm_arena_release(&arena);
    memfile_close(&file);
    return 0;
}
