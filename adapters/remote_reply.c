/* Owns what an HTTP reply, or its absence, means for a sample and for asking again. Knows no
 * provider: their words are the dialects'. */
#include "adapters/remote.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/size.h"
#include "base/text.h"

enum { MAX_DETAIL_BYTES = 300, MAX_SHOWN_BYTES = 80, LEAST_KEY_BYTES = 8 };

#define MAX_WAIT_S 1e7 /* longer wishes are cut: they mean never */

/* ---- texts ---- */

/* One line of at most `most` bytes, without control characters, in the arena; cut between
 * characters. */
static const char *one_line(fm_arena *arena, const char *text, size_t size, size_t most)
{
    fm_buf line = {0};

    /* Four bytes of text give four columns at most: what is far behind the cut is not looked at. */
    fm_text_for_terminal(&line, text, size < 2 * most ? size : 2 * most);
    size_t end = line.size < most ? line.size : most;
    while (end < line.size && end > 0 && ((unsigned char)line.data[end] & 0xC0) == 0x80)
        end--;
    const char *out = fm_arena_memdup(arena, fm_buf_text(&line), end);
    fm_buf_release(&line);
    return out;
}

const char *fm_remote_one_line(fm_arena *arena, const char *text)
{
    return one_line(arena, text, strlen(text), MAX_DETAIL_BYTES);
}

static void set_detail(fm_reply *reply, fm_arena *arena, const char *fmt, ...) FM_PRINTF(3, 4);
static void set_detail(fm_reply *reply, fm_arena *arena, const char *fmt, ...)
{
    fm_buf text = {0};
    va_list args;

    va_start(args, fmt);
    fm_buf_vprintf(&text, fmt, args);
    va_end(args);
    reply->detail = one_line(arena, fm_buf_text(&text), text.size, MAX_DETAIL_BYTES);
    fm_buf_release(&text);
}

/* A server may repeat the key that it was sent: it goes nowhere from here. What is shorter stands
 * for "no key" with servers of one's own ("EMPTY", "x") and may well be part of a reply. */
static bool holds_key(const fm_remote *remote, const char *text, size_t size)
{
    return remote->key && strlen(remote->key) >= LEAST_KEY_BYTES &&
           memmem(text, size, remote->key, strlen(remote->key)) != NULL;
}

static void remove_key(const fm_remote *remote, const char *text, size_t size, fm_buf *out)
{
    size_t n = strlen(remote->key), done = 0;
    const char *at;

    while ((at = memmem(text + done, size - done, remote->key, n)) != NULL) {
        fm_buf_append(out, text + done, (size_t)(at - text) - done);
        fm_buf_puts(out, "<removed>");
        done = (size_t)(at - text) + n;
    }
    fm_buf_append(out, text + done, size - done);
}

/* The same for a text that was read: an escape, or a seam between parts, may have hidden the key. */
static const char *clean_text(const fm_remote *remote, fm_arena *arena, const char *text,
                              size_t *size)
{
    fm_buf clean = {0};

    if (!text || !holds_key(remote, text, *size))
        return text;
    remove_key(remote, text, *size, &clean);
    *size = clean.failed ? 0 : clean.size;
    arena->failed |= clean.failed;
    const char *out = clean.failed ? NULL : fm_arena_memdup(arena, fm_buf_text(&clean), *size);
    fm_buf_release(&clean);
    return out;
}

static void clean_reply(const fm_remote *remote, fm_arena *arena, fm_reply *reply)
{
    const char **words[] = {&reply->finish_reason, &reply->detail, &reply->model,
                            &reply->request_id};

    reply->text = clean_text(remote, arena, reply->text, &reply->size);
    for (size_t i = 0; i < FM_COUNT_OF(words); i++) {
        size_t size = *words[i] ? strlen(*words[i]) : 0;

        *words[i] = clean_text(remote, arena, *words[i], &size);
    }
}

/* ---- durations and dates ---- */

