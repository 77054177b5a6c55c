/* Any bytes as JSON: what is accepted can be written again, and reads back to the same tree. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_tree(const cJSON *tree, bool pretty, fm_buf *out)
{
    fm_json_writer w = {.out = out, .pretty = pretty};

    fm_json_put_tree(&w, NULL, tree);
    if (out->failed || w.depth != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fm_buf compact = {0}, pretty = {0}, again = {0};
    cJSON *tree = NULL, *back = NULL;

    if (fm_json_parse((const char *)data, size, "fuzz", &tree, NULL) != FM_OK)
        return 0;
    write_tree(tree, false, &compact);
    write_tree(tree, true, &pretty);
    if (!fm_utf8_valid(compact.data, compact.size))
        abort();
    if (fm_json_parse(pretty.data, pretty.size, "pretty", &back, NULL) != FM_OK)
        abort();
    write_tree(back, false, &again);
    /* Broken UTF-8 is written as an escape, and read back as the character. */
    if (fm_utf8_valid((const char *)data, size) &&
        (again.size != compact.size || memcmp(again.data, compact.data, again.size) != 0))
        abort();
    cJSON_Delete(tree);
    cJSON_Delete(back);
    fm_buf_release(&compact);
    fm_buf_release(&pretty);
    fm_buf_release(&again);
    return 0;
}
