/* mock: every provider's form, every fault as it is on the wire, and that the order of requests does
 * not matter. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "base/files.h"
#include "base/json.h"
#include "base/size.h"
#include "mock/server.h"
#include "support/http.h"
#include "support/scratch.h"
#include "wire/cassette.h"

TestSuite(mock, .init = scratch_make, .fini = scratch_remove);

enum { GEMINI, OPENAI, ANTHROPIC, ROBOTRACER, ROBOTRACER_BYTES, FORMS };

static const struct {
    const char *path, *body, *where; /* of the text, in the reply */
} forms[FORMS] = {
    [GEMINI] = {"/v1beta/models/some-model:generateContent",
                "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"inlineData\":{\"mimeType\":"
                "\"image/png\",\"data\":\"AAAA\"}},{\"text\":\"where to?\"}]}]}",
                "candidates.0.content.parts.0.text"},
    [OPENAI] = {"/v1/chat/completions",
                "{\"model\":\"some-model\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
                "\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,AAAA\"}},{\"type\":"
                "\"text\",\"text\":\"where to?\"}]}]}",
                "choices.0.message.content"},
    [ANTHROPIC] = {"/v1/messages",
                   "{\"model\":\"some-model\",\"max_tokens\":99,\"messages\":[{\"role\":\"user\","
                   "\"content\":[{\"type\":\"image\",\"source\":{\"type\":\"base64\","
                   "\"media_type\":\"image/png\",\"data\":\"AAAA\"}},{\"type\":\"text\",\"text\":"
                   "\"where to?\"}]}]}",
                   "content.0.text"},
    [ROBOTRACER] = {"/query",
                    "{\"image_paths\":[\"/a.png\"],\"depth_z_paths\":null,\"intrinsics\":null,"
                    "\"enable_spatial\":0,\"text\":\"where to?\"}",
                    "answer"},
    [ROBOTRACER_BYTES] = {"/query",
                          "{\"image_url\":[\"AAAA\"],\"depth_url\":[],\"enable_depth\":0,"
                          "\"text\":\"where to?\"}",
                          "answer"},
};

/* ---- tools ---- */

static fm_mock *start(const fm_mock_config *config)
{
    fm_mock *mock = NULL;
    fm_err err = {0};

    if (fm_mock_start(&mock, config, &err) != FM_OK)
        cr_fatal("no server: %s", err.text);
    return mock;
}

static http_reply ask_with(const fm_mock *mock, const char *path, const char *headers,
                           const char *body, double patience_s)
{
    http_reply reply = {0};
    int fd = http_connect(fm_mock_port(mock));

    if (fd < 0 || !http_post(fd, path, headers, body, strlen(body)))
        cr_fatal("cannot ask");
    http_read(fd, patience_s, &reply);
    close(fd);
    return reply;
}

static http_reply ask(const fm_mock *mock, int form)
{
    return ask_with(mock, forms[form].path, "", forms[form].body, 5);
}

static cJSON *json_of(const http_reply *reply)
{
    cJSON *tree = NULL;
    fm_err err = {0};

    if (fm_json_parse(reply->body, reply->body_size, "reply", &tree, &err) != FM_OK)
        cr_fatal("%s in '%s'", err.text, reply->body);
    return tree;
}

/* "candidates.0.content" */
static const cJSON *at(const cJSON *tree, const char *where)
{
    char name[64];

    while (tree && *where) {
        size_t n = strcspn(where, ".");

        snprintf(name, sizeof(name), "%.*s", (int)n, where);
        tree = cJSON_IsArray(tree) ? cJSON_GetArrayItem(tree, atoi(name)) : fm_json_get(tree, name);
        where += n + (where[n] == '.');
    }
    return tree;
}

static const char *text_at(const cJSON *tree, const char *where)
{
    const cJSON *item = at(tree, where);

    return cJSON_IsString(item) ? item->valuestring : "(no text)";
}

static double number_at(const cJSON *tree, const char *where)
{
    const cJSON *item = at(tree, where);

    return cJSON_IsNumber(item) ? item->valuedouble : -1;
}

/* ---- replies ---- */

Test(mock, every_provider_says_the_text_where_it_belongs)
{
    fm_mock *mock = start(&(fm_mock_config){.reply = "left, \"then\" up"});

    for (int form = 0; form < FORMS; form++) {
        http_reply reply = ask(mock, form);
        cJSON *tree = json_of(&reply);

        cr_expect(eq(int, reply.status, 200));
        cr_expect(eq(str, (char *)http_header(&reply, "Content-Type"), "application/json"));
        cr_expect(eq(str, (char *)text_at(tree, forms[form].where), "left, \"then\" up"));
        cJSON_Delete(tree);
        http_release(&reply);
    }
    fm_mock_stop(mock);
}

