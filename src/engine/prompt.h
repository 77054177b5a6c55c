/**
 * What the language model reads: text as tokens, and the places between where features of pictures
 * stand. A prompt has two halves: what all questions about a scene share (system message, pictures),
 * and the question.
 *
 * A question's text and system message are ordinary text: a special token that is written
 * out in them ("<|im_end|>") does not act. Source: ChatML as Qwen2 uses it; the order of media as in
 * NVILA's and RoboRefer's published code; facts in docs/engine.md.
 */
#ifndef RT_ENGINE_PROMPT_H
#define RT_ENGINE_PROMPT_H

#include "base/arena.h"
#include "engine/config.h"
#include "engine/tokenizer.h"

/* The chat template of a model: of config.json, else of chat_template.jinja, tokenizer_config.json or
 * chat_template.json beside the tokenizer, else NULL. In the arena. FM_E_INPUT for a member that is none. */
FM_MUST_CHECK fm_status rt_template_read(const rt_config *config, fm_arena *arena, const char **out,
                                         fm_err *err);

/* The same as other programs read it: in Jinja, or NULL for ChatML by name. Borrowed. */
const char *rt_template_for_others(const char *chat_template);

/* How a question is framed. */
typedef struct {
    bool chat; /* ChatML; else the text stands alone */
    const char
        *system; /* where a question has none of its own; "": no system message. In the arena */
} rt_frame;

/* chat_template: of config.json or tokenizer_config.json: ChatML in Jinja, whose standing system message
 * is found in it, or one of the names "chatml", "qwen2" and "plain", the last in Jinja as well. NULL: ChatML with "You are a
 * helpful assistant", or plain where the vocabulary has none of its tokens. FM_E_INPUT for another. */
FM_MUST_CHECK fm_status rt_frame_read(rt_frame *out, const char *chat_template,
                                      const rt_tokenizer *tokenizer, fm_arena *arena, fm_err *err);

/* Everything about words that opening a model needs. what: of which a template or a vocabulary without a needed
 * token is told, NULL: the tokenizer's folder. */
typedef struct {
    rt_tokenizer *tokenizer;
    rt_frame frame;   /* in the arena that it was read with */
    int32_t scale_id; /* of the token that the scale decoder reads at; -1 without one */
} rt_words;
FM_MUST_CHECK fm_status rt_words_read(rt_words *out, const rt_config *config, const char *what,
                                      fm_arena *arena, fm_err *err);
void rt_words_release(rt_words *words); /* accepts {0} */

/* What stands in front of the question. */
typedef struct {
    size_t tiles; /* of the pictures, in their order */
    bool lines;   /* each tile on a line of its own: `dynamic` */
    size_t depth_tiles;
    bool spatial;       /* what the spatial encoder gives, of all pictures together */
    bool spatial_first; /* before the tiles */
} rt_media;

typedef enum {
    RT_SEGMENT_TEXT,
    RT_SEGMENT_TILE,
    RT_SEGMENT_DEPTH,
    RT_SEGMENT_SPATIAL
} rt_segment_kind;

typedef struct {
    rt_segment_kind kind;
    size_t first; /* TEXT: ids [first, first + n) of the prompt; else the index of the tile */
    size_t n;
} rt_segment;

typedef struct {
    rt_ids ids;
    rt_segment *segments; /* of malloc */
    size_t n;
} rt_prompt;
void rt_prompt_release(rt_prompt *prompt); /* accepts {0} */

/* The first half into `out`, which is {0}. system NULL: the frame's own. */
FM_MUST_CHECK fm_status rt_prompt_scene(rt_prompt *out, const rt_frame *frame,
                                        const rt_tokenizer *tokenizer, const char *system,
                                        const rt_media *media, fm_err *err);

/* Append the second half: the text without white space around it, up to where the answer begins.
 * Following the first half, these are the tokens of the whole. */
FM_MUST_CHECK fm_status rt_prompt_question(rt_ids *out, const rt_frame *frame,
                                           const rt_tokenizer *tokenizer, const char *text,
                                           fm_err *err);

#endif
