/* Owns the framing of a question and the order of what stands in it. */
#include "engine/prompt.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/size.h"
#include "engine/folder.h"

static const char helpful[] = "You are a helpful assistant";
static const char opens[] = "<|im_start|>", closes[] = "<|im_end|>";

/* ---- frames ---- */

enum { MOST_BYTES = 16 << 20 };

/* What "plain" is in Jinja: the messages' text, nothing around it. */
static const char plain_jinja[] =
    "{% for message in messages %}{{ message['content'] }}{% endfor %}";

/* The text of the member, or of the one that is named "default" in a list of templates; NULL without one. */
static fm_status template_of(const cJSON *root, const char *path, const char **out, fm_err *err)
{
    const cJSON *item = fm_json_get(root, "chat_template"), *entry;
    const cJSON *list = cJSON_IsArray(item) ? item : NULL;

    *out = NULL;
    if (!cJSON_IsObject(root))
        return fm_fail(err, FM_E_INPUT, "%s: is no JSON object", path);
    cJSON_ArrayForEach(entry, list)
    {
        const char *name = fm_json_string(entry, "name");

        if (name && strcmp(name, "default") == 0)
            *out = fm_json_string(entry, "template");
    }
    if (cJSON_IsString(item))
        *out = item->valuestring;
    return !item || cJSON_IsNull(item) || *out
               ? FM_OK
               : fm_fail(err, FM_E_INPUT,
                         "%s: 'chat_template' wants a text, or a list with one named 'default'",
                         path);
}

static fm_status keep(const char *text, fm_arena *arena, const char **out, fm_err *err)
{
    *out = fm_arena_strdup(arena, text);
    return *out || !text ? FM_OK : fm_fail(err, FM_E_NOMEM, "no memory for the chat template");
}

static fm_status read_member(const char *path, fm_arena *arena, const char **out, fm_err *err)
{
    cJSON *root = NULL;
    const char *text = NULL;
    fm_status st = fm_json_load(path, MOST_BYTES, &root, err);

    if (st == FM_OK)
        st = template_of(root, path, &text, err);
    if (st == FM_OK)
        st = keep(text, arena, out, err);
    cJSON_Delete(root);
    return st;
}

static fm_status read_whole(const char *path, fm_arena *arena, const char **out, fm_err *err)
{
    fm_buf text = {0};
    fm_status st = fm_file_read(path, MOST_BYTES, &text, err);

    if (st == FM_OK)
        st = keep(fm_buf_text(&text), arena, out, err);
    fm_buf_release(&text);
    return st;
}

/* In the order in which Hugging Face's tools look: a file of its own is the newer place. */
fm_status rt_template_read(const rt_config *config, fm_arena *arena, const char **out, fm_err *err)
{
    static const struct {
        const char *name;
        fm_status (*read)(const char *path, fm_arena *arena, const char **out, fm_err *err);
    } places[] = {{"chat_template.jinja", read_whole},
                  {"tokenizer_config.json", read_member},
                  {"chat_template.json", read_member}};
    char folder[FM_PATH_BYTES], path[FM_PATH_BYTES];

    *out = config->chat_template;
    if (*out)
        return FM_OK;
    fm_status st = rt_config_part(config, "llm", folder, err);
    for (size_t i = 0; i < FM_COUNT_OF(places) && st == FM_OK && !*out; i++) {
        st = rt_folder_join(path, folder, places[i].name, err);
        if (st == FM_OK && fm_file_exists(path))
            st = places[i].read(path, arena, out, err);
    }
    return st;
}

static bool named(const char *chat_template, const char *name)
{
    return chat_template && strcmp(chat_template, name) == 0;
}

const char *rt_template_for_others(const char *chat_template)
{
    if (named(chat_template, "plain"))
        return plain_jinja;
    return named(chat_template, "chatml") || named(chat_template, "qwen2") ? NULL : chat_template;
}

/* The mark that the Jinja string around `at` began with; 0: it is text of the template itself. */
static char mark_before(const char *begin, const char *at)
{
    while (at-- > begin && !strchr("{}\n", *at))
        if (*at == '\'' || *at == '"')
            return *at;
    return 0;
}

static bool is_escape(const char *p, char mark)
{
    return mark && *p == '\\' && p[1] && strchr("nt'\"\\", p[1]);
}

/* Where plain text ends: at <|im_end|>, or NULL where something else comes before. */
static const char *end_of_text(const char *from, char mark)
{
    for (const char *p = from; *p; p++) {
        if (strncmp(p, closes, strlen(closes)) == 0)
            return p;
        if ((p[0] == '<' && p[1] == '|') || (mark ? *p == mark : strchr("{}", *p) != NULL))
            return NULL;
        if (is_escape(p, mark))
            p++;
        else if (mark && *p == '\\')
            return NULL;
    }
    return NULL;
}