Test(mock, usage_is_stated_in_each_shape)
{
    /* "where to?" and its line end are 10 bytes, 3 tokens, and a picture is 258; the reply is 8
     * bytes, 2 tokens. */
    static const struct {
        int form;
        const char *input, *output, *finish, *word;
    } cases[] = {
        {GEMINI, "usageMetadata.promptTokenCount", "usageMetadata.candidatesTokenCount",
         "candidates.0.finishReason", "STOP"},
        {OPENAI, "usage.prompt_tokens", "usage.completion_tokens", "choices.0.finish_reason",
         "stop"},
        {ANTHROPIC, "usage.input_tokens", "usage.output_tokens", "stop_reason", "end_turn"},
    };
    fm_mock *mock = start(&(fm_mock_config){.reply = "12345678"});

    for (size_t i = 0; i < FM_COUNT_OF(cases); i++) {
        http_reply reply = ask(mock, cases[i].form);
        cJSON *tree = json_of(&reply);

        cr_expect(eq(dbl, number_at(tree, cases[i].input), 261));
        cr_expect(eq(dbl, number_at(tree, cases[i].output), 2));
        cr_expect(eq(str, (char *)text_at(tree, cases[i].finish), (char *)cases[i].word));
        cJSON_Delete(tree);
        http_release(&reply);
    }
    fm_mock_stop(mock);
}

Test(mock, thought_is_kept_apart_from_the_answer)
{
    static const struct {
        const char *path, *body, *thought, *text, *tokens;
        double expected;
    } cases[] = {
        {"/v1beta/models/m:generateContent",
         "{\"contents\":[{\"parts\":[{\"text\":\"x\"}]}],\"generationConfig\":{\"thinkingConfig\":"
         "{\"thinkingBudget\":100}}}",
         "candidates.0.content.parts.0.text", "candidates.0.content.parts.1.text",
         "usageMetadata.thoughtsTokenCount", 16},
        {"/v1/chat/completions",
         "{\"model\":\"m\",\"reasoning_effort\":\"low\",\"messages\":[{\"content\":\"x\"}]}",
         "choices.0.message.reasoning_content", "choices.0.message.content",
         "usage.completion_tokens_details.reasoning_tokens", 16},
        {"/v1/messages",
         "{\"model\":\"m\",\"max_tokens\":9,\"thinking\":{\"type\":\"enabled\"},\"messages\":[{"
         "\"content\":\"x\"}]}",
         "content.0.thinking", "content.1.text", "usage.output_tokens", 18},
    };
    fm_mock *mock = start(&(fm_mock_config){.reply = "12345678"});

    for (size_t i = 0; i < FM_COUNT_OF(cases); i++) {
        http_reply reply = ask_with(mock, cases[i].path, "", cases[i].body, 5);
        cJSON *tree = json_of(&reply);

        cr_expect(strlen(text_at(tree, cases[i].thought)) > 10, "%s", reply.body);
        cr_expect(eq(str, (char *)text_at(tree, cases[i].text), "12345678"));
        cr_expect(eq(dbl, number_at(tree, cases[i].tokens), cases[i].expected));
        cJSON_Delete(tree);
        http_release(&reply);
    }
    fm_mock_stop(mock);
}

Test(mock, the_first_line_that_fits_the_prompt_answers)
{
    static const char lines[] = "{\"contains\":\"cup\",\"text\":\"a\\u0000b\"}\n"
                                "\n"
                                "{\"contains\":\"where\",\"text\":\"there\"}\n"
                                "{\"contains\":\"where to\",\"text\":\"never\"}\n";
    fm_mock *mock;
    http_reply reply;

    cr_assert(fm_file_write_atomic(scratch_path("lines"), lines, strlen(lines), NULL) == FM_OK);
    mock = start(&(fm_mock_config){.replies_path = scratch_path("lines"), .reply = "otherwise"});
    reply = ask(mock, ROBOTRACER);
    cr_expect(eq(str, (char *)reply.body, "{\"answer\": \"there\"}"));
    http_release(&reply);
    reply = ask_with(mock, "/query", "", "{\"image_paths\":[],\"text\":\"a cup\"}", 5);
    cr_expect(eq(str, (char *)reply.body, "{\"answer\": \"a\\u0000b\"}"));
    http_release(&reply);
    reply = ask_with(mock, "/query", "", "{\"image_paths\":[],\"text\":\"a pan\"}", 5);
    cr_expect(eq(str, (char *)reply.body, "{\"answer\": \"otherwise\"}"));
    http_release(&reply);
    fm_mock_stop(mock);
}

