/* adapters/remote: what a reply, an error or silence means, provider by provider, from the bodies and
 * headers that they send. */
#include "remote_fixture.h"

#include <time.h>

static void release(void)
{
    fm_arena_release(&replies);
}

TestSuite(replies, .init = forget_environment, .fini = release);

typedef struct {
    int http;
    const char *body;
    fm_sample_status status;
    fm_retry retry;
    const char *text;   /* NULL: none */
    const char *finish; /* the provider's word; NULL: none */
    const char *detail; /* part of it; NULL: there is none */
} row;

static void expect_rows(const fm_remote_dialect *dialect, const row *rows, size_t n)
{
    fm_remote *remote = remote_plain(dialect);

    for (size_t i = 0; i < n; i++) {
        fm_reply reply = read_reply(remote, rows[i].http, rows[i].body, NULL);

        cr_expect(eq(int, reply.status, rows[i].status), "%s", rows[i].body);
        cr_expect(eq(int, reply.retry, rows[i].retry), "%s", rows[i].body);
        cr_expect(eq(int, reply.http_status, rows[i].http));
        if (rows[i].text)
            cr_expect(reply.text && strcmp(reply.text, rows[i].text) == 0, "%s", rows[i].body);
        else
            cr_expect(reply.size == 0, "%s", rows[i].body);
        if (rows[i].finish)
            cr_expect(reply.finish_reason && strcmp(reply.finish_reason, rows[i].finish) == 0, "%s",
                      rows[i].body);
        else
            cr_expect_null(reply.finish_reason, "%s", rows[i].body);
        if (rows[i].detail)
            cr_expect(reply.detail && strstr(reply.detail, rows[i].detail), "'%s' for %s",
                      reply.detail ? reply.detail : "", rows[i].body);
        else
            cr_expect_null(reply.detail, "%s", rows[i].body);
    }
    fm_remote_close(remote);
}

#define EXPECT_ROWS(dialect, rows) expect_rows(&(dialect), rows, sizeof(rows) / sizeof((rows)[0]))
#define OK                         FM_SAMPLE_OK
#define EMPTY                      FM_SAMPLE_EMPTY
#define TRUNCATED                  FM_SAMPLE_TRUNCATED
#define REFUSED                    FM_SAMPLE_REFUSED
#define BLOCKED                    FM_SAMPLE_BLOCKED
#define API_ERROR                  FM_SAMPLE_API_ERROR
#define QUOTA                      FM_SAMPLE_QUOTA
#define NEVER                      FM_RETRY_NEVER
#define TRANSIENT                  FM_RETRY_TRANSIENT
#define THROTTLED                  FM_RETRY_THROTTLED
#define EXHAUSTED                  FM_RETRY_EXHAUSTED
#define HOPELESS                   FM_RETRY_HOPELESS

/* ---- gemini ---- */

#define CANDIDATE(parts, reason)                                                                   \
    "{\"candidates\": [{\"content\": {\"parts\": [" parts "]}, \"finishReason\": \"" reason "\"}]" \
    "}"
#define A_TEXT "{\"text\": \"[(1, 2)]\"}"