static char escaped(char letter)
{
    return letter == 'n' ? '\n' : letter == 't' ? '\t' : letter;
}

/* The text up to its <|im_end|>, escapes undone; NULL as above. */
static const char *literal(const char *from, char mark, fm_arena *arena)
{
    const char *end = end_of_text(from, mark);
    char *out = end ? fm_arena_memdup(arena, from, (size_t)(end - from)) : NULL, *to = out;

    if (!out)
        return NULL;
    for (const char *p = from; p < end; p++) {
        bool escape = is_escape(p, mark);

        p += escape;
        *to++ = escape ? escaped(*p) : *p;
    }
    *to = '\0';
    return out;
}

/* The system message that a ChatML template puts where the messages have none; "" without one. */
static const char *standing_system(const char *chat_template, fm_arena *arena)
{
    static const char start[] = "<|im_start|>system";

    for (const char *at = chat_template; (at = strstr(at, start));) {
        const char *found = NULL;
        char mark = mark_before(chat_template, at);

        at += sizeof(start) - 1;
        if (*at == '\n')
            found = literal(at + 1, mark, arena);
        else if (at[0] == '\\' && at[1] == 'n')
            found = literal(at + 2, mark, arena);
        if (found)
            return found;
    }
    return "";
}

fm_status rt_frame_read(rt_frame *out, const char *chat_template, const rt_tokenizer *tokenizer,
                        fm_arena *arena, fm_err *err)
{
    bool speaks_chat =
        rt_tokenizer_id(tokenizer, opens) >= 0 && rt_tokenizer_id(tokenizer, closes) >= 0;

    if (named(chat_template, "plain") || named(chat_template, plain_jinja) ||
        (!chat_template && !speaks_chat)) {
        *out = (rt_frame){false, ""};
        return FM_OK;
    }
    bool by_name =
        !chat_template || named(chat_template, "chatml") || named(chat_template, "qwen2");
    if (!by_name && (!strstr(chat_template, opens) || !strstr(chat_template, closes)))
        return fm_fail(err, FM_E_INPUT,
                       "the chat template is none that this engine knows: ChatML or 'plain'");
    if (!speaks_chat)
        return fm_fail(err, FM_E_INPUT, "the vocabulary has no '%s' and '%s', which ChatML needs",
                       opens, closes);
    const char *system = by_name ? helpful : standing_system(chat_template, arena);
    if (arena->failed)
        return fm_fail(err, FM_E_NOMEM, "no memory for the chat template");
    *out = (rt_frame){true, system};
    return FM_OK;
}

/* ---- words ---- */

void rt_words_release(rt_words *words)
{
    rt_tokenizer_free(words->tokenizer);
    *words = (rt_words){0};
}

fm_status rt_words_read(rt_words *out, const rt_config *config, const char *what, fm_arena *arena,
                        fm_err *err)
{
    char folder[FM_PATH_BYTES];
    rt_words words = {.scale_id = -1};
    const char *chat_template = NULL;
    fm_status st = rt_config_part(config, "llm", folder, err);

    if (st == FM_OK)
        st = rt_tokenizer_open(&words.tokenizer, folder, err);
    if (st == FM_OK)
        st = rt_template_read(config, arena, &chat_template, err);
    if (st != FM_OK) { /* which names its file */
        rt_words_release(&words);
        return st;
    }
    st = rt_frame_read(&words.frame, chat_template, words.tokenizer, arena, err);
    if (st == FM_OK && config->has_scale) {
        words.scale_id = rt_tokenizer_id(words.tokenizer, config->scale.token);
        if (words.scale_id < 0)
            st = fm_fail(err, FM_E_INPUT,
                         "the vocabulary has no '%s', at which the scale decoder reads",
                         config->scale.token);
    }
    if (st != FM_OK) {
        rt_words_release(&words);
        return fm_fail_within(err, st, "%s", what ? what : folder);
    }
    *out = words;
    return FM_OK;
}

/* ---- prompts ---- */

void rt_prompt_release(rt_prompt *prompt)
{
    rt_ids_release(&prompt->ids);
    free(prompt->segments);
    *prompt = (rt_prompt){0};
}

/* A prompt that grows. Text waits until something else comes: how it becomes tokens depends on what
 * stands next to it. Failures stick. */
typedef struct {
    rt_prompt *prompt;
    const rt_tokenizer *tokenizer;
    fm_buf text;
    fm_status st;
    fm_err *err;
} writing;

static void put_segment(writing *w, rt_segment_kind kind, size_t first, size_t n)
{
    w->prompt->segments[w->prompt->n++] = (rt_segment){kind, first, n};
}