Test(mock, what_a_provider_would_refuse_is_refused)
{
    static const struct {
        const char *path, *body;
        int status;
    } cases[] = {
        {"/v1/messages", "{\"model\":\"m\",\"messages\":[{\"content\":\"x\"}]}", 400},
        {"/v1/messages", "{\"max_tokens\":1,\"messages\":[{\"content\":\"x\"}]}", 400},
        {"/v1/messages", "{\"model\":\"m\",\"max_tokens\":1,\"messages\":[]}", 400},
        {"/v1/chat/completions", "{\"messages\":[{\"content\":\"x\"}]}", 400},
        {"/v1/chat/completions", "{\"model\":\"m\"}", 400},
        {"/v1/chat/completions", "{\"model\":\"m\"", 400},
        {"/v1/chat/completions", "", 400},
        {"/v1/chat/completions", "\"", 400},
        {"/v1beta/models/m:generateContent", "{}", 400},
        {"/v1beta/models/m:generateContent",
         "{\"contents\":[{\"parts\":[{\"inlineData\":{\"data\":\"AA\"}}]}]}", 400},
        {"/query", "{\"image_paths\":[]}", 400},
        {"/query", "{\"text\":\"x\"}", 400},
        {"/v1/completions", "{}", 404},
        {"/", "", 404},
    };
    fm_mock *mock = start(&(fm_mock_config){0});
    fm_mock_counts counts;

    for (size_t i = 0; i < FM_COUNT_OF(cases); i++) {
        http_reply reply = ask_with(mock, cases[i].path, "", cases[i].body, 5);
        cJSON *tree = json_of(&reply);

        cr_expect(reply.status == cases[i].status, "%s %s: %d", cases[i].path, cases[i].body,
                  reply.status);
        cr_expect(fm_json_get(tree, "error") != NULL, "%s", reply.body);
        cJSON_Delete(tree);
        http_release(&reply);
    }
    fm_mock_counts_read(mock, &counts);
    cr_expect(eq(u64, counts.requests, FM_COUNT_OF(cases)));
    cr_expect(eq(u64, counts.replies_ok, 0));
    fm_mock_stop(mock);
}

Test(mock, a_wrong_key_is_refused_as_the_provider_does)
{
    static const struct {
        const char *right, *wrong;
        int status;
    } cases[FORMS] = {
        [GEMINI] = {"x-goog-api-key: k1\r\n", "x-goog-api-key: k2\r\n", 400},
        [OPENAI] = {"Authorization: Bearer k1\r\n", "Authorization: Bearer k11\r\n", 401},
        [ANTHROPIC] = {"x-api-key: k1\r\n", "Authorization: Bearer k1\r\n", 401},
        [ROBOTRACER] = {"Authorization: Bearer k1\r\n", "", 401},
        [ROBOTRACER_BYTES] = {"Authorization: Bearer k1\r\n", "x-api-key: k1\r\n", 401},
    };
    fm_mock *mock = start(&(fm_mock_config){.require_key = "k1"});
    http_reply reply;

    for (int form = 0; form < FORMS; form++) {
        reply = ask_with(mock, forms[form].path, cases[form].right, forms[form].body, 5);
        cr_expect(eq(int, reply.status, 200));
        http_release(&reply);
        reply = ask_with(mock, forms[form].path, cases[form].wrong, forms[form].body, 5);
        cr_expect(eq(int, reply.status, cases[form].status));
        http_release(&reply);
    }
    reply = ask_with(mock, "/v1beta/models/m:generateContent?key=k1", "", forms[GEMINI].body, 5);
    cr_expect(eq(int, reply.status, 200));
    http_release(&reply);
    fm_mock_stop(mock);
}

/* ---- faults ---- */

static http_reply meet(fm_mock_fault fault, int form, double patience_s)
{
    fm_mock_config config = {.reply = "[(1, 2), (3, 4)]", .retry_after_s = 0.5};
    fm_mock_counts counts;
    fm_mock *mock;
    http_reply reply;

    config.rates[fault] = 1;
    mock = start(&config);
    reply = ask_with(mock, forms[form].path, "", forms[form].body, patience_s);
    /* Who has no patience is gone before the mock has read what was asked. */
    for (int i = 0; i < 500; i++) {
        fm_mock_counts_read(mock, &counts);
        if (counts.by_fault[fault] > 0)
            break;
        usleep(10000);
    }
    cr_expect(eq(u64, counts.requests, 1));
    cr_expect(eq(u64, counts.by_fault[fault], 1));
    fm_mock_stop(mock);
    return reply;
}

Test(mock, faults_of_the_wire_are_what_they_say)
{
    for (int form = 0; form < FORMS; form++) {
        http_reply reply = meet(FM_MOCK_RESET, form, 5);

        cr_expect(reply.end == HTTP_RESET && reply.raw.size == 0, "reset: %d", reply.end);
        http_release(&reply);

        reply = meet(FM_MOCK_TRUNCATED, form, 5);
        cr_expect(reply.end == HTTP_SHORT && reply.status == 200 &&
                      reply.body_size == reply.announced / 2 && reply.announced > 20,
                  "truncated: %d, %zu of %zu bytes", reply.end, reply.body_size, reply.announced);
        http_release(&reply);

        reply = meet(FM_MOCK_HANG, form, 0.02);
        cr_expect(reply.end == HTTP_TIMEOUT && reply.raw.size == 0, "hang: %d", reply.end);
        http_release(&reply);

        reply = meet(FM_MOCK_NO_BODY, form, 5);
        cr_expect(reply.end == HTTP_WHOLE && reply.status == 200 && reply.announced == 0);
        http_release(&reply);

        reply = meet(FM_MOCK_HTML, form, 5);
        cr_expect(reply.status == 502 && memcmp(reply.body, "<!DOCTYPE html>", 15) == 0);
        cr_expect(eq(str, (char *)http_header(&reply, "Content-Type"), "text/html"));
        http_release(&reply);

        reply = meet(FM_MOCK_HTML_200, form, 5);
        cr_expect(reply.status == 200 && memcmp(reply.body, "<!DOCTYPE html>", 15) == 0);
        http_release(&reply);

        reply = meet(FM_MOCK_WRONG_TYPE, form, 5);
        cr_expect(reply.end == HTTP_WHOLE && reply.status == 200 && reply.body[0] == '{');
        cr_expect(fm_json_parse(reply.body, reply.body_size, "", &(cJSON *){NULL}, NULL) ==
                  FM_E_INPUT);
        cr_expect(eq(str, (char *)http_header(&reply, "Content-Type"), "text/plain"));
        http_release(&reply);
    }
}