double fm_remote_duration(const char *text)
{
    double total = 0;
    const char *p = text;

    while ((*p >= '0' && *p <= '9') || *p == '.') {
        size_t digits = strspn(p, "0123456789.");
        char number[32];
        double value;

        if (digits >= sizeof(number))
            return -1;
        memcpy(number, p, digits);
        number[digits] = '\0';
        /* "20s." at the end of a sentence is none of the number's dots */
        if (!fm_text_to_double(number, &value))
            return p == text ? -1 : total;
        p += digits;
        if (p[0] == 'm' && p[1] == 's') {
            total += value / 1000;
            p += 2;
        } else if (*p == 'd' || *p == 'h' || *p == 'm' || *p == 's') {
            total += value * (*p == 'd' ? 86400 : *p == 'h' ? 3600 : *p == 'm' ? 60 : 1);
            p++;
        } else {
            return p == text + digits ? value : total;
        }
    }
    return p == text ? -1 : total;
}

static double clamp_wait(double seconds)
{
    return seconds > 0 ? fmin(seconds, MAX_WAIT_S) : 0;
}

/* Seconds from now to a date of HTTP or RFC 3339; negative where it is none. A date that has passed
 * is 0. */
static double until_date(const char *text)
{
    struct tm parts = {0};
    const char *rest = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    double shift = 0;

    if (!rest) {
        parts = (struct tm){0};
        rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &parts);
        if (!rest)
            return -1;
        if (*rest == '.')
            rest += 1 + strspn(rest + 1, "0123456789");
        if (*rest == '+' || *rest == '-') {
            int hours = 0, minutes = 0;

            if (sscanf(rest + 1, "%2d:%2d", &hours, &minutes) != 2)
                return -1;
            shift = (hours * 60 + minutes) * 60 * (*rest == '+' ? -1 : 1);
        }
    }
    return clamp_wait(difftime(timegm(&parts), time(NULL)) + shift);
}

/* Negative where it is neither. A date first: the year that it begins with would pass for seconds. */
static double read_wait(const char *text)
{
    double date = until_date(text), seconds = fm_remote_duration(text);

    if (date >= 0)
        return date;
    return seconds >= 0 ? clamp_wait(seconds) : -1;
}

/* ---- headers ---- */

typedef struct {
    const fm_remote *remote;
    const fm_wire_reply *reply;
    fm_remote_header_fn *header;
    fm_arena *arena;
} source;

static const char *header_of(const source *s, const char *name)
{
    const char *value = name ? s->header(s->reply, name) : NULL;

    return value && *value ? value : NULL;
}

static void read_rates(const source *s, fm_reply *out)
{
    double values[4] = {-1, -1, -1, -1};
    bool stated = false;

    for (size_t i = 0; i < FM_COUNT_OF(values); i++) {
        const char *text = header_of(s, s->remote->dialect->rate_headers[i]);
        double value;

        if (!text)
            continue;
        if (i >= 2)
            values[i] = read_wait(text);
        else if (fm_text_to_double(text, &value) && value >= 0)
            values[i] = value;
        stated |= values[i] >= 0;
    }
    out->rate = (fm_rate_hint){.stated = stated,
                               .remaining_requests = values[0],
                               .remaining_tokens = values[1],
                               .reset_requests_s = values[2],
                               .reset_tokens_s = values[3]};
    if (!stated)
        out->rate = (fm_rate_hint){0};
}

static void read_request_id(const source *s, fm_reply *out)
{
    const char *id = header_of(s, s->remote->dialect->id_header);

    if (id && !holds_key(s->remote, id, strlen(id)))
        out->request_id = one_line(s->arena, id, strlen(id), 128);
}

/* The provider's wish, where a header states it. */
static void read_retry_after(const source *s, fm_reply *out)
{
    const char *text = header_of(s, "retry-after-ms");
    double wait = -1, value;

    if (text && fm_text_to_double(text, &value))
        wait = clamp_wait(value / 1000);
    text = header_of(s, "retry-after");
    if (wait < 0 && text)
        wait = read_wait(text);
    if (wait > 0)
        out->retry_after_s = wait;
}