static const row gemini_replies[] = {
    {200, CANDIDATE(A_TEXT, "STOP"), OK, NEVER, "[(1, 2)]", "STOP", NULL},
    {200,
     CANDIDATE("{\"text\": \"hm\", \"thought\": true}, {\"text\": \"a\"}, {\"text\": \"b\"}",
               "STOP"),
     OK, NEVER, "ab", "STOP", NULL},
    {200, CANDIDATE("", "STOP"), EMPTY, TRANSIENT, NULL, "STOP", NULL},
    {200, CANDIDATE("{\"text\": \"hm\", \"thought\": true}", "STOP"), EMPTY, TRANSIENT, NULL,
     "STOP", NULL},
    {200,
     "{\"candidates\": [{\"content\": {\"role\": \"model\"}, \"finishReason\": "
     "\"MAX_TOKENS\"}]}",
     TRUNCATED, NEVER, NULL, "MAX_TOKENS", NULL},
    {200, CANDIDATE(A_TEXT, "MAX_TOKENS"), TRUNCATED, NEVER, "[(1, 2)]", "MAX_TOKENS", NULL},
    {200, CANDIDATE(A_TEXT, "CONTINUATION"), TRUNCATED, NEVER, "[(1, 2)]", "CONTINUATION", NULL},
    {200, CANDIDATE("", "SAFETY"), BLOCKED, NEVER, NULL, "SAFETY", NULL},
    {200, CANDIDATE(A_TEXT, "RECITATION"), BLOCKED, NEVER, "[(1, 2)]", "RECITATION", NULL},
    {200, CANDIDATE("", "BLOCKLIST"), BLOCKED, NEVER, NULL, "BLOCKLIST", NULL},
    {200, CANDIDATE("", "PROHIBITED_CONTENT"), BLOCKED, NEVER, NULL, "PROHIBITED_CONTENT", NULL},
    {200, CANDIDATE("", "SPII"), BLOCKED, NEVER, NULL, "SPII", NULL},
    {200, CANDIDATE(A_TEXT, "BRAND_NEW"), OK, NEVER, "[(1, 2)]", "BRAND_NEW", NULL},
    {200, CANDIDATE("", "BRAND_NEW"), EMPTY, TRANSIENT, NULL, "BRAND_NEW", NULL},
    {200, "{\"candidates\": [{\"finishReason\": \"OTHER\", \"finishMessage\": \"why\\nnot\"}]}",
     EMPTY, TRANSIENT, NULL, "OTHER", "why not"},
    {200, "{\"promptFeedback\": {\"blockReason\": \"SAFETY\"}}", BLOCKED, NEVER, NULL, "SAFETY",
     NULL},
    {200, "{\"promptFeedback\": {\"blockReason\": \"NEW_ONE\"}}", BLOCKED, NEVER, NULL, "NEW_ONE",
     NULL},
    {200, "{\"prompt_feedback\": {\"block_reason\": \"OTHER\"}}", BLOCKED, NEVER, NULL, "OTHER",
     NULL},
    {200,
     "{\"candidates\": [{\"content\": {\"parts\": [{\"text\": \"x\"}]}, \"finish_reason\": "
     "\"STOP\"}]}",
     OK, NEVER, "x", "STOP", NULL},
    {200, "{}", EMPTY, TRANSIENT, NULL, NULL, NULL},
    {200, "{\"candidates\": []}", EMPTY, TRANSIENT, NULL, NULL, NULL},
    {200, "{\"candidates\": \"x\"}", EMPTY, TRANSIENT, NULL, NULL, NULL},
};

Test(replies, gemini)
{
    EXPECT_ROWS(fm_remote_gemini, gemini_replies);
}

#define RESOURCE_EXHAUSTED(details)                                                                \
    "{\"error\": {\"code\": 429, \"message\": \"Quota exceeded\", \"status\": "                    \
    "\"RESOURCE_EXHAUSTED\", \"details\": [" details "]}}"
#define QUOTA_FAILURE(id)                                                                          \
    "{\"@type\": \"type.googleapis.com/google.rpc.QuotaFailure\", \"violations\": [{\"quotaId\": " \
    "\"" id "\"}]}"
#define RETRY_INFO(delay)                                                                          \
    "{\"@type\": \"type.googleapis.com/google.rpc.RetryInfo\", \"retryDelay\": \"" delay "\"}"
#define DAILY     "GenerateRequestsPerDayPerProjectPerModel-FreeTier"
#define BY_MINUTE "GenerateRequestsPerMinutePerProjectPerModel"

static const row gemini_errors[] = {
    {429, RESOURCE_EXHAUSTED(""), API_ERROR, THROTTLED, NULL, NULL,
     "HTTP 429: RESOURCE_EXHAUSTED: Quota exceeded"},
    {429, "[" RESOURCE_EXHAUSTED("") "]", API_ERROR, THROTTLED, NULL, NULL, "Quota exceeded"},
    {429, RESOURCE_EXHAUSTED(QUOTA_FAILURE(DAILY) ", " RETRY_INFO("47s")), QUOTA, EXHAUSTED, NULL,
     NULL, "Quota exceeded"},
    {429, RESOURCE_EXHAUSTED(RETRY_INFO("47s") ", " QUOTA_FAILURE("DailyLimit")), QUOTA, EXHAUSTED,
     NULL, NULL, "Quota exceeded"},
    {400,
     "{\"error\": {\"code\": 400, \"message\": \"API key not valid\", \"status\": "
     "\"INVALID_ARGUMENT\", \"details\": [{\"@type\": "
     "\"type.googleapis.com/google.rpc.ErrorInfo\", "
     "\"reason\": \"API_KEY_INVALID\"}]}}",
     API_ERROR, HOPELESS, NULL, NULL, "API key not valid"},
    {400, "{\"error\": {\"code\": 400, \"message\": \"bad\", \"status\": \"INVALID_ARGUMENT\"}}",
     API_ERROR, NEVER, NULL, NULL, "HTTP 400: INVALID_ARGUMENT: bad"},
    {404, "{\"error\": {\"code\": 404, \"message\": \"no model\", \"status\": \"NOT_FOUND\"}}",
     API_ERROR, HOPELESS, NULL, NULL, "HTTP 404: model 'm': no such model or address; NOT_FOUND"},
    {500, "{\"error\": {\"code\": 500, \"message\": \"oops\", \"status\": \"INTERNAL\"}}",
     API_ERROR, TRANSIENT, NULL, NULL, "HTTP 500: INTERNAL: oops"},
    {503, "{\"error\": {\"status\": \"UNAVAILABLE\"}}", API_ERROR, TRANSIENT, NULL, NULL,
     "HTTP 503: UNAVAILABLE"},
    {200, "{\"error\": {\"code\": 503, \"message\": \"overloaded\"}}", API_ERROR, TRANSIENT, NULL,
     NULL, "HTTP 503: overloaded"},
};

