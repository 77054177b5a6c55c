/**
 * Owns the forms of the providers: how each one's requests are read, how its replies, its reasons to
 * finish, its usage numbers and its errors look. Knows nothing of connections.
 *
 * Facts: Gemini's generateContent, OpenAI's chat completions, Anthropic's messages, and the two
 * forms of RoboTracer's /query.
 */
#include "mock/mock_internal.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/size.h"
#include "base/text.h"

/* What a thinking model is said to have thought. */
#define THOUGHT        "The route goes around what stands in the way."
#define THOUGHT_TOKENS 16
/* Gemini's figure for a picture; the other providers count by the pixel, which a mock does not. */
#define PICTURE_TOKENS 258
#define UNHEARD_OF     "stars_not_aligned"
#define SORRY          "I'm sorry, but I can't help with that."

typedef struct {
    const char *text;
    size_t size;
    mock_ending ending;
    int64_t input_tokens, output_tokens, thought_tokens;
} statement;

typedef struct {
    int status;
    const char *kind; /* the provider's word for it */
    const char *words;
} refusal_row;

struct mock_dialect {
    const char *key_header;
    const char *id_header;   /* names the request in every reply; NULL: none does */
    const char *rate_prefix; /* of the headers that tell what is left; NULL: there are none */
    bool clock_reset;        /* they state a time of the day, not a stretch of time */
    bool (*matches)(const char *path);
    /* A problem goes to asked->problem. */
    void (*read)(mock_asked *asked, const char *path, const cJSON *body);
    void (*answer)(fm_json_writer *w, const mock_asked *asked, const statement *said);
    void (*refuse)(mock_reply *reply, mock_refusal refusal, const refusal_row *row,
                   const char *words, double after_s);
    refusal_row refusals[MOCK_REFUSALS];
};

/* ---- replies ---- */

void mock_reply_clear(mock_reply *reply)
{
    reply->status = 0;
    reply->type = NULL;
    fm_buf_clear(&reply->headers);
    fm_buf_clear(&reply->body);
}

void mock_reply_release(mock_reply *reply)
{
    fm_buf_release(&reply->headers);
    fm_buf_release(&reply->body);
}

void mock_reply_header(mock_reply *reply, const char *name, const char *fmt, ...)
{
    va_list args;

    fm_buf_append(&reply->headers, name, strlen(name) + 1);
    va_start(args, fmt);
    fm_buf_vprintf(&reply->headers, fmt, args);
    va_end(args);
    fm_buf_putc(&reply->headers, '\0');
}

/* ---- reading ---- */

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);

    return n >= m && strcmp(text + n - m, end) == 0;
}

static void add_text(mock_asked *asked, const char *text)
{
    if (!text)
        return;
    fm_buf_puts(&asked->prompt, text);
    fm_buf_putc(&asked->prompt, '\n');
}

static void name_model(mock_asked *asked, const char *name, size_t size)
{
    snprintf(asked->model, sizeof(asked->model), "%.*s", (int)(size < 100 ? size : 100), name);
}

/* A member under either of its two spellings: proto-JSON takes both. */
static const cJSON *either(const cJSON *object, const char *camel, const char *snake)
{
    const cJSON *item = fm_json_get(object, camel);

    return item ? item : fm_json_get(object, snake);
}

static bool gemini_matches(const char *path)
{
    return strstr(path, "/models/") && ends_with(path, ":generateContent");
}

static void gemini_parts(mock_asked *asked, const cJSON *content)
{
    const cJSON *part;

    cJSON_ArrayForEach(part, fm_json_get(content, "parts"))
    {
        const cJSON *data = either(part, "inlineData", "inline_data");

        add_text(asked, fm_json_string(part, "text"));
        if (!data)
            continue;
        asked->pictures++;
        if (!fm_json_string(data, "data") || !cJSON_IsString(either(data, "mimeType", "mime_type")))
            asked->problem = "inline data without data or mime type";
    }
}

static void gemini_read(mock_asked *asked, const char *path, const cJSON *body)
{
    const char *model = strstr(path, "/models/") + strlen("/models/");
    const cJSON *contents = fm_json_get(body, "contents"), *content;
    const cJSON *settings = either(body, "generationConfig", "generation_config");
    const cJSON *thinking = either(settings, "thinkingConfig", "thinking_config");

    name_model(asked, model, strcspn(model, ":"));
    gemini_parts(asked, either(body, "systemInstruction", "system_instruction"));
    cJSON_ArrayForEach(content, contents) gemini_parts(asked, content);
    asked->thinks = thinking && fm_json_number(thinking, "thinkingBudget", -1) != 0;
    if (!cJSON_IsArray(contents) || cJSON_GetArraySize(contents) == 0)
        asked->problem = "contents is not specified";
}

