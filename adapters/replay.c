/**
 * Replay: answers from a file of replies, by id.
 *
 * Reads our journal ({"id", "status", "text" or "text_base64", ...}) and the upstream record format
 * ({"question_id", "model_prediction", "error"}). The file is walked once to learn where each id's
 * last record stands; a reply is read from there when it is asked for, so that memory holds ids and
 * not texts. Owns the reading of such records for answering; importing a run is core's.
 */
#include "adapters.h"

#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/json.h"
#include "base/size.h"

typedef struct {
    const char *id;
    long offset; /* of the line in the file */
    size_t size;
} entry;

typedef struct {
    fm_lines lines; /* stays open: replies are read again from its stream */
    entry *entries; /* by id, each id once */
    size_t n, capacity;
    fm_arena ids;
    fm_arena reply; /* of the last reply */
    fm_buf line;
} replay;

static const fm_adapter_option replay_options[] = {
    {"file", "replies: a journal (replies.jsonl) or upstream records", NULL},
    {0},
};

/* The id of a record as text; an upstream question_id may be a number. NULL where there is none. */
static const char *record_id(const cJSON *record, char number[FM_JSON_NUMBER_BYTES + 1])
{
    const cJSON *id = fm_json_get(record, "id");

    if (!id)
        id = fm_json_get(record, "question_id");
    if (cJSON_IsNumber(id)) {
        number[fm_json_format_number(id->valuedouble, number)] = '\0';
        return number;
    }
    return cJSON_GetStringValue(id);
}

static fm_status add_entry(replay *r, const char *id, fm_err *err)
{
    if (r->n == r->capacity) {
        size_t want = r->capacity ? r->capacity * 2 : 256, bytes;
        entry *grown =
            fm_size_mul(want, sizeof(*grown), &bytes) ? realloc(r->entries, bytes) : NULL;

        if (!grown)
            return fm_fail(err, FM_E_NOMEM, "no memory for the replies of '%s'", r->lines.path);
        r->entries = grown;
        r->capacity = want;
    }
    const char *kept = fm_arena_strdup(&r->ids, id);
    if (!kept)
        return fm_fail(err, FM_E_NOMEM, "no memory for the replies of '%s'", r->lines.path);
    r->entries[r->n++] = (entry){kept, r->lines.offset, r->lines.size};
    return FM_OK;
}

static bool blank(const fm_lines *lines)
{
    for (size_t i = 0; i < lines->size; i++)
        if (!strchr(" \t\r", lines->line[i]) || lines->line[i] == '\0')
            return false;
    return true;
}

static fm_status index_line(replay *r, fm_err *err)
{
    char name[FM_PATH_BYTES + 32], number[FM_JSON_NUMBER_BYTES + 1];
    cJSON *record = NULL;

    snprintf(name, sizeof(name), "%s:%zu", r->lines.path, r->lines.number);
    if (r->lines.too_long)
        return fm_fail(err, FM_E_INPUT, "%s: a line of more than %zu bytes", name,
                       r->lines.cap_bytes);
    if (blank(&r->lines))
        return FM_OK;
    fm_status st = fm_json_parse(r->lines.line, r->lines.size, name, &record, err);
    if (st != FM_OK)
        /* What a killed process leaves behind is no fault of the file. */
        return r->lines.torn && st == FM_E_INPUT ? FM_OK : st;
    const char *id = record_id(record, number);
    st = id ? add_entry(r, id, err)
            : fm_fail(err, FM_E_INPUT, "%s: a record without 'id' or 'question_id'", name);
    cJSON_Delete(record);
    return st;
}

static int by_id_then_place(const void *a, const void *b)
{
    const entry *p = a, *q = b;
    int order = strcmp(p->id, q->id);

    return order ? order : p->offset < q->offset ? -1 : p->offset > q->offset;
}

/* Sort, and of each id keep the last record: the one that counts in a journal. */
static void settle(replay *r)
{
    size_t kept = 0;

    if (r->n)
        qsort(r->entries, r->n, sizeof(*r->entries), by_id_then_place);
    for (size_t i = 0; i < r->n; i++)
        if (i + 1 == r->n || strcmp(r->entries[i].id, r->entries[i + 1].id) != 0)
            r->entries[kept++] = r->entries[i];
    r->n = kept;
}