Test(replies, gemini_errors)
{
    EXPECT_ROWS(fm_remote_gemini, gemini_errors);
}

Test(replies, gemini_says_when_to_come_back)
{
    static const struct {
        const char *body;
        double wait_s;
    } rows[] = {
        {RESOURCE_EXHAUSTED(RETRY_INFO("47s")), 47},
        {RESOURCE_EXHAUSTED(RETRY_INFO("34.07s")), 34.07},
        {RESOURCE_EXHAUSTED(RETRY_INFO("900ms")), 0.9},
        {RESOURCE_EXHAUSTED(QUOTA_FAILURE(BY_MINUTE) ", " RETRY_INFO("3s")), 3},
        {RESOURCE_EXHAUSTED(QUOTA_FAILURE(BY_MINUTE)), 60},
        {RESOURCE_EXHAUSTED(RETRY_INFO("soon")), 0},
        {RESOURCE_EXHAUSTED(""), 0},
        {"{\"error\": {\"message\": \"Slow down. Please retry in 34.07s.\"}}", 34.07},
        {"{\"error\": {\"message\": \"Please retry in 20s\", \"details\": ["
         "{\"violations\": [{\"quota_id\": \"" BY_MINUTE "\"}]}]}}",
         20},
        {"{\"error\": {\"details\": [{\"retry_delay\": \"5s\"}]}}", 5},
    };
    fm_remote *remote = remote_plain(&fm_remote_gemini);

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fm_reply reply = read_reply(remote, 429, rows[i].body, NULL);

        cr_expect(eq(int, reply.retry, FM_RETRY_THROTTLED));
        cr_expect(ieee_ulp_eq(dbl, reply.retry_after_s, rows[i].wait_s, 4), "%s", rows[i].body);
    }
    fm_remote_close(remote);
}

Test(replies, gemini_counts_tokens)
{
    fm_remote *remote = remote_plain(&fm_remote_gemini);
    fm_reply reply = read_reply(
        remote, 200,
        "{\"candidates\": [{\"content\": {\"parts\": [{\"text\": \"x\"}]}}], \"modelVersion\": "
        "\"gemini-x-001\", \"responseId\": \"r1\", \"usageMetadata\": {\"promptTokenCount\": 300, "
        "\"candidatesTokenCount\": 20, \"thoughts_token_count\": 100, \"cachedContentTokenCount\": "
        "256, \"totalTokenCount\": 420}}",
        NULL);

    cr_expect(reply.usage.stated);
    cr_expect(eq(i64, reply.usage.input_tokens, 300));
    cr_expect(eq(i64, reply.usage.output_tokens, 20));
    cr_expect(eq(i64, reply.usage.thought_tokens, 100));
    cr_expect(eq(i64, reply.usage.cached_tokens, 256));
    cr_expect(eq(str, (char *)reply.model, "gemini-x-001"));
    cr_expect(eq(str, (char *)reply.request_id, "r1"));
    reply = read_reply(remote, 200, "{\"usageMetadata\": {\"promptTokenCount\": -5}}", NULL);
    cr_expect(eq(i64, reply.usage.input_tokens, 0));
    fm_remote_close(remote);
}

/* ---- openai ---- */

#define CHOICE(message, reason)                                                                    \
    "{\"choices\": [{\"message\": {" message "}, \"finish_reason\": " reason "}]}"