static bool openai_matches(const char *path)
{
    return ends_with(path, "/chat/completions");
}

static void openai_read(mock_asked *asked, const char *path, const cJSON *body)
{
    const cJSON *messages = fm_json_get(body, "messages"), *message, *part;
    const char *model = fm_json_string(body, "model"), *effort;

    (void)path;
    cJSON_ArrayForEach(message, messages)
    {
        add_text(asked, fm_json_string(message, "content"));
        cJSON_ArrayForEach(part, fm_json_get(message, "content"))
        {
            const cJSON *picture = fm_json_get(part, "image_url");

            add_text(asked, fm_json_string(part, "text"));
            asked->pictures += picture ? 1 : 0;
            if (picture && !fm_json_string(picture, "url"))
                asked->problem = "image_url without url";
        }
    }
    effort = fm_json_string(body, "reasoning_effort");
    asked->thinks = effort && strcmp(effort, "none") != 0;
    if (model)
        name_model(asked, model, strlen(model));
    if (!model)
        asked->problem = "you must provide a model parameter";
    else if (!cJSON_IsArray(messages) || cJSON_GetArraySize(messages) == 0)
        asked->problem = "missing required parameter: 'messages'";
}

static bool anthropic_matches(const char *path)
{
    return ends_with(path, "/v1/messages");
}

static void anthropic_read(mock_asked *asked, const char *path, const cJSON *body)
{
    const cJSON *messages = fm_json_get(body, "messages"), *message, *part;
    const char *model = fm_json_string(body, "model"), *type;

    (void)path;
    add_text(asked, fm_json_string(body, "system"));
    cJSON_ArrayForEach(message, messages)
    {
        add_text(asked, fm_json_string(message, "content"));
        cJSON_ArrayForEach(part, fm_json_get(message, "content"))
        {
            const cJSON *source = fm_json_get(part, "source");

            add_text(asked, fm_json_string(part, "text"));
            asked->pictures += source ? 1 : 0;
            if (source &&
                (!fm_json_string(source, "media_type") || !fm_json_string(source, "data")))
                asked->problem = "source: Field required";
        }
    }
    type = fm_json_string(fm_json_get(body, "thinking"), "type");
    asked->thinks = type && strcmp(type, "disabled") != 0;
    if (model)
        name_model(asked, model, strlen(model));
    if (!model)
        asked->problem = "model: Field required";
    else if (!cJSON_IsNumber(fm_json_get(body, "max_tokens")))
        asked->problem = "max_tokens: Field required";
    else if (!cJSON_IsArray(messages) || cJSON_GetArraySize(messages) == 0)
        asked->problem = "messages: at least one message is required";
}

static bool robotracer_matches(const char *path)
{
    return ends_with(path, "/query");
}

static void robotracer_read(mock_asked *asked, const char *path, const cJSON *body)
{
    const cJSON *bytes = fm_json_get(body, "image_url"), *paths = fm_json_get(body, "image_paths");

    (void)path;
    add_text(asked, fm_json_string(body, "text"));
    asked->base64 = bytes != NULL;
    asked->pictures = (size_t)cJSON_GetArraySize(bytes ? bytes : paths);
    name_model(asked, "robotracer", strlen("robotracer"));
    if (!fm_json_string(body, "text"))
        asked->problem = "text is missing";
    else if (!cJSON_IsArray(bytes) && !cJSON_IsArray(paths))
        asked->problem = "neither image_url nor image_paths is a list";
}

/* ---- answering ---- */

