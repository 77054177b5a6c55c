/* Owns the two passes over a file of predictions. */
#include "core/import.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/files.h"
#include "base/json.h"
#include "base/size.h"
#include "core/record.h"

/* What one line of the file says; strings live until the next line. */
typedef struct {
    const cJSON *tree;
    size_t line;
    fm_record record;
} imported;

typedef fm_status (*visit)(void *context, const imported *line, fm_err *err);

static fm_status visit_line(const fm_lines *lines, fm_arena *arena, visit each, void *context,
                            fm_err *err)
{
    imported r = {.line = lines->number};
    char place[FM_PATH_BYTES + 32];
    cJSON *tree = NULL;
    fm_status st;

    snprintf(place, sizeof(place), "%s:%zu", lines->path, lines->number);
    if (lines->too_long)
        return fm_fail(err, FM_E_INPUT, "%s: the line is longer than %zu MiB; split or remove it",
                       place, lines->cap_bytes >> 20);
    if (strspn(lines->line, " \t\r") == lines->size)
        return FM_OK; /* a blank line, as editors leave at the end */
    st = fm_json_parse(lines->line, lines->size, place, &tree, err);
    if (st == FM_OK)
        st = fm_record_read(tree, place, arena, &r.record, err);
    r.tree = tree;
    if (st == FM_OK)
        st = each(context, &r, err);
    cJSON_Delete(tree);
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

    if (!fm_id_map_put(&c->import->ids, r->record.id, r->line, &fresh, &before))
        return fm_fail(err, FM_E_NOMEM, "no memory for the ids of '%s'", c->path);
    if (!fresh)
        return fm_fail(err, FM_E_INPUT,
                       "%s:%zu: id '%s' stands already on line %" PRIu64 "; keep one of them",
                       c->path, r->line, r->record.id, before);
    if (c->import->records++ == 0)
        c->import->upstream = r->record.upstream;
    else if (c->import->upstream != r->record.upstream)
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
    const fm_record *record = &r->record;
    fm_attempt attempt = {
        .reply = &record->reply, .cost = record->cost, .queue_s = record->queue_s};

    return fm_journal_has(journal, record->id)
               ? FM_OK
               : fm_journal_append(journal, record->id, &attempt, err);
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
    cJSON_ArrayForEach(item, r->tree)
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
