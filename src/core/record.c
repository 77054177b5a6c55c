/* Owns what the members of a reply's record mean. */
#include "core/record.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

fm_status fm_record_id(const cJSON *tree, const char *place, fm_arena *arena, const char **out,
                       fm_err *err)
{
    const cJSON *item = fm_json_get(tree, "question_id");
    char number[32];
    const char *text = NULL;

    if (!cJSON_IsObject(tree))
        return fm_fail(err, FM_E_INPUT, "%s: no JSON object; a line holds one record", place);
    if (!item)
        item = fm_json_get(tree, "id");
    if (!item)
        return fm_fail(err, FM_E_INPUT,
                       "%s: needs 'question_id' (upstream records) or 'id' (our journal)", place);
    if (cJSON_IsNumber(item)) {
        if (item->valuedouble != floor(item->valuedouble) || fabs(item->valuedouble) > 1e15)
            return fm_fail(err, FM_E_INPUT, "%s: the id is no whole number", place);
        snprintf(number, sizeof(number), "%.0f", item->valuedouble);
        text = number;
    } else if (cJSON_IsString(item) && item->valuestring[0] &&
               strlen(item->valuestring) < FM_SAMPLE_ID_BYTES) {
        text = item->valuestring;
    }
    if (!text)
        return fm_fail(err, FM_E_INPUT,
                       "%s: '%s' must be a whole number or a text of 1 to %d bytes", place,
                       item->string, FM_SAMPLE_ID_BYTES - 1);
    *out = fm_arena_strdup(arena, text);
    return *out ? FM_OK : fm_fail(err, FM_E_NOMEM, "no memory for %s", place);
}

/* False when memory is out; a member that is absent is NULL. */
static bool keep(const cJSON *tree, const char *key, fm_arena *arena, const char **out)
{
    const char *text = fm_json_string(tree, key);

    *out = fm_arena_strdup(arena, text);
    return !text || *out;
}

fm_status fm_record_read(const cJSON *tree, const char *place, fm_arena *arena, fm_record *out,
                         fm_err *err)
{
    fm_record record = {.upstream = fm_json_get(tree, "question_id") != NULL};
    fm_reply *reply = &record.reply;
    char *text = NULL;
    size_t size = 0;
    bool kept = true;
    fm_status st = fm_record_id(tree, place, arena, &record.id, err);

    if (st == FM_OK)
        st = fm_json_get_reply(tree, record.upstream ? "model_prediction" : "text", arena, &text,
                               &size, err);
    if (st != FM_OK)
        return st;
    reply->status = FM_SAMPLE_OK;
    reply->text = text;
    reply->size = size;
    if (record.upstream) {
        const char *error = fm_json_string(tree, "error");

        if (error && error[0] && size == 0) {
            reply->status = FM_SAMPLE_API_ERROR;
            kept = keep(tree, "error", arena, &reply->detail);
        }
    } else {
        const char *status = fm_json_string(tree, "status");

        if (status && !fm_sample_status_from_name(status, &reply->status))
            return fm_fail(err, FM_E_INPUT, "%s: unknown status '%.40s'", place, status);
        kept = keep(tree, "finish_reason", arena, &reply->finish_reason) &&
               keep(tree, "detail", arena, &reply->detail);
        reply->latency_s = fm_json_number(tree, "latency_s", 0);
    }
    if (!kept)
        return fm_fail(err, FM_E_NOMEM, "no memory for %s", place);
    *out = record;
    return FM_OK;
}

void fm_record_put_reply(fm_json_writer *w, const fm_reply *reply)
{
    fm_json_put_string(w, "status", fm_sample_status_name(reply->status));
    if (reply->text)
        fm_json_put_reply(w, "text", reply->text, reply->size);
    else
        fm_json_put_null(w, "text");
    fm_json_put_string(w, "finish_reason", reply->finish_reason);
    fm_json_put_string(w, "detail", reply->detail);
}
