/* The first byte says what the others are: a chat template, or the text and the system message of a
 * question, with a zero between. A template gives a frame or is refused in one line; what
 * the texts hold changes neither the frame's special tokens nor where pictures stand, and comes back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/prompt.h"
#include "fuzz_vocabulary.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const rt_media media = {.tiles = 2, .lines = true, .depth_tiles = 1, .spatial = true};

static size_t specials(const rt_ids *ids)
{
    size_t n = 0;

    for (size_t i = 0; i < ids->n; i++)
        n += rt_tokenizer_special(fuzz_vocabulary(), ids->ids[i]);
    return n;
}

/* Segments that cover every id once, the pictures' in their order. */
static void check_segments(const rt_prompt *prompt)
{
    static const rt_segment_kind order[] = {RT_SEGMENT_TILE, RT_SEGMENT_TILE, RT_SEGMENT_DEPTH,
                                            RT_SEGMENT_SPATIAL};
    size_t ids = 0, features = 0;

    for (size_t i = 0; i < prompt->n; i++) {
        const rt_segment *s = &prompt->segments[i];

        if (s->kind == RT_SEGMENT_TEXT) {
            if (s->first != ids || s->n == 0)
                abort();
            ids += s->n;
        } else if (features == 4 || s->kind != order[features++]) {
            abort();
        }
    }
    if (ids != prompt->ids.n || features != 4)
        abort();
}

static void ask(const rt_frame *frame, const char *text, const char *system)
{
    rt_prompt prompt = {0};
    rt_ids ids = {0};

    if (rt_prompt_scene(&prompt, frame, fuzz_vocabulary(), system, &media, NULL) != FM_OK ||
        rt_prompt_question(&ids, frame, fuzz_vocabulary(), text, NULL) != FM_OK)
        abort();
    check_segments(&prompt);
    if (specials(&prompt.ids) != (frame->chat ? system[0] ? 3 : 1 : 0) ||
        specials(&ids) != (frame->chat ? 2 : 0))
        abort();
    rt_prompt_release(&prompt);
    rt_ids_release(&ids);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fm_arena arena = {0};
    rt_frame frame = {0};
    fm_err err = {0};

    if (size == 0)
        return 0;
    char *text = malloc(size);
    if (!text)
        abort();
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    if (data[0] % 2) {
        if (rt_frame_read(&frame, text, fuzz_vocabulary(), &arena, &err) == FM_OK)
            ask(&frame, "where?", frame.system);
        else if (!err.text[0] || strchr(err.text, '\n'))
            abort();
    } else {
        size_t first = strlen(text);

        if (rt_frame_read(&frame, NULL, fuzz_vocabulary(), &arena, NULL) != FM_OK)
            abort();
        ask(&frame, text, first < size - 1 ? text + first + 1 : "");
    }
    free(text);
    fm_arena_release(&arena);
    return 0;
}