Test(mock, a_slow_reply_drips)
{
    http_reply reply = meet(FM_MOCK_SLOW, OPENAI, 0.6);

    cr_expect(reply.end == HTTP_TIMEOUT && reply.status == 200 && reply.body_size >= 2 &&
                  reply.body_size <= 4 && reply.announced > 100,
              "%d, %zu of %zu bytes", reply.end, reply.body_size, reply.announced);
    http_release(&reply);
}

Test(mock, faults_speak_the_provider_s_words)
{
    static const struct {
        fm_mock_fault fault;
        int form, status;
        const char *where, *word; /* in the reply; word NULL: no text may stand there */
    } cases[] = {
        {FM_MOCK_429, GEMINI, 429, "error.status", "RESOURCE_EXHAUSTED"},
        {FM_MOCK_429, GEMINI, 429, "error.details", NULL},
        {FM_MOCK_429_AFTER, GEMINI, 429, "error.details.0.violations.0.quotaId",
         "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"},
        {FM_MOCK_429_AFTER, GEMINI, 429, "error.details.1.retryDelay", "0.5s"},
        {FM_MOCK_429_DAILY, GEMINI, 429, "error.details.0.violations.0.quotaId",
         "GenerateRequestsPerDayPerProjectPerModel-FreeTier"},
        {FM_MOCK_500, GEMINI, 500, "error.status", "INTERNAL"},
        {FM_MOCK_503, GEMINI, 503, "error.status", "UNAVAILABLE"},
        {FM_MOCK_EMPTY, GEMINI, 200, "candidates.0.finishReason", "STOP"},
        {FM_MOCK_EMPTY, GEMINI, 200, "candidates.0.content.parts", NULL},
        {FM_MOCK_UNKNOWN_FINISH, GEMINI, 200, "candidates.0.finishReason", "stars_not_aligned"},
        {FM_MOCK_UNKNOWN_FINISH, GEMINI, 200, "candidates.0.content.parts", NULL},
        {FM_MOCK_CUT, GEMINI, 200, "candidates.0.finishReason", "MAX_TOKENS"},
        {FM_MOCK_CUT, GEMINI, 200, "candidates.0.content.parts.0.text", "[(1, 2),"},
        {FM_MOCK_REFUSAL, GEMINI, 200, "promptFeedback.blockReason", "SAFETY"},
        {FM_MOCK_REFUSAL, GEMINI, 200, "candidates", NULL},

        {FM_MOCK_429, OPENAI, 429, "error.code", "rate_limit_exceeded"},
        {FM_MOCK_429_AFTER, OPENAI, 429, "error.code", "rate_limit_exceeded"},
        {FM_MOCK_429_DAILY, OPENAI, 429, "error.code", "insufficient_quota"},
        {FM_MOCK_500, OPENAI, 500, "error.type", "server_error"},
        {FM_MOCK_503, OPENAI, 503, "error.type", "server_error"},
        {FM_MOCK_EMPTY, OPENAI, 200, "choices.0.message.content", ""},
        {FM_MOCK_UNKNOWN_FINISH, OPENAI, 200, "choices.0.finish_reason", "stars_not_aligned"},
        {FM_MOCK_CUT, OPENAI, 200, "choices.0.finish_reason", "length"},
        {FM_MOCK_CUT, OPENAI, 200, "choices.0.message.content", "[(1, 2),"},
        {FM_MOCK_REFUSAL, OPENAI, 200, "choices.0.message.refusal",
         "I'm sorry, but I can't help with that."},

        {FM_MOCK_429, ANTHROPIC, 429, "error.type", "rate_limit_error"},
        {FM_MOCK_429_AFTER, ANTHROPIC, 429, "error.type", "rate_limit_error"},
        {FM_MOCK_429_DAILY, ANTHROPIC, 429, "error.type", "rate_limit_error"},
        {FM_MOCK_500, ANTHROPIC, 500, "error.type", "api_error"},
        {FM_MOCK_503, ANTHROPIC, 529, "error.type", "overloaded_error"},
        {FM_MOCK_EMPTY, ANTHROPIC, 200, "stop_reason", "end_turn"},
        {FM_MOCK_EMPTY, ANTHROPIC, 200, "content.0", NULL},
        {FM_MOCK_UNKNOWN_FINISH, ANTHROPIC, 200, "stop_reason", "stars_not_aligned"},
        {FM_MOCK_CUT, ANTHROPIC, 200, "stop_reason", "max_tokens"},
        {FM_MOCK_CUT, ANTHROPIC, 200, "content.0.text", "[(1, 2),"},
        {FM_MOCK_REFUSAL, ANTHROPIC, 200, "stop_reason", "refusal"},

        {FM_MOCK_429, ROBOTRACER, 429, "error", "too many requests"},
        {FM_MOCK_500, ROBOTRACER, 500, "error", "internal error"},
        {FM_MOCK_503, ROBOTRACER, 503, "error", "overloaded"},
        {FM_MOCK_EMPTY, ROBOTRACER, 200, "answer", ""},
        {FM_MOCK_CUT, ROBOTRACER_BYTES, 200, "answer", "[(1, 2),"},
        {FM_MOCK_UNKNOWN_FINISH, ROBOTRACER_BYTES, 200, "result", NULL},
    };

    for (size_t i = 0; i < FM_COUNT_OF(cases); i++) {
        http_reply reply = meet(cases[i].fault, cases[i].form, 5);
        cJSON *tree = json_of(&reply);
        const cJSON *item = at(tree, cases[i].where);

        cr_expect(reply.status == cases[i].status, "case %zu: %d", i, reply.status);
        if (cases[i].word)
            cr_expect(eq(str, (char *)text_at(tree, cases[i].where), (char *)cases[i].word));
        else
            cr_expect(item == NULL || cJSON_IsNumber(item), "%s stands in %s", cases[i].where,
                      reply.body);
        cJSON_Delete(tree);
        http_release(&reply);
    }
}

