/* Owns the places of a template: which there are, and what is put in. */
#include "core/prompt.h"

#include <string.h>

#include "base/files.h"
#include "base/size.h"
#include "base/text.h"

typedef enum { TASK, OPTIONS, TARGET, DESTINATION, PLACES } place;

static const char *const names[PLACES] = {
    [TASK] = "task", [OPTIONS] = "options", [TARGET] = "target", [DESTINATION] = "destination"};

/* Bytes of the place that begins at p, 0 where none does. */
static size_t place_at(const char *p, place *out)
{
    for (int i = 0; *p == '{' && i < PLACES; i++) {
        size_t n = strlen(names[i]);

        if (strncmp(p + 1, names[i], n) == 0 && p[n + 1] == '}') {
            *out = (place)i;
            return n + 2;
        }
    }
    return 0;
}

/* "(A) left" and so on, a line each. */
static bool put_options(const fm_sample *sample, fm_buf *out)
{
    const fm_truth_choice *choice = &sample->truth.choice;

    if (sample->kind != FM_ANSWER_CHOICE || choice->n == 0)
        return false;
    for (size_t i = 0; i < choice->n; i++)
        fm_buf_printf(out, "%s(%c) %s", i ? "\n" : "", (int)('A' + i), choice->options[i]);
    return true;
}

static bool put_place(place which, const fm_sample *sample, fm_buf *out)
{
    const char *const texts[PLACES] = {[TASK] = sample->instruction,
                                       [TARGET] = sample->target,
                                       [DESTINATION] = sample->destination};

    if (which == OPTIONS)
        return put_options(sample, out);
    if (texts[which])
        fm_buf_puts(out, texts[which]);
    return texts[which] != NULL;
}

fm_status fm_prompt_fill(const char *template, const fm_sample *sample, fm_buf *out, fm_err *err)
{
    fm_buf_clear(out);
    for (const char *p = template; *p;) {
        size_t n = strcspn(p, "{");
        place which;

        fm_buf_append(out, p, n);
        p += n;
        if (!*p)
            break;
        size_t taken = place_at(p, &which);
        if (taken == 0)
            fm_buf_putc(out, *p++);
        else if (!put_place(which, sample, out))
            return fm_fail(err, FM_E_INPUT, "sample '%s' has no text for {%s} in the prompt",
                           sample->id, names[which]);
        p += taken;
    }
    return fm_buf_check(out, "a prompt", err);
}

bool fm_prompt_has_places(const char *template)
{
    place which;

    for (const char *p = template; (p = strchr(p, '{')); p++)
        if (place_at(p, &which))
            return true;
    return false;
}

/* ---- the user's file ---- */

/* A word in braces that is no place. */
static fm_status check_places(const char *path, const char *template, fm_err *err)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
    size_t line = 1;
    place which;

    for (const char *p = template; *p; p++) {
        size_t n = *p == '{' ? strspn(p + 1, letters) : 0;
        char word[64];

        line += *p == '\n';
        if (n == 0 || n >= sizeof(word) || p[n + 1] != '}' || place_at(p, &which))
            continue;
        memcpy(word, p + 1, n);
        word[n] = '\0';
        const char *near = fm_text_nearest(word, names, PLACES);
        if (near)
            return fm_fail(err, FM_E_INPUT,
                           "%s:%zu: unknown placeholder '{%s}'; did you mean "
                           "'{%s}'?",
                           path, line, word, near);
        return fm_fail(err, FM_E_INPUT,
                       "%s:%zu: unknown placeholder '{%s}'; there are {task}, {options}, {target} "
                       "and {destination}",
                       path, line, word);
    }
    return FM_OK;
}

fm_status fm_prompt_load(const char *path, fm_arena *arena, const char **out, fm_err *err)
{
    fm_buf text = {0};
    fm_status st = fm_file_read(path, FM_PROMPT_MAX_BYTES, &text, err);

    if (st == FM_OK && text.size && memchr(text.data, '\0', text.size))
        st = fm_fail(err, FM_E_INPUT, "'%s' holds a NUL character: it is no text", path);
    if (st == FM_OK && text.size && !fm_utf8_valid(text.data, text.size))
        st = fm_fail(err, FM_E_INPUT, "'%s' is not in UTF-8", path);
    while (st == FM_OK && text.size > 0 && strchr("\r\n", text.data[text.size - 1]))
        text.data[--text.size] = '\0';
    if (st == FM_OK && strspn(fm_buf_text(&text), " \t\r\n") == text.size)
        st = fm_fail(err, FM_E_INPUT, "'%s' is an empty prompt", path);
    if (st == FM_OK)
        st = check_places(path, fm_buf_text(&text), err);
    if (st == FM_OK && !(*out = fm_arena_memdup(arena, text.data, text.size)))
        st = fm_fail(err, FM_E_NOMEM, "no memory for '%s'", path);
    fm_buf_release(&text);
    return st;
}