/* What waits, as tokens. special: whether special tokens in it count. */
static void settle(writing *w, bool special)
{
    rt_ids *ids = &w->prompt->ids;
    size_t before = ids->n;
    rt_segment *last = w->prompt->n > 0 ? &w->prompt->segments[w->prompt->n - 1] : NULL;

    if (w->st == FM_OK)
        w->st = fm_buf_check(&w->text, "the prompt", w->err);
    if (w->st == FM_OK)
        w->st = rt_tokenizer_encode(w->tokenizer, fm_buf_text(&w->text), w->text.size, special, ids,
                                    w->err);
    fm_buf_clear(&w->text);
    if (w->st != FM_OK || ids->n == before)
        return;
    if (last && last->kind == RT_SEGMENT_TEXT)
        last->n += ids->n - before;
    else
        put_segment(w, RT_SEGMENT_TEXT, before, ids->n - before);
}

/* Features, and after them the token of a line's end, which the vision encoders of NVILA append. */
static void put_features(writing *w, rt_segment_kind kind, size_t index)
{
    settle(w, true);
    if (w->st != FM_OK)
        return;
    put_segment(w, kind, index, 1);
    fm_buf_putc(&w->text, '\n');
    settle(w, true);
}

static void put_tiles(writing *w, const rt_media *media)
{
    for (size_t i = 0; i < media->tiles; i++) {
        put_features(w, RT_SEGMENT_TILE, i);
        if (media->lines)
            fm_buf_putc(&w->text, '\n');
    }
}

/* One group of features, each on its line. */
static void put_lines(writing *w, rt_segment_kind kind, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        put_features(w, kind, i);
        fm_buf_putc(&w->text, '\n');
    }
}

/* As RoboRefer has image and depth: a space between the groups, and a line's end after the last where
 * there are several. */
static void put_media(writing *w, const rt_media *media)
{
    bool several = (media->tiles > 0) + (media->depth_tiles > 0) + media->spatial > 1;

    if (media->spatial_first && media->spatial) {
        put_lines(w, RT_SEGMENT_SPATIAL, 1);
        fm_buf_puts(&w->text, several ? " " : "");
    }
    put_tiles(w, media);
    if (media->depth_tiles > 0) {
        fm_buf_puts(&w->text, " ");
        put_lines(w, RT_SEGMENT_DEPTH, media->depth_tiles);
    }
    if (!media->spatial_first && media->spatial) {
        fm_buf_puts(&w->text, several ? " " : "");
        put_lines(w, RT_SEGMENT_SPATIAL, 1);
    }
    fm_buf_puts(&w->text, several ? "\n" : "");
}

static void put_system(writing *w, const char *system)
{
    fm_buf_puts(&w->text, opens);
    settle(w, true);
    fm_buf_puts(&w->text, "system\n");
    fm_buf_puts(&w->text, system);
    settle(w, false);
    fm_buf_puts(&w->text, closes);
    fm_buf_puts(&w->text, "\n");
}

fm_status rt_prompt_scene(rt_prompt *out, const rt_frame *frame, const rt_tokenizer *tokenizer,
                          const char *system, const rt_media *media, fm_err *err)
{
    rt_prompt prompt = {0};
    writing w = {.prompt = &prompt, .tokenizer = tokenizer, .err = err};
    size_t features, most;

    if (!fm_size_add(media->tiles, media->depth_tiles, &features) ||
        !fm_size_add(features, media->spatial, &features) || !fm_size_mul(features, 2, &most) ||
        !(prompt.segments = calloc(most + 1, sizeof(*prompt.segments))))
        return fm_fail(err, FM_E_NOMEM, "no memory for the prompt");
    if (frame->chat) {
        system = system ? system : frame->system;
        if (system[0])
            put_system(&w, system);
        fm_buf_puts(&w.text, opens);
        fm_buf_puts(&w.text, "user\n");
    }
    put_media(&w, media);
    settle(&w, true);
    fm_buf_release(&w.text);
    if (w.st != FM_OK) {
        rt_prompt_release(&prompt);
        return w.st;
    }
    *out = prompt;
    return FM_OK;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

fm_status rt_prompt_question(rt_ids *out, const rt_frame *frame, const rt_tokenizer *tokenizer,
                             const char *text, fm_err *err)
{
    static const char turn[] = "<|im_end|>\n<|im_start|>assistant\n";
    size_t size = strlen(text);

    for (; size > 0 && is_space(text[0]); size--)
        text++;
    while (size > 0 && is_space(text[size - 1]))
        size--;
    fm_status st = rt_tokenizer_encode(tokenizer, text, size, false, out, err);
    if (st == FM_OK && frame->chat)
        st = rt_tokenizer_encode(tokenizer, turn, sizeof(turn) - 1, true, out, err);
    return st;
}
