/* Owns what the members of a reply's record mean. */
#include "core/record.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/size.h"

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

/* ---- what an attempt took ---- */

static const char *const retry_names[] = {
    [FM_RETRY_NEVER] = NULL, /* not written */
    [FM_RETRY_TRANSIENT] = "transient",
    [FM_RETRY_THROTTLED] = "throttled",
    [FM_RETRY_EXHAUSTED] = "exhausted",
    [FM_RETRY_HOPELESS] = "hopeless",
};

static fm_retry read_retry(const cJSON *tree)
{
    const char *name = fm_json_string(tree, "retry");

    for (size_t i = 1; name && i < FM_COUNT_OF(retry_names); i++)
        if (strcmp(retry_names[i], name) == 0)
            return (fm_retry)i;
    return FM_RETRY_NEVER;
}

/* A count that a file states: none where it is none. */
static int64_t read_count(const cJSON *tree, const char *key)
{
    double value = fm_json_number(tree, key, 0);

    return value > 0 && value < 1e15 ? (int64_t)value : 0;
}

/* Seconds, money: at least nothing. */
static double read_amount(const cJSON *tree, const char *key, double otherwise)
{
    double value = fm_json_number(tree, key, otherwise);

    return value >= 0 ? value : otherwise;
}

void fm_record_numbers(const cJSON *tree, fm_record *out)
{
    const cJSON *usage = fm_json_get(tree, "usage");
    const char *status = fm_json_string(tree, "status");
    int64_t http_status = read_count(tree, "http_status");
    fm_reply *reply = &out->reply;

    /* Upstream's records have no status; a name that nobody knows is reported when it is read. */
    if (status)
        (void)fm_sample_status_from_name(status, &reply->status);
    reply->latency_s = read_amount(tree, "latency_s", 0);
    reply->server_s = read_amount(tree, "server_s", 0);
    reply->http_status = http_status < 1000 ? (int)http_status : 0;
    reply->retry = read_retry(tree);
    reply->cached = fm_json_bool(tree, "cached", false);
    reply->usage = (fm_usage){.stated = cJSON_IsObject(usage),
                              .input_tokens = read_count(usage, "input"),
                              .output_tokens = read_count(usage, "output"),
                              .thought_tokens = read_count(usage, "thought"),
                              .cached_tokens = read_count(usage, "cached")};
    out->cost = read_amount(tree, "cost_usd", NAN);
    out->queue_s = read_amount(tree, "queue_s", NAN);
}

fm_status fm_record_read(const cJSON *tree, const char *place, fm_arena *arena, fm_record *out,
                         fm_err *err)
{
    fm_record record = {
        .upstream = fm_json_get(tree, "question_id") != NULL, .cost = NAN, .queue_s = NAN};
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
               keep(tree, "detail", arena, &reply->detail) &&
               keep(tree, "model", arena, &reply->model) &&
               keep(tree, "request_id", arena, &reply->request_id);
        fm_record_numbers(tree, &record);
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

static void put_text(fm_json_writer *w, const char *key, const char *text)
{
    if (text)
        fm_json_put_string(w, key, text);
}

/* More digits would tell of the clock, and half a line would be digits. */
static void put_seconds(fm_json_writer *w, const char *key, double seconds)
{
    double whole = round(seconds * 1e6);

    if (whole > 0)
        fm_json_put_number(w, key, whole / 1e6);
}

void fm_record_put_attempt(fm_json_writer *w, const fm_attempt *attempt)
{
    const fm_reply *reply = attempt->reply;
    const fm_usage *usage = &reply->usage;

    if (reply->http_status)
        fm_json_put_int(w, "http_status", reply->http_status);
    put_text(w, "retry", retry_names[reply->retry]);
    put_text(w, "model", reply->model);
    put_text(w, "request_id", reply->request_id);
    if (usage->stated) {
        fm_json_open(w, "usage", '{');
        fm_json_put_int(w, "input", usage->input_tokens);
        fm_json_put_int(w, "output", usage->output_tokens);
        fm_json_put_int(w, "thought", usage->thought_tokens);
        fm_json_put_int(w, "cached", usage->cached_tokens);
        fm_json_close(w, '}');
    }
    if (isfinite(attempt->cost))
        fm_json_put_number(w, "cost_usd", attempt->cost);
    if (reply->cached)
        fm_json_put_bool(w, "cached", true);
    fm_json_put_number(w, "latency_s", round(reply->latency_s * 1e6) / 1e6);
    put_seconds(w, "server_s", reply->server_s);
    put_seconds(w, "queue_s", attempt->queue_s);
}
