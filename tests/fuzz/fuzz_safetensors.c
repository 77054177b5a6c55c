/* Any bytes as a safetensors file: refused with its name, or tensors whose every element can be read. */
#include <stdlib.h>
#include <string.h>

#include "engine/weights.h"
#include "memfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile float seen;

static void read_all(const rt_tensor *tensor)
{
    size_t n = 1;

    for (int i = 0; i < tensor->rank; i++)
        n *= tensor->shape[i];
    for (size_t i = 0; i < n; i++) {
        float value;

        rt_tensor_get(tensor, i, 1, &value);
        seen = value;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    memfile file = memfile_open(data, size);
    rt_weights *weights = NULL;
    fm_err err = {0};

    if (rt_weights_open(&weights, file.path, &err) != FM_OK) {
        if (!strstr(err.text, file.path) || strchr(err.text, '\n'))
            abort();
    } else {
        for (size_t i = 0; i < rt_weights_count(weights); i++) {
            const rt_tensor *tensor;

            if (rt_weights_find(weights, rt_weights_name(weights, i, &tensor)) != tensor)
                abort();
            read_all(tensor);
        }
        rt_weights_close(weights);
    }
    memfile_close(&file);
    return 0;
}