static void gemini_answer(fm_json_writer *w, const mock_asked *asked, const statement *said)
{
    static const char *const reasons[] = {"STOP", "STOP", "MAX_TOKENS", "SAFETY", UNHEARD_OF};
    char id[32];

    snprintf(id, sizeof(id), "%016llx", (unsigned long long)asked->hash);
    fm_json_open(w, NULL, '{');
    if (said->ending == MOCK_ANSWER_REFUSED) {
        /* A prompt that is blocked has no candidates at all. */
        fm_json_open(w, "promptFeedback", '{');
        fm_json_put_string(w, "blockReason", reasons[said->ending]);
        fm_json_close(w, '}');
    } else {
        fm_json_open(w, "candidates", '[');
        fm_json_open(w, NULL, '{');
        fm_json_open(w, "content", '{');
        if (said->size > 0) {
            fm_json_open(w, "parts", '[');
            if (asked->thinks) {
                fm_json_open(w, NULL, '{');
                fm_json_put_string(w, "text", THOUGHT);
                fm_json_put_bool(w, "thought", true);
                fm_json_close(w, '}');
            }
            fm_json_open(w, NULL, '{');
            fm_json_put_bytes(w, "text", said->text, said->size);
            fm_json_close(w, '}');
            fm_json_close(w, ']');
        }
        fm_json_put_string(w, "role", "model");
        fm_json_close(w, '}');
        fm_json_put_string(w, "finishReason", reasons[said->ending]);
        fm_json_put_int(w, "index", 0);
        fm_json_close(w, '}');
        fm_json_close(w, ']');
    }
    fm_json_open(w, "usageMetadata", '{');
    fm_json_put_int(w, "promptTokenCount", said->input_tokens);
    if (said->output_tokens > 0)
        fm_json_put_int(w, "candidatesTokenCount", said->output_tokens);
    if (said->thought_tokens > 0)
        fm_json_put_int(w, "thoughtsTokenCount", said->thought_tokens);
    fm_json_put_int(w, "totalTokenCount",
                    said->input_tokens + said->output_tokens + said->thought_tokens);
    fm_json_close(w, '}');
    fm_json_put_string(w, "modelVersion", asked->model);
    fm_json_put_string(w, "responseId", id);
    fm_json_close(w, '}');
}

static void openai_answer(fm_json_writer *w, const mock_asked *asked, const statement *said)
{
    static const char *const reasons[] = {"stop", "stop", "length", "stop", UNHEARD_OF};
    int64_t output_tokens = said->output_tokens + said->thought_tokens;
    char id[64];

    snprintf(id, sizeof(id), "chatcmpl-%016llx", (unsigned long long)asked->hash);
    fm_json_open(w, NULL, '{');
    fm_json_put_string(w, "id", id);
    fm_json_put_string(w, "object", "chat.completion");
    fm_json_put_int(w, "created", 0); /* the same reply at any time */
    fm_json_put_string(w, "model", asked->model);
    fm_json_open(w, "choices", '[');
    fm_json_open(w, NULL, '{');
    fm_json_put_int(w, "index", 0);
    fm_json_open(w, "message", '{');
    fm_json_put_string(w, "role", "assistant");
    if (said->ending == MOCK_ANSWER_REFUSED)
        fm_json_put_null(w, "content");
    else
        fm_json_put_bytes(w, "content", said->text, said->size);
    fm_json_put_string(w, "refusal", said->ending == MOCK_ANSWER_REFUSED ? SORRY : NULL);
    if (asked->thinks)
        fm_json_put_string(w, "reasoning_content", THOUGHT);
    fm_json_close(w, '}');
    fm_json_put_string(w, "finish_reason", reasons[said->ending]);
    fm_json_close(w, '}');
    fm_json_close(w, ']');
    fm_json_open(w, "usage", '{');
    fm_json_put_int(w, "prompt_tokens", said->input_tokens);
    fm_json_put_int(w, "completion_tokens", output_tokens);
    fm_json_put_int(w, "total_tokens", said->input_tokens + output_tokens);
    fm_json_open(w, "prompt_tokens_details", '{');
    fm_json_put_int(w, "cached_tokens", 0);
    fm_json_close(w, '}');
    fm_json_open(w, "completion_tokens_details", '{');
    fm_json_put_int(w, "reasoning_tokens", said->thought_tokens);
    fm_json_close(w, '}');
    fm_json_close(w, '}');
    fm_json_close(w, '}');
}

