/* Any bytes as YAML: refused with a place, or a tree that JSON can hold. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cJSON *tree = NULL, *back = NULL;
    fm_buf out = {0};
    fm_json_writer w = {.out = &out};
    fm_err err = {0};

    if (fm_yaml_parse((const char *)data, size, "fuzz", &tree, &err) != FM_OK) {
        if (err.code != FM_E_INPUT || strncmp(err.text, "fuzz:", 5) != 0)
            abort();
        return 0;
    }
    fm_json_put_tree(&w, NULL, tree);
    if (out.failed || fm_json_parse(out.data, out.size, "back", &back, NULL) != FM_OK)
        abort();
    cJSON_Delete(tree);
    cJSON_Delete(back);
    fm_buf_release(&out);
    return 0;
}