static const row openai_replies[] = {
    {200, CHOICE("\"content\": \"x\"", "\"stop\""), OK, NEVER, "x", "stop", NULL},
    {200, CHOICE("\"content\": \"x\", \"reasoning_content\": \"hm\"", "\"stop\""), OK, NEVER, "x",
     "stop", NULL},
    {200,
     CHOICE("\"content\": [{\"type\": \"text\", \"text\": \"a\"}, {\"type\": \"thinking\", "
            "\"text\": \"hm\"}, {\"type\": \"text\", \"text\": \"b\"}]",
            "\"stop\""),
     OK, NEVER, "ab", "stop", NULL},
    {200, CHOICE("\"content\": null", "\"stop\""), EMPTY, TRANSIENT, NULL, "stop", NULL},
    {200, CHOICE("\"content\": \"\"", "\"stop\""), EMPTY, TRANSIENT, NULL, "stop", NULL},
    {200, CHOICE("\"content\": \"x\"", "\"length\""), TRUNCATED, NEVER, "x", "length", NULL},
    {200, CHOICE("\"content\": null", "\"length\""), TRUNCATED, NEVER, NULL, "length", NULL},
    {200, CHOICE("\"content\": \"x\"", "\"content_filter\""), BLOCKED, NEVER, "x", "content_filter",
     NULL},
    {200, CHOICE("\"content\": null, \"refusal\": \"I cannot\"", "\"stop\""), REFUSED, NEVER,
     "I cannot", "stop", NULL},
    {200, CHOICE("\"content\": \"x\", \"refusal\": null", "\"stop\""), OK, NEVER, "x", "stop",
     NULL},
    {200, CHOICE("\"content\": \"x\"", "null"), OK, NEVER, "x", NULL, NULL},
    {200, CHOICE("\"content\": \"x\"", "\"abort\""), OK, NEVER, "x", "abort", NULL},
    {200, CHOICE("\"content\": null", "\"tool_calls\""), EMPTY, TRANSIENT, NULL, "tool_calls",
     NULL},
    {200, CHOICE("\"content\": \"half\"", "\"error\""), API_ERROR, TRANSIENT, "half", "error",
     "broke the reply off"},
    {200, "{\"choices\": []}", API_ERROR, TRANSIENT, NULL, NULL, "no message"},
    {200, "{\"choices\": [{}]}", API_ERROR, TRANSIENT, NULL, NULL, "no message"},
    {200, "{}", API_ERROR, TRANSIENT, NULL, NULL, "no message"},
    {200, "[]", API_ERROR, TRANSIENT, NULL, NULL, "no JSON"},
    {200, "", API_ERROR, TRANSIENT, NULL, NULL, "an empty body"},
    {200, " <!doctype html><title>Sign in</title>", API_ERROR, TRANSIENT, NULL, NULL,
     "an HTML page"},
    {200, "{\"choices\": [{\"message\": {\"cont", API_ERROR, TRANSIENT, NULL, NULL, "no JSON"},
    {200, "data: {\"choices\": []}\n\ndata: [DONE]", API_ERROR, TRANSIENT, NULL, NULL, "no JSON"},
    {200, "{\"error\": {\"message\": \"boom\", \"type\": \"server_error\"}}", API_ERROR, TRANSIENT,
     NULL, NULL, "HTTP 200: server_error: boom"},
    {200, "{\"error\": \"boom\"}", API_ERROR, TRANSIENT, NULL, NULL, "boom"},
    {200,
     "{\"error\": null, "
     "\"choices\": [{\"message\": {\"content\": \"x\"}}]}",
     OK, NEVER, "x", NULL, NULL},
    {200, "{\"error\": {\"message\": \"slow\", \"code\": 429}}", API_ERROR, THROTTLED, NULL, NULL,
     "HTTP 429: slow"},
};

Test(replies, openai)
{
    EXPECT_ROWS(fm_remote_openai, openai_replies);
}

#define ERROR(code)                                                                                \
    "{\"error\": {\"message\": \"words\", \"type\": \"a_type\", \"code\": \"" code "\"}}"