static void anthropic_answer(fm_json_writer *w, const mock_asked *asked, const statement *said)
{
    static const char *const reasons[] = {"end_turn", "end_turn", "max_tokens", "refusal",
                                          UNHEARD_OF};
    char id[64];

    snprintf(id, sizeof(id), "msg_%016llx", (unsigned long long)asked->hash);
    fm_json_open(w, NULL, '{');
    fm_json_put_string(w, "id", id);
    fm_json_put_string(w, "type", "message");
    fm_json_put_string(w, "role", "assistant");
    fm_json_put_string(w, "model", asked->model);
    fm_json_open(w, "content", '[');
    if (said->size > 0) {
        if (asked->thinks) {
            fm_json_open(w, NULL, '{');
            fm_json_put_string(w, "type", "thinking");
            fm_json_put_string(w, "thinking", THOUGHT);
            fm_json_close(w, '}');
        }
        fm_json_open(w, NULL, '{');
        fm_json_put_string(w, "type", "text");
        fm_json_put_bytes(w, "text", said->text, said->size);
        fm_json_close(w, '}');
    }
    fm_json_close(w, ']');
    fm_json_put_string(w, "stop_reason", reasons[said->ending]);
    fm_json_put_null(w, "stop_sequence");
    fm_json_open(w, "usage", '{');
    fm_json_put_int(w, "input_tokens", said->input_tokens);
    fm_json_put_int(w, "cache_creation_input_tokens", 0);
    fm_json_put_int(w, "cache_read_input_tokens", 0);
    fm_json_put_int(w, "output_tokens", said->output_tokens + said->thought_tokens);
    fm_json_close(w, '}');
    fm_json_close(w, '}');
}

/* The protocol has no reason to finish, so that a refusal is a text like any other; `result` is
 * there in the form with bytes alone. */
static void robotracer_answer(fm_json_writer *w, const mock_asked *asked, const statement *said)
{
    fm_json_open(w, NULL, '{');
    if (asked->base64)
        fm_json_put_int(w, "result", said->ending == MOCK_ANSWER_UNKNOWN ? 7 : 1);
    if (said->ending == MOCK_ANSWER_REFUSED)
        fm_json_put_string(w, "answer", SORRY);
    else if (said->ending == MOCK_ANSWER_UNKNOWN)
        fm_json_put_null(w, "answer");
    else
        fm_json_put_bytes(w, "answer", said->text, said->size);
    fm_json_close(w, '}');
}

/* ---- refusing ---- */

static void gemini_quota(fm_json_writer *w, const char *period, double after_s)
{
    char id[80], delay[32];

    snprintf(id, sizeof(id), "GenerateRequestsPer%sPerProjectPerModel-FreeTier", period);
    snprintf(delay, sizeof(delay), "%.9gs", after_s);
    fm_json_open(w, "details", '[');
    fm_json_open(w, NULL, '{');
    fm_json_put_string(w, "@type", "type.googleapis.com/google.rpc.QuotaFailure");
    fm_json_open(w, "violations", '[');
    fm_json_open(w, NULL, '{');
    fm_json_put_string(w, "quotaMetric",
                       "generativelanguage.googleapis.com/generate_content_free_tier_requests");
    fm_json_put_string(w, "quotaId", id);
    fm_json_close(w, '}');
    fm_json_close(w, ']');
    fm_json_close(w, '}');
    fm_json_open(w, NULL, '{');
    fm_json_put_string(w, "@type", "type.googleapis.com/google.rpc.RetryInfo");
    fm_json_put_string(w, "retryDelay", delay);
    fm_json_close(w, '}');
    fm_json_close(w, ']');
}

static void gemini_key_reason(fm_json_writer *w)
{
    fm_json_open(w, "details", '[');
    fm_json_open(w, NULL, '{');
    fm_json_put_string(w, "@type", "type.googleapis.com/google.rpc.ErrorInfo");
    fm_json_put_string(w, "reason", "API_KEY_INVALID");
    fm_json_put_string(w, "domain", "googleapis.com");
    fm_json_close(w, '}');
    fm_json_close(w, ']');
}

static void gemini_refuse(mock_reply *reply, mock_refusal refusal, const refusal_row *row,
                          const char *words, double after_s)
{
    fm_json_writer w = {.out = &reply->body};

    fm_json_open(&w, NULL, '{');
    fm_json_open(&w, "error", '{');
    fm_json_put_int(&w, "code", row->status);
    fm_json_put_string(&w, "message", words);
    fm_json_put_string(&w, "status", row->kind);
    if (refusal == MOCK_REFUSE_RATE_AFTER)
        gemini_quota(&w, "Minute", after_s);
    else if (refusal == MOCK_REFUSE_DAILY)
        gemini_quota(&w, "Day", 37); /* stated by the provider all the same, to no avail */
    else if (refusal == MOCK_REFUSE_KEY)
        gemini_key_reason(&w);
    fm_json_close(&w, '}');
    fm_json_close(&w, '}');
}