static void replay_close(void *state)
{
    replay *r = state;

    fm_lines_close(&r->lines);
    free(r->entries);
    fm_arena_release(&r->ids);
    fm_arena_release(&r->reply);
    fm_buf_release(&r->line);
    free(r);
}

static fm_status replay_open(void **state, const fm_adapter_config *config, fm_err *err)
{
    const char *path = fm_adapter_setting(&fm_adapter_replay, config, "file");
    bool more = false;

    if (!path || !*path)
        return fm_fail(err, FM_E_USAGE, "adapter 'replay' needs a file: --set file=PATH");
    replay *r = calloc(1, sizeof(*r));
    if (!r)
        return fm_fail(err, FM_E_NOMEM, "no memory to open '%s'", path);
    fm_status st = fm_lines_open(&r->lines, path, 0, err);
    while (st == FM_OK) {
        st = fm_lines_next(&r->lines, &more, err);
        if (st != FM_OK || !more)
            break;
        st = index_line(r, err);
    }
    if (st != FM_OK) {
        replay_close(r);
        return st;
    }
    settle(r);
    *state = r;
    return FM_OK;
}

static int id_against(const void *key, const void *element)
{
    return strcmp(key, ((const entry *)element)->id);
}

/* Any text of the record that may be missing; NULL stays NULL. */
static const char *kept_text(replay *r, const cJSON *record, const char *key)
{
    return fm_arena_strdup(&r->reply, fm_json_string(record, key));
}

/* Upstream's record: an exception leaves "" in model_prediction and its text in error. */
static void from_upstream(replay *r, const cJSON *record, fm_reply *reply)
{
    const char *error = kept_text(r, record, "error");

    reply->text = fm_json_bytes(fm_json_get(record, "model_prediction"), &r->reply, &reply->size);
    if (error && *error) {
        reply->status = FM_SAMPLE_API_ERROR;
        reply->detail = error;
    } else {
        reply->status = reply->size ? FM_SAMPLE_OK : FM_SAMPLE_EMPTY;
    }
}

static void from_journal(replay *r, const cJSON *record, fm_reply *reply)
{
    const char *status = fm_json_string(record, "status");
    char *text;

    if (fm_json_get_reply(record, "text", &r->reply, &text, &reply->size))
        reply->text = text;
    if (!status) {
        reply->status = FM_SAMPLE_OK;
    } else if (!fm_sample_status_from_name(status, &reply->status)) {
        reply->status = FM_SAMPLE_API_ERROR;
        reply->detail = "the record has an unknown status";
        return;
    }
    reply->finish_reason = kept_text(r, record, "finish_reason");
    reply->detail = kept_text(r, record, "detail");
}

static fm_status replay_generate(void *state, const fm_request *request, const fm_sample *truth,
                                 fm_reply *reply, fm_err *err)
{
    replay *r = state;
    cJSON *record = NULL;

    (void)truth;
    const entry *found =
        r->n ? bsearch(request->id, r->entries, r->n, sizeof(*r->entries), id_against) : NULL;
    if (!found) {
        reply->status = FM_SAMPLE_SKIPPED;
        reply->detail = "the file holds no reply to this sample";
        return FM_OK;
    }
    fm_arena_reset(&r->reply);
    fm_buf_clear(&r->line);
    char *room = fm_buf_room(&r->line, found->size);
    if (!room)
        return fm_fail(err, FM_E_NOMEM, "no memory for a reply of '%s'", r->lines.path);
    if (fseek(r->lines.stream, found->offset, SEEK_SET) != 0 ||
        fread(room, 1, found->size, r->lines.stream) != found->size)
        return fm_fail(err, FM_E_IO, "cannot read '%s' again: was it changed?", r->lines.path);
    fm_status st = fm_json_parse(room, found->size, r->lines.path, &record, err);
    if (st != FM_OK)
        return st;
    if (fm_json_get(record, "id"))
        from_journal(r, record, reply);
    else
        from_upstream(r, record, reply);
    cJSON_Delete(record);
    return FM_OK;
}

const fm_adapter_ops fm_adapter_replay = {
    .name = "replay",
    .summary = "replies from a file: a journal or upstream records",
    .caps = FM_CAP_OFFLINE,
    .options = replay_options,
    .open = replay_open,
    .generate = replay_generate,
    .close = replay_close,
};