static const row openai_errors[] = {
    {429, ERROR("rate_limit_exceeded"), API_ERROR, THROTTLED, NULL, NULL,
     "HTTP 429: rate_limit_exceeded: words"},
    {429, ERROR("insufficient_quota"), QUOTA, EXHAUSTED, NULL, NULL,
     "HTTP 429: insufficient_quota: words"},
    {429, "", API_ERROR, THROTTLED, NULL, NULL, "HTTP 429: an empty body"},
    {402, "{\"error\": {\"message\": \"no credit\"}}", QUOTA, EXHAUSTED, NULL, NULL, "no credit"},
    {400, ERROR("context_length_exceeded"), API_ERROR, NEVER, NULL, NULL, "words"},
    {400, ERROR("content_filter"), BLOCKED, NEVER, NULL, NULL, "words"},
    {413, "", API_ERROR, NEVER, NULL, NULL, "HTTP 413"},
    {422, "{\"detail\": \"no such field\"}", API_ERROR, NEVER, NULL, NULL, "no such field"},
    {422, "{\"detail\": [{\"loc\": [\"body\"]}]}", API_ERROR, NEVER, NULL, NULL, "loc"},
    {401, ERROR("invalid_api_key"), API_ERROR, HOPELESS, NULL, NULL,
     "no key was sent: set OPENAI_API_KEY; invalid_api_key: words"},
    {403, "", API_ERROR, HOPELESS, NULL, NULL, "HTTP 403"},
    {404, "{\"object\": \"error\", \"message\": \"The model `m` does not exist.\", \"code\": 404}",
     API_ERROR, HOPELESS, NULL, NULL, "does not exist"},
    {302, "", API_ERROR, HOPELESS, NULL, NULL, "base_url leads elsewhere"},
    {408, "", API_ERROR, TRANSIENT, NULL, NULL, "HTTP 408"},
    {409, "", API_ERROR, TRANSIENT, NULL, NULL, "HTTP 409"},
    {418, "", API_ERROR, NEVER, NULL, NULL, "HTTP 418"},
    {500, "{\"error\": {\"message\": \"oops\"}}", API_ERROR, TRANSIENT, NULL, NULL, "oops"},
    {502, "<html>Bad gateway</html>", API_ERROR, TRANSIENT, NULL, NULL, "an HTML page"},
    {503, "no healthy upstream", API_ERROR, TRANSIENT, NULL, NULL, "no healthy upstream"},
    {504, "", API_ERROR, TRANSIENT, NULL, NULL, "HTTP 504"},
    {429, "\xff\x1b[31m\n{", API_ERROR, THROTTLED, NULL, NULL, "\\xff\\u001b[31m {"},
};

Test(replies, openai_errors)
{
    EXPECT_ROWS(fm_remote_openai, openai_errors);
}

Test(replies, openai_counts_tokens)
{
    fm_remote *remote = remote_plain(&fm_remote_openai);
    fm_reply reply = read_reply(
        remote, 200,
        "{\"id\": \"chatcmpl-1\", \"model\": \"m-2026\", \"choices\": [{\"message\": {\"content\": "
        "\"x\"}}], \"usage\": {\"prompt_tokens\": 300, \"completion_tokens\": 120, "
        "\"prompt_tokens_details\": {\"cached_tokens\": 256}, \"completion_tokens_details\": "
        "{\"reasoning_tokens\": 100}}}",
        (const header[]){{"X-Request-Id", "req_1"}, {0}});

    cr_expect(eq(i64, reply.usage.input_tokens, 300));
    cr_expect(eq(i64, reply.usage.output_tokens, 20));
    cr_expect(eq(i64, reply.usage.thought_tokens, 100));
    cr_expect(eq(i64, reply.usage.cached_tokens, 256));
    cr_expect(eq(str, (char *)reply.model, "m-2026"));
    cr_expect(eq(str, (char *)reply.request_id, "req_1"));
    reply = read_reply(remote, 200, CHOICE("\"content\": \"x\"", "null"), NULL);
    cr_expect(reply.usage.stated == false);
    fm_remote_close(remote);
}

/* ---- anthropic ---- */

#define CONTENT(parts, reason) "{\"content\": [" parts "], \"stop_reason\": \"" reason "\"}"
#define TYPED(type, text)      "{\"type\": \"" type "\", \"text\": \"" text "\"}"
#define TYPED_ERROR(type)                                                                          \
    "{\"type\": \"error\", \"error\": {\"type\": \"" type "\", \"message\": \"words\"}}"