static void openai_refuse(mock_reply *reply, mock_refusal refusal, const refusal_row *row,
                          const char *words, double after_s)
{
    fm_json_writer w = {.out = &reply->body};
    bool rate = row->status == 429;

    fm_json_open(&w, NULL, '{');
    fm_json_open(&w, "error", '{');
    fm_json_put_string(&w, "message", words);
    fm_json_put_string(&w, "type",
                       refusal == MOCK_REFUSE_DAILY ? "insufficient_quota"
                       : rate                       ? "requests"
                       : row->status >= 500         ? "server_error"
                                                    : "invalid_request_error");
    fm_json_put_null(&w, "param");
    fm_json_put_string(&w, "code", row->kind);
    fm_json_close(&w, '}');
    fm_json_close(&w, '}');
    if (refusal != MOCK_REFUSE_RATE_AFTER)
        return;
    mock_reply_header(reply, "retry-after", "%.0f", ceil(after_s));
    mock_reply_header(reply, "retry-after-ms", "%.0f", after_s * 1e3);
}

/* A day's quota is told by nothing else than how long the wait is. */
static void long_or_short_wait(mock_reply *reply, mock_refusal refusal, double after_s)
{
    if (refusal == MOCK_REFUSE_DAILY)
        mock_reply_header(reply, "retry-after", "43200");
    else if (refusal == MOCK_REFUSE_RATE_AFTER)
        mock_reply_header(reply, "retry-after", "%.9g", after_s);
}

static void anthropic_refuse(mock_reply *reply, mock_refusal refusal, const refusal_row *row,
                             const char *words, double after_s)
{
    fm_json_writer w = {.out = &reply->body};

    fm_json_open(&w, NULL, '{');
    fm_json_put_string(&w, "type", "error");
    fm_json_open(&w, "error", '{');
    fm_json_put_string(&w, "type", row->kind);
    fm_json_put_string(&w, "message", words);
    fm_json_close(&w, '}');
    fm_json_close(&w, '}');
    long_or_short_wait(reply, refusal, after_s);
}

static void robotracer_refuse(mock_reply *reply, mock_refusal refusal, const refusal_row *row,
                              const char *words, double after_s)
{
    fm_json_writer w = {.out = &reply->body};

    (void)row;
    fm_json_open(&w, NULL, '{');
    fm_json_put_string(&w, "error", words);
    fm_json_close(&w, '}');
    long_or_short_wait(reply, refusal, after_s);
}

/* ---- the table ---- */

