/* Owns the words of the scripted model: one reply for all, or by what the prompt contains. */
#include "mock/mock_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/files.h"

/* A trace in the form that RoboTracer's prompts ask for: x, y in thousandths, metres. */
#define DEFAULT_REPLY "[(250, 750, 1.2), (750, 250, 1.0)]"

typedef struct {
    const char *contains, *text;
    size_t size;
} scripted;

struct mock_script {
    fm_arena arena;
    const char *otherwise;
    scripted *lines;
    size_t n, capacity;
};

static fm_status add_line(mock_script *script, const cJSON *line, const char *name, fm_err *err)
{
    const char *contains = fm_json_string(line, "contains");
    scripted *grown = script->lines;
    size_t size;
    char *text = fm_json_bytes(fm_json_get(line, "text"), &script->arena, &size);

    if (!contains || !text)
        return fm_fail(err, FM_E_INPUT,
                       "%s: a line wants {\"contains\": \"...\", \"text\": \"...\"}", name);
    if (script->n == script->capacity) {
        script->capacity = script->capacity ? script->capacity * 2 : 64;
        grown = realloc(script->lines, script->capacity * sizeof(*grown));
    }
    contains = fm_arena_strdup(&script->arena, contains);
    if (grown)
        script->lines = grown;
    if (!grown || !contains)
        return fm_fail(err, FM_E_NOMEM, "no memory for %s", name);
    script->lines[script->n++] = (scripted){.contains = contains, .text = text, .size = size};
    return FM_OK;
}

static fm_status load_lines(mock_script *script, const char *path, fm_err *err)
{
    fm_lines lines = {0};
    bool more = false;
    fm_status st = fm_lines_open(&lines, path, 0, err);

    while (st == FM_OK && (st = fm_lines_next(&lines, &more, err)) == FM_OK && more) {
        char name[FM_PATH_BYTES + 32];
        cJSON *line = NULL;

        if (lines.size == 0 && !lines.too_long)
            continue;
        snprintf(name, sizeof(name), "%s:%zu", path, lines.number);
        st = fm_json_parse(lines.line, lines.size, name, &line, err);
        if (st == FM_OK)
            st = add_line(script, line, name, err);
        cJSON_Delete(line);
    }
    fm_lines_close(&lines);
    return st;
}

fm_status mock_script_load(mock_script **out, const char *otherwise, const char *path, fm_err *err)
{
    mock_script *script = calloc(1, sizeof(*script));
    fm_status st = FM_OK;

    if (!script)
        return fm_fail(err, FM_E_NOMEM, "no memory for the replies");
    script->otherwise = fm_arena_strdup(&script->arena, otherwise ? otherwise : DEFAULT_REPLY);
    if (!script->otherwise)
        st = fm_fail(err, FM_E_NOMEM, "no memory for the replies");
    if (st == FM_OK && path)
        st = load_lines(script, path, err);
    if (st != FM_OK) {
        mock_script_free(script);
        return st;
    }
    *out = script;
    return FM_OK;
}

void mock_script_answer(const mock_script *script, const char *prompt, const char **text,
                        size_t *size)
{
    for (size_t i = 0; i < script->n; i++)
        if (strstr(prompt, script->lines[i].contains)) {
            *text = script->lines[i].text;
            *size = script->lines[i].size;
            return;
        }
    *text = script->otherwise;
    *size = strlen(*text);
}

void mock_script_free(mock_script *script)
{
    if (!script)
        return;
    free(script->lines);
    fm_arena_release(&script->arena);
    free(script);
}