static const row anthropic_rows[] = {
    {200, CONTENT(TYPED("text", "x"), "end_turn"), OK, NEVER, "x", "end_turn", NULL},
    {200,
     CONTENT("{\"type\": \"thinking\", \"thinking\": \"hm\"}, " TYPED("text", "x"),
             "stop_sequence"),
     OK, NEVER, "x", "stop_sequence", NULL},
    {200, CONTENT("", "end_turn"), EMPTY, TRANSIENT, NULL, "end_turn", NULL},
    {200, CONTENT(TYPED("text", "x"), "max_tokens"), TRUNCATED, NEVER, "x", "max_tokens", NULL},
    {200, CONTENT(TYPED("text", "x"), "pause_turn"), TRUNCATED, NEVER, "x", "pause_turn", NULL},
    {200, CONTENT(TYPED("text", "x"), "refusal"), REFUSED, NEVER, "x", "refusal", NULL},
    {200, CONTENT("", "refusal"), REFUSED, NEVER, NULL, "refusal", NULL},
    {200, CONTENT(TYPED("text", "x"), "brand_new"), OK, NEVER, "x", "brand_new", NULL},
    {200, CONTENT("", "brand_new"), EMPTY, TRANSIENT, NULL, "brand_new", NULL},
    {200, "{}", API_ERROR, TRANSIENT, NULL, NULL, "no 'content'"},
    {200, TYPED_ERROR("overloaded_error"), API_ERROR, TRANSIENT, NULL, NULL,
     "overloaded_error: words"},
    {200, TYPED_ERROR("rate_limit_error"), API_ERROR, THROTTLED, NULL, NULL, "words"},
    {429, TYPED_ERROR("rate_limit_error"), API_ERROR, THROTTLED, NULL, NULL,
     "HTTP 429: rate_limit_error: words"},
    {529, TYPED_ERROR("overloaded_error"), API_ERROR, TRANSIENT, NULL, NULL, "HTTP 529"},
    {400, TYPED_ERROR("billing_error"), QUOTA, EXHAUSTED, NULL, NULL, "billing_error"},
    {400,
     "{\"error\": {\"type\": \"invalid_request_error\", \"message\": \"Your credit balance is too "
     "low to access the API.\"}}",
     QUOTA, EXHAUSTED, NULL, NULL, "credit balance"},
    {400, TYPED_ERROR("invalid_request_error"), API_ERROR, NEVER, NULL, NULL, "words"},
    {401, TYPED_ERROR("authentication_error"), API_ERROR, HOPELESS, NULL, NULL,
     "no key was sent: set ANTHROPIC_API_KEY"},
    {403, TYPED_ERROR("permission_error"), API_ERROR, HOPELESS, NULL, NULL, "words"},
    {404, TYPED_ERROR("not_found_error"), API_ERROR, HOPELESS, NULL, NULL, "model 'm'"},
    {413, TYPED_ERROR("request_too_large"), API_ERROR, NEVER, NULL, NULL, "words"},
    {500, TYPED_ERROR("api_error"), API_ERROR, TRANSIENT, NULL, NULL, "words"},
};

Test(replies, anthropic)
{
    EXPECT_ROWS(fm_remote_anthropic, anthropic_rows);
}

Test(replies, anthropic_counts_tokens)
{
    fm_remote *remote = remote_plain(&fm_remote_anthropic);
    fm_reply reply = read_reply(
        remote, 200,
        "{\"id\": \"msg_1\", \"content\": [], \"usage\": {\"input_tokens\": 40, \"output_tokens\": "
        "120, \"cache_read_input_tokens\": 250, \"cache_creation_input_tokens\": 10}}",
        NULL);

    cr_expect(eq(i64, reply.usage.input_tokens, 300));
    cr_expect(eq(i64, reply.usage.output_tokens, 120));
    cr_expect(eq(i64, reply.usage.cached_tokens, 250));
    cr_expect(eq(str, (char *)reply.request_id, "msg_1"));
    fm_remote_close(remote);
}

/* ---- robotracer ---- */

static const row robotracer_rows[] = {
    {200, "{\"answer\": \"x\"}", OK, NEVER, "x", NULL, NULL},
    {200, "{\"result\": 1, \"answer\": \"x\"}", OK, NEVER, "x", NULL, NULL},
    {200, "{\"answer\": \"\"}", EMPTY, TRANSIENT, NULL, NULL, NULL},
    {200, "{\"answer\": null}", EMPTY, TRANSIENT, NULL, NULL, NULL},
    {200, "{\"result\": 0, \"answer\": \"x\"}", API_ERROR, TRANSIENT, NULL, NULL, "'result'"},
    {200, "{\"result\": 1}", API_ERROR, TRANSIENT, NULL, NULL, "no 'answer'"},
    {200, "{\"answer\": [1]}", API_ERROR, TRANSIENT, NULL, NULL, "no 'answer'"},
    {200, "{\"error\": \"CUDA out of memory\"}", API_ERROR, TRANSIENT, NULL, NULL, "CUDA"},
    {500, "<h1>Internal Server Error</h1>", API_ERROR, TRANSIENT, NULL, NULL, "an HTML page"},
    {404, "", API_ERROR, HOPELESS, NULL, NULL, "HTTP 404: no such model or address"},
};

Test(replies, robotracer)
{
    EXPECT_ROWS(fm_remote_robotracer, robotracer_rows);
}

/* ---- what all share ---- */

Test(replies, keep_nul_bytes_and_broken_text)
{
    fm_remote *remote = remote_plain(&fm_remote_openai);
    fm_reply reply =
        read_reply(remote, 200, CHOICE("\"content\": \"a\\u0000b\\ud800\"", "\"stop\""), NULL);

    cr_expect(eq(sz, reply.size, 6));
    cr_expect_arr_eq(reply.text, "a\0b", 3);
    fm_remote_close(remote);
}