Test(mock, headers_say_when_to_come_back)
{
    static const struct {
        fm_mock_fault fault;
        int form;
        const char *name, *value; /* NULL: no such header */
    } cases[] = {
        {FM_MOCK_429, OPENAI, "retry-after", NULL},
        {FM_MOCK_429, ANTHROPIC, "retry-after", NULL},
        {FM_MOCK_429, OPENAI, "x-ratelimit-reset-requests", NULL},
        {FM_MOCK_429_AFTER, OPENAI, "retry-after", "1"},
        {FM_MOCK_429_AFTER, OPENAI, "retry-after-ms", "500"},
        {FM_MOCK_429_AFTER, OPENAI, "x-ratelimit-remaining-requests", "0"},
        {FM_MOCK_429_AFTER, OPENAI, "x-ratelimit-reset-requests", "500ms"},
        {FM_MOCK_429_AFTER, ANTHROPIC, "retry-after", "0.5"},
        {FM_MOCK_429_AFTER, ANTHROPIC, "anthropic-ratelimit-requests-remaining", "0"},
        {FM_MOCK_429_AFTER, ROBOTRACER, "retry-after", "0.5"},
        {FM_MOCK_429_DAILY, ANTHROPIC, "retry-after", "43200"},
        {FM_MOCK_429_DAILY, ROBOTRACER, "retry-after", "43200"},
    };

    for (size_t i = 0; i < FM_COUNT_OF(cases); i++) {
        http_reply reply = meet(cases[i].fault, cases[i].form, 5);
        const char *value = http_header(&reply, cases[i].name);

        cr_expect(cases[i].value ? value && strcmp(value, cases[i].value) == 0 : !value, "%s: %s",
                  cases[i].name, value ? value : "(none)");
        http_release(&reply);
    }
}

Test(mock, the_names_of_faults_read_back)
{
    fm_mock_fault fault = FM_MOCK_HANG;

    for (int i = 0; i < FM_MOCK_FAULTS; i++) {
        cr_expect(fm_mock_fault_from_name(fm_mock_fault_name((fm_mock_fault)i), &fault));
        cr_expect(eq(int, (int)fault, i));
    }
    cr_expect(fm_mock_fault_from_name("429 ", &fault) == false);
}

/* ---- which request meets which ---- */

enum { BODIES = 60, ROUNDS = 3 };

/* Which of the askings failed, by body and round, with the bodies asked in a given order. */
static void askings(uint64_t seed, bool backwards, int out[BODIES][ROUNDS])
{
    fm_mock_config config = {.seed = seed};
    fm_mock *mock;
    int fd;

    config.rates[FM_MOCK_500] = 0.25;
    config.rates[FM_MOCK_503] = 0.25;
    mock = start(&config);
    fd = http_connect(fm_mock_port(mock));
    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < BODIES; i++) {
            int which = backwards ? BODIES - 1 - i : i;
            char body[64];
            http_reply reply;

            snprintf(body, sizeof(body), "{\"image_paths\":[],\"text\":\"%d\"}", which);
            cr_assert(http_post(fd, "/query", "", body, strlen(body)));
            http_read(fd, 5, &reply);
            cr_assert(reply.end == HTTP_WHOLE);
            out[which][round] = reply.status;
            http_release(&reply);
        }
    close(fd);
    fm_mock_stop(mock);
}

