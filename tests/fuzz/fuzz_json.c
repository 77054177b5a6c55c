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

/* What is picked of an object that can be read can be read too, and holds what the object does. */
static void check_pick(const char *text, size_t size)
{
    static const char *const names[] = {"id", "metrics", "a", NULL};
    cJSON *tree = NULL, *picked = NULL;
    fm_buf out = {0};

    bool found = fm_json_pick(text, size, names, &out);
    if (found && fm_json_parse(text, size, "fuzz", &tree, NULL) == FM_OK) {
        if (fm_json_parse(out.data, out.size, "picked", &picked, NULL) != FM_OK)
            abort();
        for (const char *const *name = names; *name; name++) {
            const cJSON *whole = fm_json_get(tree, *name), *part = fm_json_get(picked, *name);

            if (whole && (!part || (part->type & 0xFF) != (whole->type & 0xFF)))
                abort();
        }
    }
    cJSON_Delete(tree);
    cJSON_Delete(picked);
    fm_buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fm_buf compact = {0}, pretty = {0}, again = {0};
    cJSON *tree = NULL, *back = NULL;

    check_pick((const char *)data, size);
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