static double wait_of(const char *name, const char *value, const char *body)
{
    fm_remote *remote = remote_plain(&fm_remote_openai);
    fm_reply reply = read_reply(remote, 429, body, (const header[]){{name, value}, {0}});

    fm_remote_close(remote);
    return reply.retry_after_s;
}

Test(replies, retry_after_has_many_forms)
{
    static const struct {
        const char *name, *value;
        double wait_s;
    } rows[] = {
        {"retry-after", "7", 7},
        {"Retry-After", "1.5", 1.5},
        {"retry-after", "6m0s", 360},
        {"retry-after-ms", "250", 0.25},
        {"retry-after", "-3", 0},
        {"retry-after", "soon", 0},
        {"retry-after", "", 0},
        {"retry-after", "1e99", 1},
        {"retry-after", "99999999999", 1e7},
        {"retry-after", "Wed, 21 Oct 2015 07:28:00 GMT", 0},
    };
    char date[64];
    time_t later = time(NULL) + 100;
    struct tm parts;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        cr_expect(eq(dbl, wait_of(rows[i].name, rows[i].value, ""), rows[i].wait_s), "%s",
                  rows[i].value);
    strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&later, &parts));
    double wait = wait_of("retry-after", date, "");
    cr_expect(ge(dbl, wait, 95));
    cr_expect(le(dbl, wait, 100));
    /* A header says it better than the text. */
    cr_expect(eq(
        dbl, wait_of("retry-after", "2", "{\"error\": {\"message\": \"try again in 6m0s\"}}"), 2));
    cr_expect(
        eq(dbl, wait_of("x", "2", "{\"error\": {\"message\": \"try again in 6m0s.\"}}"), 360));
}

Test(replies, should_retry_is_honoured_but_for_what_would_come_back_the_same)
{
    static const struct {
        int http;
        const char *value;
        fm_retry retry;
    } rows[] = {{500, "false", NEVER},    {429, "false", NEVER},    {418, "true", TRANSIENT},
                {400, "true", NEVER},     {413, "true", NEVER},     {422, "true", NEVER},
                {503, "true", TRANSIENT}, {401, "true", HOPELESS},  {401, "false", HOPELESS},
                {429, "true", THROTTLED}, {500, "maybe", TRANSIENT}};
    fm_remote *remote = remote_plain(&fm_remote_openai);

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const header headers[] = {{"x-should-retry", rows[i].value}, {0}};

        cr_expect(eq(int, read_reply(remote, rows[i].http, "", headers).retry, rows[i].retry),
                  "%d %s", rows[i].http, rows[i].value);
    }
    fm_remote_close(remote);
}

Test(replies, rate_limits_are_read_where_they_are_stated)
{
    const header openai[] = {{"x-ratelimit-remaining-requests", "59"},
                             {"x-ratelimit-remaining-tokens", "149984"},
                             {"x-ratelimit-reset-requests", "1s"},
                             {"x-ratelimit-reset-tokens", "6m0s"},
                             {0}};
    char date[64];
    time_t later = time(NULL) + 100;
    struct tm parts;

    strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&later, &parts));
    const header anthropic[] = {{"anthropic-ratelimit-requests-remaining", "4"},
                                {"anthropic-ratelimit-requests-reset", date},
                                {0}};
    fm_remote *remote = remote_plain(&fm_remote_openai);
    fm_reply reply = read_reply(remote, 200, "{}", openai);
    cr_expect(reply.rate.stated);
    cr_expect(eq(dbl, reply.rate.remaining_requests, 59));
    cr_expect(eq(dbl, reply.rate.remaining_tokens, 149984));
    cr_expect(eq(dbl, reply.rate.reset_requests_s, 1));
    cr_expect(eq(dbl, reply.rate.reset_tokens_s, 360));
    cr_expect(read_reply(remote, 200, "{}", anthropic).rate.stated == false);
    fm_remote_close(remote);

    remote = remote_plain(&fm_remote_anthropic);
    reply = read_reply(remote, 429, "", anthropic);
    cr_expect(reply.rate.stated);
    cr_expect(eq(dbl, reply.rate.remaining_requests, 4));
    cr_expect(lt(dbl, reply.rate.remaining_tokens, 0));
    cr_expect(ge(dbl, reply.rate.reset_requests_s, 95));
    cr_expect(le(dbl, reply.rate.reset_requests_s, 100));
    fm_remote_close(remote);
}