static const mock_dialect dialects[] = {
    {.key_header = "x-goog-api-key",
     .matches = gemini_matches,
     .read = gemini_read,
     .answer = gemini_answer,
     .refuse = gemini_refuse,
     .refusals =
         {[MOCK_REFUSE_KEY] = {400, "INVALID_ARGUMENT",
                               "API key not valid. Please pass a valid API key."},
          [MOCK_REFUSE_REQUEST] = {400, "INVALID_ARGUMENT", "Invalid JSON payload received."},
          [MOCK_REFUSE_SIZE] = {400, "INVALID_ARGUMENT", "Request payload size exceeds the limit."},
          [MOCK_REFUSE_RATE] = {429, "RESOURCE_EXHAUSTED",
                                "Resource has been exhausted (e.g. check quota)."},
          [MOCK_REFUSE_RATE_AFTER] = {429, "RESOURCE_EXHAUSTED",
                                      "You exceeded your current quota."},
          [MOCK_REFUSE_DAILY] = {429, "RESOURCE_EXHAUSTED", "You exceeded your current quota."},
          [MOCK_REFUSE_INTERNAL] = {500, "INTERNAL", "An internal error has occurred."},
          [MOCK_REFUSE_OVERLOADED] = {503, "UNAVAILABLE",
                                      "The model is overloaded. Please try again later."}}},
    {.key_header = "authorization",
     .id_header = "x-request-id",
     .rate_prefix = "x-ratelimit",
     .matches = openai_matches,
     .read = openai_read,
     .answer = openai_answer,
     .refuse = openai_refuse,
     .refusals =
         {[MOCK_REFUSE_KEY] = {401, "invalid_api_key", "Incorrect API key provided."},
          [MOCK_REFUSE_REQUEST] = {400, NULL, "We could not parse the JSON body of your request."},
          [MOCK_REFUSE_SIZE] = {413, "request_too_large", "The request is too large."},
          [MOCK_REFUSE_RATE] = {429, "rate_limit_exceeded", "Rate limit reached for requests."},
          [MOCK_REFUSE_RATE_AFTER] = {429, "rate_limit_exceeded",
                                      "Rate limit reached for requests."},
          [MOCK_REFUSE_DAILY] = {429, "insufficient_quota",
                                 "You exceeded your current quota, please check your plan and "
                                 "billing details."},
          [MOCK_REFUSE_INTERNAL] = {500, NULL,
                                    "The server had an error while processing your request."},
          [MOCK_REFUSE_OVERLOADED] = {503, NULL, "The engine is currently overloaded."}}},
    {.key_header = "x-api-key",
     .id_header = "request-id",
     .rate_prefix = "anthropic-ratelimit-requests",
     .clock_reset = true,
     .matches = anthropic_matches,
     .read = anthropic_read,
     .answer = anthropic_answer,
     .refuse = anthropic_refuse,
     .refusals =
         {[MOCK_REFUSE_KEY] = {401, "authentication_error", "invalid x-api-key"},
          [MOCK_REFUSE_REQUEST] = {400, "invalid_request_error",
                                   "The request body is not valid JSON."},
          [MOCK_REFUSE_SIZE] = {413, "request_too_large", "Request exceeds the maximum size"},
          [MOCK_REFUSE_RATE] = {429, "rate_limit_error",
                                "This request would exceed your organization's rate limit."},
          [MOCK_REFUSE_RATE_AFTER] = {429, "rate_limit_error",
                                      "This request would exceed your organization's rate limit."},
          [MOCK_REFUSE_DAILY] = {429, "rate_limit_error",
                                 "This request would exceed your organization's daily rate "
                                 "limit."},
          [MOCK_REFUSE_INTERNAL] = {500, "api_error", "Internal server error"},
          [MOCK_REFUSE_OVERLOADED] = {529, "overloaded_error", "Overloaded"}}},
    {.key_header = "authorization",
     .matches = robotracer_matches,
     .read = robotracer_read,
     .answer = robotracer_answer,
     .refuse = robotracer_refuse,
     .refusals = {[MOCK_REFUSE_KEY] = {401, NULL, "not authorized"},
                  [MOCK_REFUSE_REQUEST] = {400, NULL, "the body is not JSON"},
                  [MOCK_REFUSE_SIZE] = {413, NULL, "the request is too large"},
                  [MOCK_REFUSE_RATE] = {429, NULL, "too many requests"},
                  [MOCK_REFUSE_RATE_AFTER] = {429, NULL, "too many requests"},
                  [MOCK_REFUSE_DAILY] = {429, NULL, "no more requests today"},
                  [MOCK_REFUSE_INTERNAL] = {500, NULL, "internal error"},
                  [MOCK_REFUSE_OVERLOADED] = {503, NULL, "overloaded"}}},
};

const mock_dialect *mock_dialect_of(const char *path)
{
    for (size_t i = 0; i < FM_COUNT_OF(dialects); i++)
        if (dialects[i].matches(path))
            return &dialects[i];
    return NULL;
}

const char *mock_dialect_key_header(const mock_dialect *dialect)
{
    return dialect->key_header;
}

/* The quote that ends the string which starts at `quote`; NULL: none does. */
static const char *string_end(const char *quote, const char *end)
{
    const char *p = quote;

    while ((p = memchr(p + 1, '"', (size_t)(end - p - 1)))) {
        const char *escape = p;

        while (escape[-1] == '\\')
            escape--; /* stops at the opening quote */
        if ((p - escape) % 2 == 0)
            return p;
    }
    return NULL;
}

/* A picture is most of a body and says nothing here: it is left out before the JSON is read. It is a
 * string that is long and, as far as one looks, without a space or an escape. */
static void leave_out_pictures(const char *body, size_t size, fm_buf *out)
{
    const char *end = body + size, *kept = body, *quote = body;

    while ((quote = memchr(quote, '"', (size_t)(end - quote)))) {
        const char *close = string_end(quote, end);

        if (!close)
            break;
        if (close - quote > 4096 && !memchr(quote, ' ', 256) && !memchr(quote, '\\', 256)) {
            fm_buf_append(out, kept, (size_t)(quote - kept) + 1);
            kept = close;
        }
        quote = close + 1;
    }
    fm_buf_append(out, kept, (size_t)(end - kept));
}

