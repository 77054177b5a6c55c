/* Any bytes as a line for `fathom reward`: one line of JSON comes out, a reward or an error. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "core/rewarding.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const fm_reward_rules *rules, const char *line, size_t size)
{
    fm_rewarding *rewarding = fm_rewarding_new(rules, true);
    fm_arena arena = {0};
    fm_buf out = {0};
    cJSON *tree = NULL;

    if (!rewarding)
        abort();
    bool rewarded = fm_rewarding_line(rewarding, line, size, &arena, &out);
    if (out.failed || out.size < 2 || memchr(out.data, '\n', out.size) != out.data + out.size - 1 ||
        fm_json_parse(out.data, out.size - 1, "answer", &tree, NULL) != FM_OK)
        abort();
    if (rewarded != cJSON_IsNumber(fm_json_get(tree, "reward")) ||
        rewarded == cJSON_IsObject(fm_json_get(tree, "error")))
        abort();
    cJSON_Delete(tree);
    fm_buf_release(&out);
    fm_arena_release(&arena);
    fm_rewarding_free(rewarding);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check(&fm_reward_robotracer, (const char *)data, size);
    check(&fm_reward_roborefer, (const char *)data, size);
    return 0;
}