Test(replies, durations)
{
    static const struct {
        const char *text;
        double seconds;
    } rows[] = {{"47s", 47},      {"34.07s", 34.07},
                {"900ms", 0.9},   {"6m0s", 360},
                {"1h2m3s", 3723}, {"1d", 86400},
                {"12", 12},       {"0s", 0},
                {"20s.", 20},     {"1m30.5s)", 90.5},
                {"", -1},         {"s", -1},
                {"-5s", -1},      {".", -1},
                {"1.2.3s", -1},   {"12345678901234567890123456789012345s", -1}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        cr_expect(ieee_ulp_eq(dbl, fm_remote_duration(rows[i].text), rows[i].seconds, 4), "%s",
                  rows[i].text);
}

Test(replies, that_never_came)
{
    static const struct {
        fm_wire_end end;
        fm_sample_status status;
        fm_retry retry;
    } rows[] = {
        {FM_WIRE_UNREACHED, API_ERROR, TRANSIENT},       {FM_WIRE_INSECURE, API_ERROR, HOPELESS},
        {FM_WIRE_TIMEOUT, FM_SAMPLE_TIMEOUT, TRANSIENT}, {FM_WIRE_BROKEN, API_ERROR, TRANSIENT},
        {FM_WIRE_TOO_LARGE, API_ERROR, NEVER},           {FM_WIRE_UNRECORDED, API_ERROR, NEVER},
        {FM_WIRE_FAILED, API_ERROR, TRANSIENT},
    };
    fm_remote *remote = remote_plain(&fm_remote_openai);

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        /* Half a body of status 200 is no reply. */
        fm_wire_reply wire = {.end = rows[i].end,
                              .status = 200,
                              .body = "{\"choices\"",
                              .size = 10,
                              .detail = "some\nwords"};
        fm_reply reply;

        fm_remote_read(remote, &wire, header_in, &replies, &reply);
        cr_expect(eq(int, reply.status, rows[i].status));
        cr_expect(eq(int, reply.retry, rows[i].retry));
        cr_expect(eq(str, (char *)reply.detail, "some words"));
        cr_expect(eq(sz, reply.size, 0));
    }
    fm_remote_close(remote);
}

Test(replies, a_key_that_a_server_repeats_goes_nowhere)
{
    static const char *const bodies[] = {
        "{\"error\": {\"message\": \"Incorrect API key provided: sk-canary-0123\"}}",
        "sk-canary-0123 sk-canary-0123",
        CHOICE("\"content\": \"you sent sk-\\u0063anary-0123!\"", "\"stop\""),
        CHOICE("\"content\": [{\"type\": \"text\", \"text\": \"sk-can\"}, {\"type\": \"text\", "
               "\"text\": \"ary-0123\"}]",
               "\"stop\""),
        CHOICE("\"content\": \"you sent sk-canary-0123!\"", "\"sk-canary-0123\""),
        "{\"id\": \"sk-canary-0123\", \"model\": \"sk-canary-0123\", \"choices\": [{\"message\": "
        "{\"content\": null, \"refusal\": \"sk-canary-0123\"}}]}",
    };
    const header headers[] = {{"x-request-id", "sk-canary-0123"}, {0}};

    setenv("OPENAI_API_KEY", "sk-canary-0123", 1);
    fm_remote *remote = remote_plain(&fm_remote_openai);
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
        for (int http = 200; http <= 401; http += 201) {
            fm_reply reply = read_reply(remote, http, bodies[i], headers);
            const char *texts[] = {reply.text, reply.detail, reply.finish_reason, reply.model,
                                   reply.request_id};

            for (size_t k = 0; k < sizeof(texts) / sizeof(texts[0]); k++)
                cr_expect(texts[k] == NULL || strstr(texts[k], "canary") == NULL, "%s", texts[k]);
        }
    fm_reply reply = read_reply(remote, 401, bodies[0], NULL);
    cr_expect(eq(str, (char *)reply.detail,
                 "HTTP 401: the key in OPENAI_API_KEY is refused; Incorrect API key provided: "
                 "<removed>"));
    fm_remote_close(remote);
}

Test(replies, a_word_that_stands_for_no_key_stays_in_the_text)
{
    setenv("OPENAI_API_KEY", "EMPTY", 1);
    fm_remote *remote = remote_plain(&fm_remote_openai);
    fm_reply reply =
        read_reply(remote, 200, CHOICE("\"content\": \"EMPTY table\"", "\"stop\""), NULL);

    cr_expect(eq(str, (char *)reply.text, "EMPTY table"));
    fm_remote_close(remote);
}

Test(replies, long_words_of_a_provider_are_cut)
{
    char body[4096];
    fm_remote *remote = remote_plain(&fm_remote_openai);

    snprintf(body, sizeof(body), "{\"error\": {\"message\": \"%01500d\"}}", 0);
    cr_expect(eq(sz, strlen(read_reply(remote, 500, body, NULL).detail), 300));
    fm_remote_close(remote);
}