static void read_should_retry(const source *s, fm_reply *out)
{
    const char *text = header_of(s, "x-should-retry");

    if (!text)
        return;
    if (strcasecmp(text, "false") == 0 &&
        (out->retry == FM_RETRY_TRANSIENT || out->retry == FM_RETRY_THROTTLED))
        out->retry = FM_RETRY_NEVER;
    /* 400, 413 and 422 stay as they are: the same body would meet the same judgement. */
    if (strcasecmp(text, "true") == 0 && out->retry == FM_RETRY_NEVER && out->http_status != 400 &&
        out->http_status != 413 && out->http_status != 422)
        out->retry = FM_RETRY_TRANSIENT;
}

/* ---- statuses ---- */

void fm_remote_malformed(fm_reply *reply, const char *detail)
{
    reply->status = FM_SAMPLE_API_ERROR;
    reply->retry = FM_RETRY_TRANSIENT;
    reply->detail = detail;
    reply->text = NULL;
    reply->size = 0;
}

void fm_remote_finish_reply(fm_reply *reply, const fm_remote_finish *finishes)
{
    fm_sample_status status = FM_SAMPLE_OK;

    for (const fm_remote_finish *f = finishes; f->word && reply->finish_reason; f++)
        if (strcmp(f->word, reply->finish_reason) == 0)
            status = f->status;
    if (status == FM_SAMPLE_OK && reply->size == 0)
        status = FM_SAMPLE_EMPTY;
    reply->status = status;
    /* A reply without text is often followed by one with it; what was cut, refused or blocked comes
     * back the same. */
    if (status == FM_SAMPLE_EMPTY || status == FM_SAMPLE_API_ERROR)
        reply->retry = FM_RETRY_TRANSIENT;
    if (status == FM_SAMPLE_API_ERROR)
        reply->detail = "the provider broke the reply off";
}

int64_t fm_remote_count(const cJSON *object, const char *key)
{
    double value = fm_json_number(object, key, 0);

    return value > 0 && value < 1e15 ? (int64_t)value : 0;
}

static fm_retry retry_of(int http_status)
{
    switch (http_status) {
    case 200: /* an error inside a success */
    case 408:
    case 409:
        return FM_RETRY_TRANSIENT;
    case 401:
    case 403:
    case 404:
        return FM_RETRY_HOPELESS;
    case 402: /* payment required */
        return FM_RETRY_EXHAUSTED;
    case 429:
        return FM_RETRY_THROTTLED;
    default:
        break;
    }
    if (http_status >= 500)
        return FM_RETRY_TRANSIENT;
    /* A redirect that could not be followed: the address is wrong for every sample. */
    return http_status >= 300 && http_status < 400 ? FM_RETRY_HOPELESS : FM_RETRY_NEVER;
}

bool fm_remote_wait_in_text(const char *message, double *wait_s)
{
    static const char *const phrases[] = {"retry in ", "try again in "};

    for (size_t i = 0; message && i < FM_COUNT_OF(phrases); i++) {
        const char *at = strcasestr(message, phrases[i]);
        double wait = at ? fm_remote_duration(at + strlen(phrases[i])) : -1;

        if (wait >= 0) {
            *wait_s = clamp_wait(wait);
            return true;
        }
    }
    return false;
}

bool fm_remote_fault_is(const fm_remote_fault *fault, const char *const *words)
{
    const char *const said[] = {fault->code, fault->type, fault->status};

    for (size_t i = 0; i < FM_COUNT_OF(said); i++)
        for (size_t k = 0; said[i] && words[k]; k++)
            if (strcmp(said[i], words[k]) == 0)
                return true;
    return false;
}