Test(mock, faults_depend_on_seed_body_and_repeat_alone)
{
    static int first[BODIES][ROUNDS], again[BODIES][ROUNDS], other[BODIES][ROUNDS];
    int failed = 0, changed_by_round = 0, changed_by_seed = 0;

    askings(1, false, first);
    askings(1, true, again);
    askings(2, false, other);
    cr_expect(memcmp(first, again, sizeof(first)) == 0, "the order of requests matters");
    for (int i = 0; i < BODIES; i++) {
        for (int round = 0; round < ROUNDS; round++) {
            failed += first[i][round] != 200;
            changed_by_seed += first[i][round] != other[i][round];
        }
        changed_by_round += first[i][0] != first[i][1];
    }
    cr_expect(failed > 60 && failed < 120, "%d of 180 failed", failed);
    cr_expect(changed_by_round > 10, "a repeat meets the same: %d", changed_by_round);
    cr_expect(changed_by_seed > 30, "the seed changes %d", changed_by_seed);
}

Test(mock, more_requests_than_the_rate_are_told_to_wait)
{
    fm_mock *mock = start(&(fm_mock_config){.requests_per_second = 5});
    fm_mock_counts counts;
    int fd = http_connect(fm_mock_port(mock)), served = 0;

    for (int i = 0; i < 20; i++) {
        http_reply reply;

        cr_assert(
            http_post(fd, forms[OPENAI].path, "", forms[OPENAI].body, strlen(forms[OPENAI].body)));
        http_read(fd, 5, &reply);
        served += reply.status == 200;
        if (i == 0)
            cr_expect(eq(str, (char *)http_header(&reply, "x-ratelimit-limit-requests"), "5"));
        http_release(&reply);
    }
    fm_mock_counts_read(mock, &counts);
    cr_expect(served >= 5 && served <= 8, "%d were served", served);
    cr_expect(eq(u64, counts.by_fault[FM_MOCK_429_AFTER], (uint64_t)(20 - served)));
    cr_expect(eq(u64, counts.replies_ok, (uint64_t)served));
    close(fd);
    fm_mock_stop(mock);
}

Test(mock, latency_is_kept)
{
    fm_mock *mock = start(&(fm_mock_config){.latency_s = 0.03, .latency_jitter_s = 0.02});
    double started = fm_clock_seconds(), took;
    http_reply reply = ask(mock, OPENAI);

    took = fm_clock_seconds() - started;
    cr_expect(took >= 0.03, "%g s", took);
    cr_expect(eq(int, reply.status, 200));
    http_release(&reply);
    fm_mock_stop(mock);
}

/* ---- hostile clients ---- */

Test(mock, bodies_are_bounded)
{
    size_t size = ((size_t)64 << 20) + 100;
    char *body = malloc(size);
    fm_mock *mock = start(&(fm_mock_config){0});
    http_reply reply;
    int fd = http_connect(fm_mock_port(mock));

    cr_assert(body != NULL);
    memset(body, 'A', size);
    memcpy(body, "{\"text\":\"x\",\"image_url\":[\"", 26);
    memcpy(body + ((size_t)20 << 20) - 3, "\"]}", 3);
    cr_assert(http_post(fd, "/query", "", body, (size_t)20 << 20));
    http_read(fd, 5, &reply);
    cr_expect(eq(int, reply.status, 200));
    http_release(&reply);
    cr_assert(http_post(fd, "/query", "", body, size));
    http_read(fd, 5, &reply);
    cr_expect(eq(int, reply.status, 413));
    http_release(&reply);
    close(fd);
    free(body);
    fm_mock_stop(mock);
}