fm_status mock_asked_read(mock_asked *asked, const mock_dialect *dialect, const char *path,
                          const char *body, size_t size, fm_err *err)
{
    fm_buf plain = {0};
    cJSON *tree = NULL;
    fm_status st = FM_OK;

    fm_buf_clear(&asked->prompt);
    *asked = (mock_asked){.prompt = asked->prompt, .dialect = dialect, .hash = asked->hash};
    leave_out_pictures(body, size, &plain);
    st = fm_buf_check(&plain, "a request", err);
    if (st == FM_OK)
        st = fm_json_parse(fm_buf_text(&plain), plain.size, "the request", &tree, err);
    if (st == FM_OK)
        dialect->read(asked, path, tree);
    if (st == FM_E_INPUT) {
        asked->problem = "the body is not JSON";
        st = FM_OK;
    }
    if (st == FM_OK)
        st = fm_buf_check(&asked->prompt, "a prompt", err);
    cJSON_Delete(tree);
    fm_buf_release(&plain);
    return st;
}

void mock_asked_release(mock_asked *asked)
{
    fm_buf_release(&asked->prompt);
}

static size_t half_of(const char *text, size_t size)
{
    size_t half = size / 2;

    while (half > 0 && ((unsigned char)text[half] & 0xC0) == 0x80)
        half--; /* not inside a character */
    return half;
}

static int64_t tokens_of(size_t bytes)
{
    return (int64_t)((bytes + 3) / 4);
}

void mock_write_answer(mock_reply *reply, const mock_asked *asked, const char *text, size_t size,
                       mock_ending ending)
{
    fm_json_writer w = {.out = &reply->body};
    statement said = {.text = text, .ending = ending};

    if (ending == MOCK_ANSWER_WHOLE)
        said.size = size;
    else if (ending == MOCK_ANSWER_CUT)
        said.size = half_of(text, size);
    said.input_tokens = tokens_of(asked->prompt.size) + PICTURE_TOKENS * (int64_t)asked->pictures;
    said.output_tokens = tokens_of(said.size);
    said.thought_tokens = asked->thinks && ending != MOCK_ANSWER_REFUSED ? THOUGHT_TOKENS : 0;
    reply->status = 200;
    reply->type = "application/json";
    asked->dialect->answer(&w, asked, &said);
}

void mock_write_refusal(mock_reply *reply, const mock_dialect *dialect, mock_refusal refusal,
                        const char *detail, double after_s)
{
    const refusal_row *row = &dialect->refusals[refusal];

    reply->status = row->status;
    reply->type = "application/json";
    dialect->refuse(reply, refusal, row, detail ? detail : row->words, after_s);
}

void mock_write_id(mock_reply *reply, const mock_asked *asked)
{
    if (asked->dialect->id_header)
        mock_reply_header(reply, asked->dialect->id_header, "mock-%016llx",
                          (unsigned long long)asked->hash);
}

/* "x-ratelimit-remaining-requests" and "anthropic-ratelimit-requests-remaining" */
static void write_left(mock_reply *reply, const mock_dialect *dialect, const char *what,
                       const char *value)
{
    char name[48];

    snprintf(name, sizeof(name), "%s-%s%s", dialect->rate_prefix, what,
             dialect->clock_reset ? "" : "-requests");
    mock_reply_header(reply, name, "%s", value);
}

void mock_write_rate(mock_reply *reply, const mock_dialect *dialect, double limit, double left,
                     double reset_s)
{
    time_t reset = time(NULL) + (time_t)ceil(reset_s);
    struct tm utc;
    char text[32];

    if (!dialect->rate_prefix)
        return;
    if (limit > 0) {
        snprintf(text, sizeof(text), "%.0f", limit);
        write_left(reply, dialect, "limit", text);
    }
    snprintf(text, sizeof(text), "%.0f", floor(left));
    write_left(reply, dialect, "remaining", text);
    snprintf(text, sizeof(text), "%.0fms", ceil(reset_s * 1e3));
    if (dialect->clock_reset && gmtime_r(&reset, &utc))
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
    write_left(reply, dialect, "reset", text);
}