void fm_remote_join_texts(const cJSON *parts, const char *type, fm_arena *arena, fm_reply *reply)
{
    fm_buf joined = {0};
    const cJSON *part;

    cJSON_ArrayForEach(part, parts)
    {
        const char *text = fm_json_string(part, "text"), *is = fm_json_string(part, "type");

        if (text && (type ? is && strcmp(is, type) == 0 : !fm_json_bool(part, "thought", false)))
            fm_buf_puts(&joined, text);
    }
    /* Through an item of cJSON's, whose form of NUL bytes the reader of strings undoes. */
    const cJSON whole = {.type = cJSON_String, .valuestring = joined.data};
    arena->failed |= joined.failed;
    if (joined.size && !joined.failed)
        reply->text = fm_json_bytes(&whole, arena, &reply->size);
    fm_buf_release(&joined);
}

static const char *meaning_of(const fm_remote *remote, fm_retry retry, int http_status,
                              char out[512])
{
    const char *variable = remote->key_variable;

    out[0] = '\0';
    if (retry != FM_RETRY_HOPELESS)
        return out;
    if (http_status == 404)
        snprintf(out, 512, "%s%s%sno such model or address; ", remote->model ? "model '" : "",
                 remote->model ? remote->model : "", remote->model ? "': " : "");
    else if (http_status >= 300 && http_status < 400)
        snprintf(out, 512, "base_url leads elsewhere; ");
    else if (remote->key)
        snprintf(out, 512, "the key in %s is refused; ", variable);
    else if (variable)
        snprintf(out, 512, "no key was sent: set %s; ", variable);
    return out;
}

/* ---- errors ---- */

static const char *text_of(const cJSON *item)
{
    const char *text = cJSON_GetStringValue(item);

    return text && *text ? text : NULL;
}

static fm_remote_fault fault_in(const cJSON *root, int http_status)
{
    const cJSON *error = fm_json_get(root, "error");
    fm_remote_fault fault = {.http_status = http_status};

    if (!cJSON_IsObject(error)) {
        /* {"error": "text"}, {"message": "text"}, {"detail": "text"}: servers of the users' own */
        fault.message = text_of(error);
        if (!fault.message)
            fault.message = text_of(fm_json_get(root, "message"));
        if (!fault.message)
            fault.message = text_of(fm_json_get(root, "detail"));
        error = root;
    } else {
        fault.message = text_of(fm_json_get(error, "message"));
    }
    fault.type = text_of(fm_json_get(error, "type"));
    fault.code = text_of(fm_json_get(error, "code"));
    fault.status = text_of(fm_json_get(error, "status"));
    fault.details = fm_json_get(error, "details");
    /* A gateway that says 200 and puts the status of the provider behind it into the error. */
    double code = fm_json_number(error, "code", 0);
    if (http_status == 200 && code >= 400 && code < 600)
        fault.http_status = (int)code;
    return fault;
}

static bool is_html(const char *text, size_t size)
{
    size_t blank = 0;

    while (blank < size && strchr(" \t\r\n", text[blank]))
        blank++;
    return blank < size && text[blank] == '<';
}

/* What a body is that is no JSON object, for a message. */
static const char *shape_of(const char *text, size_t size, fm_arena *arena)
{
    if (size == 0)
        return "an empty body";
    if (is_html(text, size))
        return "an HTML page";
    const char *shown = one_line(arena, text, size, MAX_SHOWN_BYTES);
    return shown ? shown : "";
}

static void read_failure(const source *s, const cJSON *root, const char *body, size_t size,
                         fm_reply *out)
{
    const fm_remote *remote = s->remote;
    fm_remote_fault fault = {.http_status = out->http_status};
    char meaning[512];

    if (root)
        fault = fault_in(root, out->http_status);
    out->status = FM_SAMPLE_API_ERROR;
    out->retry = retry_of(fault.http_status);
    if (remote->dialect->judge)
        remote->dialect->judge(&fault, out);
    read_retry_after(s, out);
    if (out->retry_after_s <= 0 && out->retry == FM_RETRY_THROTTLED)
        (void)fm_remote_wait_in_text(fault.message, &out->retry_after_s);
    read_should_retry(s, out);
    if (out->retry == FM_RETRY_EXHAUSTED)
        out->status = FM_SAMPLE_QUOTA;

    const char *word = fault.code ? fault.code : fault.status ? fault.status : fault.type;
    const char *message = fault.message ? fault.message
                          : word        ? ""
                                        : shape_of(body, size, s->arena);
    set_detail(out, s->arena, "HTTP %d: %s%s%s%s", fault.http_status,
               meaning_of(remote, out->retry, fault.http_status, meaning), word ? word : "",
               word && *message ? ": " : "", message);
}

