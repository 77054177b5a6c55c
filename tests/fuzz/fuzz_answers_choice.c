/* Any bytes as a reply to a question with options: every rule ends in one of its stated outcomes. The
 * first byte is the number of options. */
#include <stdint.h>
#include <stdlib.h>

#include "base/arena.h"
#include "fathom/choice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(fm_span part, fm_span whole)
{
    if (part.size > 0 &&
        (part.text < whole.text || part.text + part.size > whole.text + whole.size))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const texts[26] = {"left", "right", "red car", "", "1", "a", "7", "8", "9",
                                          "10",   "11",    "12",      "", "",  "",  "",  "",  "",
                                          "",     "",      "",        "", "",  "",  "",  ""};
    fm_options options = {texts, size ? data[0] % 27u : 0};
    fm_span reply = {(const char *)data, size};
    fm_arena arena = {0};

    if (size)
        reply = (fm_span){(const char *)data + 1, size - 1};
    for (size_t i = 0; fm_choice_rule_at(i); i++) {
        fm_choice choice;

        if (fm_choice_read(fm_choice_rule_at(i), reply, &options, &arena, &choice, NULL) != FM_OK)
            abort();
        if (!choice.path || (choice.kind == FM_CHOICE_LETTER) != (choice.index >= 0) ||
            choice.index > 25)
            abort();
    }
    fm_choice_stored(reply);
    fm_choice_text_equals(reply, "left");
    fm_choice_text_occurs(reply, "left");
    inside(fm_span_strip(reply), reply);
    inside(fm_reply_after_think(reply), reply);
    inside(fm_reply_last_line(reply), reply);
    if (fm_reply_answer(reply).size)
        inside(fm_reply_answer(reply), reply);
    if (fm_yesno_prefix(reply) > FM_SAYS_NEITHER || fm_yesno_last_line(reply) > FM_SAYS_NEITHER)
        abort();
    fm_arena_release(&arena);
    return 0;
}
