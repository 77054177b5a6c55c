/* Owns the two record formats of reply files. */
#include "core/import.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/files.h"
#include "base/json.h"
#include "base/size.h"

/* What one line of the file says; strings live in the arena or in the record. */
typedef struct {
    const cJSON *record;
    size_t line;
    bool upstream;
    const char *id;
    fm_reply reply;
} imported;

typedef fm_status (*visit)(void *context, const imported *record, fm_err *err);

static fm_status read_id(const cJSON *record, bool upstream, const char *place, fm_arena *arena,
                         const char **out, fm_err *err)
{
    const cJSON *item = fm_json_get(record, upstream ? "question_id" : "id");
    char text[32];

    if (cJSON_IsNumber(item)) {
        if (item->valuedouble != floor(item->valuedouble) || fabs(item->valuedouble) > 1e15)
            return fm_fail(err, FM_E_INPUT, "%s: the id is no whole number", place);
        snprintf(text, sizeof(text), "%.0f", item->valuedouble);
        *out = fm_arena_strdup(arena, text);
    } else if (cJSON_IsString(item) && item->valuestring[0] &&
               strlen(item->valuestring) < FM_SAMPLE_ID_BYTES) {
        *out = fm_arena_strdup(arena, item->valuestring);
    } else {
        return fm_fail(err, FM_E_INPUT,
                       "%s: needs 'question_id' (upstream records) or 'id' (our journal)", place);
    }
    return *out ? FM_OK : fm_fail(err, FM_E_NOMEM, "no memory for %s", place);
}

static fm_status read_reply(imported *r, const char *place, fm_arena *arena, fm_err *err)
{
    const cJSON *record = r->record;
    const char *status = r->upstream ? NULL : fm_json_string(record, "status");
    const char *error = r->upstream ? fm_json_string(record, "error") : NULL;
    char *text = NULL;
    size_t size = 0;

    r->reply = (fm_reply){.status = FM_SAMPLE_OK};
    if (status && !fm_sample_status_from_name(status, &r->reply.status))
        return fm_fail(err, FM_E_INPUT, "%s: unknown status '%.40s'", place, status);
    if (fm_json_get_reply(record, r->upstream ? "model_prediction" : "text", arena, &text, &size)) {
        r->reply.text = text;
        r->reply.size = size;
    }
    /* Upstream stores an exception of its client beside an empty prediction: no answer, no
     * score. */
    if (error && error[0] && size == 0) {
        r->reply.status = FM_SAMPLE_API_ERROR;
        r->reply.detail = error;
    }
    if (!r->upstream) {
        r->reply.finish_reason = fm_json_string(record, "finish_reason");
        r->reply.detail = fm_json_string(record, "detail");
        r->reply.latency_s = fm_json_number(record, "latency_s", 0);
    }
    return FM_OK;
}

static fm_status visit_line(const fm_lines *lines, fm_arena *arena, visit each, void *context,
                            fm_err *err)
{
    imported r = {.line = lines->number};
    char place[FM_PATH_BYTES + 32];
    cJSON *record = NULL;
    fm_status st;

    snprintf(place, sizeof(place), "%s:%zu", lines->path, lines->number);
    if (lines->too_long)
        return fm_fail(err, FM_E_INPUT, "%s: the line is longer than %zu MiB; split or remove it",
                       place, lines->cap_bytes >> 20);
    if (strspn(lines->line, " \t\r") == lines->size)
        return FM_OK; /* a blank line, as editors leave at the end */
    st = fm_json_parse(lines->line, lines->size, place, &record, err);
    if (st != FM_OK)
        return st;
    r.record = record;
    r.upstream = fm_json_get(record, "question_id") != NULL;
    st = read_id(record, r.upstream, place, arena, &r.id, err);
    if (st == FM_OK)
        st = read_reply(&r, place, arena, err);
    if (st == FM_OK)
        st = each(context, &r, err);
    cJSON_Delete(record);
    return st;
}