/* ---- the whole ---- */

static void read_body(const source *s, const char *body, size_t size, fm_reply *out)
{
    cJSON *tree = NULL;
    const cJSON *root;
    bool good = out->http_status >= 200 && out->http_status < 300;
    fm_status st = fm_json_parse(body, size, "reply", &tree, NULL);

    root =
        cJSON_IsArray(tree) && cJSON_GetArraySize(tree) == 1 ? cJSON_GetArrayItem(tree, 0) : tree;
    const cJSON *error = fm_json_get(root, "error");
    if (st == FM_E_NOMEM) {
        fm_remote_malformed(out, "no memory for the reply");
    } else if (!good ||
               (cJSON_IsObject(root) && error && !cJSON_IsNull(error) && !cJSON_IsFalse(error))) {
        read_failure(s, cJSON_IsObject(root) ? root : NULL, body, size, out);
    } else if (!cJSON_IsObject(root)) {
        fm_remote_malformed(out, NULL);
        set_detail(out, s->arena, "the reply of status %d is no JSON: %s", out->http_status,
                   shape_of(body, size, s->arena));
    } else {
        s->remote->dialect->read(root, s->arena, out);
    }
    cJSON_Delete(tree);
}

static void read_no_reply(const source *s, fm_reply *out)
{
    static const struct {
        fm_wire_end end;
        fm_retry retry;
    } rows[] = {
        {FM_WIRE_UNREACHED, FM_RETRY_TRANSIENT}, {FM_WIRE_INSECURE, FM_RETRY_HOPELESS},
        {FM_WIRE_TIMEOUT, FM_RETRY_TRANSIENT},   {FM_WIRE_BROKEN, FM_RETRY_TRANSIENT},
        {FM_WIRE_TOO_LARGE, FM_RETRY_NEVER},     {FM_WIRE_UNRECORDED, FM_RETRY_NEVER},
        {FM_WIRE_FAILED, FM_RETRY_TRANSIENT},
    };
    const char *detail = s->reply->detail ? s->reply->detail : "no reply";

    out->status = s->reply->end == FM_WIRE_TIMEOUT ? FM_SAMPLE_TIMEOUT : FM_SAMPLE_API_ERROR;
    for (size_t i = 0; i < FM_COUNT_OF(rows); i++)
        if (rows[i].end == s->reply->end)
            out->retry = rows[i].retry;
    out->detail = one_line(s->arena, detail, strlen(detail), MAX_DETAIL_BYTES);
}

void fm_remote_read(const fm_remote *remote, const fm_wire_reply *reply,
                    fm_remote_header_fn *header, fm_arena *arena, fm_reply *out)
{
    const source s = {remote, reply, header, arena};
    fm_buf clean = {0};

    *out = (fm_reply){.http_status = reply->status, .server_s = reply->first_byte_s};
    arena->failed = false;
    if (reply->end != FM_WIRE_DONE) {
        read_no_reply(&s, out);
        return;
    }
    const char *body = reply->body ? reply->body : "";
    size_t size = reply->body ? reply->size : 0;
    if (holds_key(remote, body, size)) {
        remove_key(remote, body, size, &clean);
        body = fm_buf_text(&clean);
        size = clean.size;
    }
    read_request_id(&s, out);
    if (clean.failed)
        fm_remote_malformed(out, "no memory for the reply");
    else
        read_body(&s, body, size, out);
    read_rates(&s, out);
    clean_reply(remote, arena, out);
    /* Without a part of it, its words or its end, a reply would pass for another. */
    if (arena->failed)
        fm_remote_malformed(out, "no memory for the reply");
    fm_buf_release(&clean);
}