Test(mock, garbage_slow_and_silent_clients_harm_nobody)
{
    static const char *const garbage[] = {
        "GET",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03",
        "POST /query HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        "POST /query HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n{",
        "POST /query HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "POST /%00%ff?key=%zz HTTP/9.9\r\n\r\n\r\n\r\n",
        "POST /query HTTP/1.1\r\nHost: m\r\nContent-Length: 100\r\n\r\n{\"text\":\"half",
    };
    enum { SILENT = 300 };
    fm_mock *mock = start(&(fm_mock_config){.log_path = scratch_path("log")});
    int fds[SILENT];
    http_reply reply;

    for (int i = 0; i < SILENT; i++) {
        const char *bytes = garbage[(size_t)i % FM_COUNT_OF(garbage)];

        fds[i] = http_connect(fm_mock_port(mock));
        cr_assert(fds[i] >= 0, "connection %d", i);
        cr_assert(http_send(fds[i], bytes, strlen(bytes)));
    }
    for (int form = 0; form < FORMS; form++) {
        reply = ask(mock, form);
        cr_expect(eq(int, reply.status, 200));
        http_release(&reply);
    }
    for (int i = 0; i < SILENT; i += 2)
        close(fds[i]);
    reply = ask(mock, GEMINI);
    cr_expect(eq(int, reply.status, 200));
    http_release(&reply);
    fm_mock_stop(mock); /* with half of them still there */
    for (int i = 1; i < SILENT; i += 2)
        close(fds[i]);
}

Test(mock, stopping_ends_what_waits)
{
    fm_mock_config config = {.latency_s = 3600};
    http_reply reply;
    fm_mock *mock = start(&config);
    int waiting = http_connect(fm_mock_port(mock)), hanging, dripping;

    cr_assert(
        http_post(waiting, forms[OPENAI].path, "", forms[OPENAI].body, strlen(forms[OPENAI].body)));
    http_read(waiting, 0.03, &reply);
    cr_expect(reply.end == HTTP_TIMEOUT);
    http_release(&reply);
    fm_mock_stop(mock);

    config = (fm_mock_config){0};
    config.rates[FM_MOCK_HANG] = config.rates[FM_MOCK_SLOW] = 0.5;
    mock = start(&config);
    hanging = http_connect(fm_mock_port(mock));
    dripping = http_connect(fm_mock_port(mock));
    for (int i = 0; i < FORMS; i++) {
        cr_assert(http_post(i % 2 ? hanging : dripping, forms[i].path, "", forms[i].body,
                            strlen(forms[i].body)));
        http_read(hanging, 0.01, &reply);
        http_release(&reply);
    }
    fm_mock_stop(mock);
    close(waiting);
    close(hanging);
    close(dripping);
}

/* ---- cassettes ---- */

static void record(fm_cassette *cassette, const char *url, const char *body, fm_wire_end end,
                   int status, const char *reply)
{
    static const fm_wire_header headers[] = {{"Content-Type", "application/json", false},
                                             {"x-request-id", "seven", false}};
    fm_err err = {0};

    if (fm_cassette_add(cassette, &(fm_wire_request){.method = "POST", .url = url}, body,
                        strlen(body),
                        &(fm_cassette_reply){.end = end,
                                             .status = status,
                                             .headers = headers,
                                             .n_headers = end == FM_WIRE_DONE ? 2 : 0,
                                             .body = reply,
                                             .size = reply ? strlen(reply) : 0},
                        &err) != FM_OK)
        cr_fatal("%s", err.text);
}

Test(mock, a_cassette_is_served_in_its_order)
{
    const char *body = forms[OPENAI].body;
    fm_cassette *cassette = NULL;
    http_reply reply;
    char path[FM_PATH_BYTES];
    fm_mock *mock;

    snprintf(path, sizeof(path), "%s", scratch_path("cassette"));
    cr_assert(fm_cassette_record(&cassette, path, NULL) == FM_OK);
    record(cassette, "https://api.example.com/v1/chat/completions", body, FM_WIRE_DONE, 503, "{}");
    record(cassette, "https://api.example.com/v1/chat/completions", body, FM_WIRE_BROKEN, 0, NULL);
    record(cassette, "https://api.example.com/v1/chat/completions", body, FM_WIRE_DONE, 200, "[7]");
    record(cassette, "https://api.example.com/v1/chat/completions", body, FM_WIRE_TIMEOUT, 0, NULL);
    record(cassette, "https://api.example.com/elsewhere?a=b", "x", FM_WIRE_DONE, 201, "there");
    cr_assert(fm_cassette_close(cassette, NULL) == FM_OK);

    mock = start(&(fm_mock_config){.cassette_path = path});
    reply = ask(mock, OPENAI);
    cr_expect(reply.status == 503 && strcmp(reply.body, "{}") == 0);
    http_release(&reply);
    reply = ask(mock, OPENAI);
    cr_expect(reply.end == HTTP_RESET);
    http_release(&reply);
    reply = ask(mock, OPENAI);
    cr_expect(reply.status == 200 && strcmp(reply.body, "[7]") == 0);
    cr_expect(eq(str, (char *)http_header(&reply, "x-request-id"), "seven"));
    http_release(&reply);
    reply = ask_with(mock, forms[OPENAI].path, "", body, 0.02);
    cr_expect(reply.end == HTTP_TIMEOUT && reply.raw.size == 0);
    http_release(&reply);
    reply = ask(mock, OPENAI);
    cr_expect(reply.status == 404 && strstr(reply.body, "no further reply") != NULL);
    http_release(&reply);
    reply = ask_with(mock, "/elsewhere?a=b", "", "x", 5);
    cr_expect(reply.status == 201 && strcmp(reply.body, "there") == 0);
    http_release(&reply);
    fm_mock_stop(mock);
}

Test(mock, a_cassette_meets_faults_too)
{
    fm_mock_config config = {.cassette_path = NULL};
    fm_cassette *cassette = NULL;
    http_reply reply;
    char path[FM_PATH_BYTES];
    fm_mock *mock;

    snprintf(path, sizeof(path), "%s", scratch_path("cassette"));
    cr_assert(fm_cassette_record(&cassette, path, NULL) == FM_OK);
    record(cassette, "http://h/query", forms[ROBOTRACER].body, FM_WIRE_DONE, 200, "12345678");
    cr_assert(fm_cassette_close(cassette, NULL) == FM_OK);
    config.cassette_path = path;
    config.rates[FM_MOCK_WRONG_TYPE] = 1;
    mock = start(&config);
    reply = ask(mock, ROBOTRACER);
    cr_expect(eq(str, (char *)reply.body, "1234"));
    cr_expect(eq(str, (char *)http_header(&reply, "Content-Type"), "text/plain"));
    http_release(&reply);
    fm_mock_stop(mock);
}

/* ---- log and configuration ---- */

Test(mock, the_log_holds_bodies_and_no_keys)
{
    fm_mock_config config = {.log_path = scratch_path("log")};
    fm_mock *mock;
    fm_buf log = {0};
    http_reply reply;
    char path[FM_PATH_BYTES];

    config.rates[FM_MOCK_500] = 1;
    snprintf(path, sizeof(path), "%s", scratch_path("log"));
    config.log_path = path;
    mock = start(&config);
    reply = ask_with(mock, "/v1beta/models/m:generateContent?key=CANARY",
                     "x-goog-api-key: CANARY\r\nx-api-key: CANARY\r\n"
                     "Authorization: Bearer CANARY\r\nX-Other: seen\r\n",
                     forms[GEMINI].body, 5);
    http_release(&reply);
    fm_mock_stop(mock);
    cr_assert(fm_file_read(path, 1 << 20, &log, NULL) == FM_OK);

    cJSON *line = NULL;
    cr_assert(fm_json_parse(log.data, log.size, "log", &line, NULL) == FM_OK);
    cr_expect(eq(str, (char *)text_at(line, "body"), (char *)forms[GEMINI].body));
    cr_expect(eq(str, (char *)text_at(line, "path"), "/v1beta/models/m:generateContent"));
    cr_expect(eq(str, (char *)text_at(line, "headers.X-Other"), "seen"));
    cr_expect(eq(str, (char *)text_at(line, "headers.x-api-key"), "<removed>"));
    cr_expect(eq(str, (char *)text_at(line, "fault"), "500"));
    cr_expect(eq(dbl, number_at(line, "status"), 500));
    cr_expect(strstr(fm_buf_text(&log), "CANARY") == NULL, "%s", fm_buf_text(&log));
    cJSON_Delete(line);
    fm_buf_release(&log);
}

Test(mock, a_bad_configuration_is_refused)
{
    fm_mock_config config = {0};
    fm_mock *mock = NULL, *first;
    fm_err err = {0};

    config.rates[FM_MOCK_RESET] = config.rates[FM_MOCK_HANG] = 0.6;
    cr_expect(fm_mock_start(&mock, &config, &err) == FM_E_USAGE);
    cr_expect(eq(str, err.text, "the rates of the faults add up to 1.2, more than 1"));
    config = (fm_mock_config){.rates = {[FM_MOCK_HANG] = -0.1}};
    cr_expect(fm_mock_start(&mock, &config, &err) == FM_E_USAGE);
    cr_expect(eq(str, err.text, "the rate of fault 'hang' is not from 0 to 1"));
    config = (fm_mock_config){.address = "localhost"};
    cr_expect(fm_mock_start(&mock, &config, &err) == FM_E_USAGE);
    config = (fm_mock_config){.cert_path = "x"};
    cr_expect(fm_mock_start(&mock, &config, &err) == FM_E_USAGE);
    config = (fm_mock_config){.replies_path = "/is/not/there"};
    cr_expect(fm_mock_start(&mock, &config, &err) == FM_E_IO);
    first = start(&(fm_mock_config){0});
    config = (fm_mock_config){.port = fm_mock_port(first)};
    cr_expect(fm_mock_start(&mock, &config, &err) == FM_E_IO);
    cr_expect(strstr(err.text, "Address already in use") != NULL, "%s", err.text);
    fm_mock_stop(first);
    fm_mock_stop(NULL);
    cr_expect(mock == NULL);
}

Test(mock, a_bad_line_of_replies_is_named)
{
    static const char lines[] = "{\"contains\":\"a\",\"text\":\"b\"}\n{\"contains\":\"a\"}\n";
    char path[FM_PATH_BYTES];
    fm_mock *mock = NULL;
    fm_err err = {0};

    snprintf(path, sizeof(path), "%s", scratch_path("lines"));
    cr_assert(fm_file_write_atomic(path, lines, strlen(lines), NULL) == FM_OK);
    cr_expect(fm_mock_start(&mock, &(fm_mock_config){.replies_path = path}, &err) == FM_E_INPUT);
    cr_expect(strstr(err.text, "lines:2: ") != NULL, "%s", err.text);
}
