/* Owns the file of judgements: an id and the judge's words a line. What the words mean is the
 * graders' business. */
#include "core/judgements.h"

#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/json.h"
#include "base/size.h"

#define MAX_LINE_BYTES ((size_t)1 << 20)

static fm_status no_memory(const char *path, fm_err *err)
{
    return fm_fail(err, FM_E_NOMEM, "no memory for the judgements in '%s'", path);
}

/* A text as it is, an object as its JSON text; NULL: neither, or no memory. */
static const char *words_of(fm_judgements *j, const cJSON *judgement)
{
    const char *kept = NULL;
    char *printed;

    if (cJSON_IsString(judgement))
        return fm_arena_strdup(&j->arena, judgement->valuestring);
    printed = cJSON_IsObject(judgement) ? cJSON_PrintUnformatted(judgement) : NULL;
    if (printed)
        kept = fm_arena_strdup(&j->arena, printed);
    cJSON_free(printed);
    return kept;
}

static bool keep(fm_judgements *j, const char *id, const char *words)
{
    bool fresh = true;
    uint64_t before;

    if (j->n == j->capacity) {
        size_t want = j->capacity ? j->capacity * 2 : 256, bytes;
        void *grown =
            fm_size_mul(want, sizeof(*j->texts), &bytes) ? realloc(j->texts, bytes) : NULL;

        if (!grown)
            return false;
        j->texts = grown;
        j->capacity = want;
    }
    if (!fm_id_map_put(&j->ids, id, j->n, &fresh, &before))
        return false;
    j->texts[j->n++] = words;
    return true;
}

static fm_status read_line(fm_judgements *j, const fm_lines *lines, fm_err *err)
{
    cJSON *line = NULL;
    fm_status st = FM_OK;

    if (lines->size == 0)
        return FM_OK;
    if (lines->too_long ||
        fm_json_parse(lines->line, lines->size, lines->path, &line, NULL) != FM_OK)
        st = FM_E_INPUT;
    const char *id = fm_json_string(line, "id");
    const cJSON *judgement = fm_json_get(line, "judgement");
    if (!id || !(cJSON_IsString(judgement) || cJSON_IsObject(judgement)))
        st = FM_E_INPUT;
    if (st == FM_OK) {
        const char *words = words_of(j, judgement);

        if (!words || !keep(j, id, words))
            st = no_memory(lines->path, err);
    } else {
        st = fm_fail(err, FM_E_INPUT,
                     "%s:%zu: is no judgement: {\"id\": ..., \"judgement\": a text or an object}",
                     lines->path, lines->number);
    }
    cJSON_Delete(line);
    return st;
}

fm_status fm_judgements_read(fm_judgements *out, const char *path, fm_err *err)
{
    fm_judgements j = {.there = fm_file_exists(path)};
    fm_lines lines = {0};
    bool more = true;
    fm_status st = FM_OK;

    if (j.there) {
        st = fm_hash_file(path, j.sha256, err);
        if (st == FM_OK)
            st = fm_lines_open(&lines, path, MAX_LINE_BYTES, err);
        while (st == FM_OK && (st = fm_lines_next(&lines, &more, err)) == FM_OK && more)
            st = read_line(&j, &lines, err);
        fm_lines_close(&lines);
    }
    if (st == FM_OK)
        *out = j;
    else
        fm_judgements_release(&j);
    return st;
}

const char *fm_judgements_find(const fm_judgements *judgements, const char *id)
{
    uint64_t at;

    return judgements->n && fm_id_map_find(&judgements->ids, id, &at) ? judgements->texts[at]
                                                                      : NULL;
}

void fm_judgements_release(fm_judgements *judgements)
{
    fm_id_map_release(&judgements->ids);
    fm_arena_release(&judgements->arena);
    free(judgements->texts);
    *judgements = (fm_judgements){0};
}