static fm_status each_record(const char *path, visit each, void *context, fm_err *err)
{
    fm_lines lines = {0};
    fm_arena arena = {0};
    bool more = true;
    fm_status st = fm_lines_open(&lines, path, 0, err);

    while (st == FM_OK) {
        st = fm_lines_next(&lines, &more, err);
        if (st != FM_OK || !more)
            break;
        fm_arena_reset(&arena);
        st = visit_line(&lines, &arena, each, context, err);
    }
    fm_arena_release(&arena);
    fm_lines_close(&lines);
    return st;
}

/* ---- checking ---- */

typedef struct {
    const char *path;
    fm_import *import;
} checking;

static fm_status check_record(void *context, const imported *r, fm_err *err)
{
    checking *c = context;
    bool fresh;
    uint64_t before = 0;

    if (!fm_id_map_put(&c->import->ids, r->id, r->line, &fresh, &before))
        return fm_fail(err, FM_E_NOMEM, "no memory for the ids of '%s'", c->path);
    if (!fresh)
        return fm_fail(err, FM_E_INPUT,
                       "%s:%zu: id '%s' stands already on line %" PRIu64 "; keep one of them",
                       c->path, r->line, r->id, before);
    if (c->import->records++ == 0)
        c->import->upstream = r->upstream;
    else if (c->import->upstream != r->upstream)
        return fm_fail(err, FM_E_INPUT, "%s:%zu: mixes upstream records and records of ours",
                       c->path, r->line);
    return FM_OK;
}

fm_status fm_import_check(const char *path, fm_import *out, fm_err *err)
{
    fm_import import = {0};
    checking c = {.path = path, .import = &import};
    fm_status st = each_record(path, check_record, &c, err);

    if (st == FM_OK && import.records == 0)
        st = fm_fail(err, FM_E_INPUT, "'%s' holds no predictions", path);
    if (st == FM_OK)
        st = fm_hash_file(path, import.sha256, err);
    if (st == FM_OK)
        *out = import;
    else
        fm_import_release(&import);
    return st;
}

void fm_import_release(fm_import *import)
{
    fm_id_map_release(&import->ids);
}

/* ---- writing ---- */

static fm_status journal_record(void *context, const imported *r, fm_err *err)
{
    fm_journal *journal = context;

    return fm_journal_has(journal, r->id) ? FM_OK
                                          : fm_journal_append(journal, r->id, &r->reply, err);
}

fm_status fm_import_replies(const char *path, fm_journal *journal, fm_err *err)
{
    return each_record(path, journal_record, journal, err);
}

typedef struct {
    fm_file_writer out;
    fm_buf line;
} annotating;

static fm_status annotate_record(void *context, const imported *r, fm_err *err)
{
    static const char *const replies[] = {"model_prediction", "error", "final_prompt"};
    annotating *a = context;
    fm_json_writer w = {.out = &a->line};
    const cJSON *item;

    fm_buf_clear(&a->line);
    fm_json_open(&w, NULL, '{');
    cJSON_ArrayForEach(item, r->record)
    {
        bool reply = false;

        for (size_t i = 0; i < FM_COUNT_OF(replies); i++)
            reply = reply || strcmp(item->string, replies[i]) == 0;
        if (!reply)
            fm_json_put_tree(&w, item->string, item);
    }
    fm_json_close(&w, '}');
    fm_buf_putc(&a->line, '\n');
    fm_status st = fm_buf_check(&a->line, "annotations", err);
    if (st == FM_OK)
        (void)!fwrite(a->line.data, 1, a->line.size, a->out.stream); /* commit checks the stream */
    return st;
}

fm_status fm_import_annotations(const char *path, const char *out_path, fm_err *err)
{
    annotating a = {0};
    fm_status st = fm_file_writer_begin(&a.out, out_path, err);

    if (st == FM_OK)
        st = each_record(path, annotate_record, &a, err);
    if (st == FM_OK)
        st = fm_file_writer_commit(&a.out, err);
    fm_file_writer_abandon(&a.out);
    fm_buf_release(&a.line);
    return st;
}
