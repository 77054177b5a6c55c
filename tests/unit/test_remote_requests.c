/* adapters/remote: what is sent, byte by byte; what a sample lacks; what asking would take. */
#include "remote_fixture.h"

#include "base/text.h"
#include "support/scratch.h"

static const char png[] = "\x89PNG\r\n\x1a\nA";
#define PNG_BASE64 "iVBORw0KGgpB"
static const char jpeg[] = "\xff\xd8\xff\xe0";
#define JPEG_BASE64 "/9j/4A=="
static const fm_camera camera = {500, 501, 320, 240};
static const char *image, *depth;

static void make_files(void)
{
    static char paths[2][1024];

    forget_environment();
    scratch_make();
    snprintf(paths[0], sizeof(paths[0]), "%s", scratch_write("a.jpg", jpeg, sizeof(jpeg) - 1));
    snprintf(paths[1], sizeof(paths[1]), "%s", scratch_write("d.png", png, sizeof(png) - 1));
    image = paths[0];
    depth = paths[1];
}

TestSuite(requests, .init = make_files, .fini = scratch_remove);

static fm_request whole_request(void)
{
    return (fm_request){.id = "7",
                        .task = "t",
                        .prompt = "Where \"to\"?\n",
                        .image_path = image,
                        .depth_path = depth,
                        .camera = &camera,
                        .repeat = 1};
}

/* The body, checked to be as `expected`, and its spans to be the pictures in it. */
static void expect_request(fm_remote *remote, const fm_request *request, const char *url,
                           const char *expected)
{
    static const char *const pictures[] = {JPEG_BASE64, PNG_BASE64};
    fm_remote_message message;
    fm_err err = {0};

    cr_assert(eq(int, fm_remote_compose(remote, request, false, &message, &err), FM_OK), "%s",
              err.text);
    cr_expect(eq(str, (char *)fm_buf_text(&message.body), (char *)expected));
    cr_expect(eq(str, (char *)remote->url, (char *)url));
    for (size_t i = 0; i < message.n_spans; i++) {
        /* "data:...;base64," goes with the span: what is left of it is the picture. */
        const char *end = message.body.data + message.spans[i].offset + message.spans[i].size;
        size_t n = strlen(pictures[i]);

        cr_expect(eq(sz, message.spans[i].size, n));
        cr_expect_arr_eq(end - n, pictures[i], n);
    }
    fm_buf_release(&message.body);
    fm_remote_close(remote);
}

Test(requests, gemini_with_everything)
{
    fm_request request = whole_request();

    expect_request(
        remote_of(&fm_remote_gemini,
                  SETTINGS({"model", "gemini-2.5-flash"}, {"base_url", "http://h:1/"},
                           {"system", "Be brief"}, {"temperature", "0.5"}, {"top_p", "0.9"},
                           {"top_k", "40"}, {"seed", "7"}, {"max_output_tokens", "100"},
                           {"stop", "[\"a\", \"b\"]"}, {"thinking_budget", "-1"},
                           {"media_resolution", "high"}, {"response_format", "json"},
                           {"depth", "image"})),
        &request, "http://h:1/v1beta/models/gemini-2.5-flash:generateContent",
        "{\"systemInstruction\": {\"parts\": [{\"text\": \"Be brief\"}]}, \"generationConfig\": "
        "{\"temperature\": 0.5, \"topP\": 0.9, \"topK\": 40, \"seed\": 7, \"maxOutputTokens\": "
        "100, "
        "\"stopSequences\": [\"a\", \"b\"], \"mediaResolution\": \"MEDIA_RESOLUTION_HIGH\", "
        "\"responseMimeType\": \"application/json\", \"thinkingConfig\": {\"thinkingBudget\": "
        "-1}}, "
        "\"contents\": [{\"role\": \"user\", \"parts\": [{\"inlineData\": {\"mimeType\": "
        "\"image/jpeg\", \"data\": \"" JPEG_BASE64 "\"}}, {\"text\": \"" FM_REMOTE_DEPTH_NOTE
        "\"}, {\"inlineData\": {\"mimeType\": \"image/png\", \"data\": \"" PNG_BASE64
        "\"}}, {\"text\": \"Where \\\"to\\\"?\\n\"}]}]}");
}

Test(requests, gemini_with_what_is_new_since_3)
{
    fm_request request = whole_request();

    expect_request(
        remote_of(&fm_remote_gemini, SETTINGS({"model", "tuned/x"}, {"base_url", "http://h/v1"},
                                              {"temperature", "none"}, {"thinking_level", "low"},
                                              {"media_resolution", "ultra_high"})),
        &request, "http://h/v1/tuned/x:generateContent",
        "{\"generationConfig\": {\"thinkingConfig\": {\"thinkingLevel\": \"LOW\"}}, "
        "\"contents\": [{\"role\": \"user\", \"parts\": [{\"inlineData\": {\"mimeType\": "
        "\"image/jpeg\", \"data\": \"" JPEG_BASE64
        "\"}, \"mediaResolution\": {\"level\": \"MEDIA_RESOLUTION_ULTRA_HIGH\"}}, "
        "{\"text\": \"Where \\\"to\\\"?\\n\"}]}]}");
}

Test(requests, openai_with_everything)
{
    fm_request request = whole_request();

    request.repeat = 3; /* the seed goes on from 7 */
    expect_request(
        remote_of(&fm_remote_openai,
                  SETTINGS({"model", "m"}, {"base_url", "http://h/openai?api-version=1"},
                           {"system", "Be brief"}, {"temperature", "0.5"}, {"top_p", "1"},
                           {"seed", "7"}, {"max_output_tokens", "100"},
                           {"max_tokens_field", "max_tokens"}, {"stop", "END"},
                           {"reasoning_effort", "low"}, {"response_format", "json"},
                           {"detail", "high"}, {"depth", "image"})),
        &request, "http://h/openai/chat/completions?api-version=1",
        "{\"model\": \"m\", \"max_tokens\": 100, \"temperature\": 0.5, \"top_p\": 1, \"seed\": 9, "
        "\"stop\": [\"END\"], \"reasoning_effort\": \"low\", \"response_format\": {\"type\": "
        "\"json_object\"}, \"messages\": [{\"role\": \"system\", \"content\": \"Be brief\"}, "
        "{\"role\": \"user\", \"content\": [{\"type\": \"image_url\", \"image_url\": {\"url\": "
        "\"data:image/jpeg;base64," JPEG_BASE64 "\", \"detail\": \"high\"}}, {\"type\": \"text\", "
        "\"text\": \"" FM_REMOTE_DEPTH_NOTE "\"}, {\"type\": \"image_url\", \"image_url\": "
        "{\"url\": \"data:image/png;base64," PNG_BASE64 "\", \"detail\": \"high\"}}, {\"type\": "
        "\"text\", \"text\": \"Where \\\"to\\\"?\\n\"}]}]}");
}

Test(requests, openai_without_a_picture_is_plain_text)
{
    fm_request request = {.id = "7", .task = "t", .prompt = "Hi", .repeat = 1};

    expect_request(
        remote_of(&fm_remote_openai, SETTINGS({"model", "m"}, {"base_url", "http://h/v1/"})),
        &request, "http://h/v1/chat/completions",
        "{\"model\": \"m\", \"temperature\": 0, \"messages\": [{\"role\": \"user\", "
        "\"content\": \"Hi\"}]}");
}

Test(requests, openai_models_that_reason_get_no_temperature_by_default)
{
    fm_request request = {.id = "7", .task = "t", .prompt = "Hi", .repeat = 1};

    expect_request(remote_of(&fm_remote_openai, SETTINGS({"model", "m"}, {"base_url", "http://h"},
                                                         {"reasoning_effort", "high"})),
                   &request, "http://h/chat/completions",
                   "{\"model\": \"m\", \"reasoning_effort\": \"high\", \"messages\": [{\"role\": "
                   "\"user\", \"content\": \"Hi\"}]}");
}

Test(requests, anthropic_with_everything)
{
    fm_request request = whole_request();

    expect_request(
        remote_of(&fm_remote_anthropic,
                  SETTINGS({"model", "m"}, {"base_url", "http://h"}, {"system", "Be brief"},
                           {"top_p", "0.9"}, {"max_output_tokens", "4096"}, {"stop", "END"},
                           {"thinking_budget", "2048"}, {"effort", "max"}, {"depth", "image"})),
        &request, "http://h/v1/messages",
        "{\"model\": \"m\", \"max_tokens\": 4096, \"system\": \"Be brief\", \"thinking\": "
        "{\"type\": \"enabled\", \"budget_tokens\": 2048}, \"top_p\": 0.9, \"stop_sequences\": "
        "[\"END\"], \"output_config\": {\"effort\": \"max\"}, \"messages\": [{\"role\": \"user\", "
        "\"content\": [{\"type\": \"image\", \"source\": {\"type\": \"base64\", \"media_type\": "
        "\"image/jpeg\", \"data\": \"" JPEG_BASE64 "\"}}, {\"type\": \"text\", \"text\": "
        "\"" FM_REMOTE_DEPTH_NOTE "\"}, {\"type\": \"image\", \"source\": {\"type\": \"base64\", "
        "\"media_type\": \"image/png\", \"data\": \"" PNG_BASE64 "\"}}, {\"type\": \"text\", "
        "\"text\": \"Where \\\"to\\\"?\\n\"}]}]}");
}

Test(requests, anthropic_with_nothing)
{
    fm_request request = {.id = "7", .task = "t", .prompt = "Hi", .repeat = 1};

    expect_request(
        remote_of(&fm_remote_anthropic, SETTINGS({"model", "m"}, {"base_url", "http://h/v1"})),
        &request, "http://h/v1/messages",
        "{\"model\": \"m\", \"max_tokens\": 8192, \"temperature\": 0, \"messages\": "
        "[{\"role\": \"user\", \"content\": [{\"type\": \"text\", \"text\": \"Hi\"}]}]}");
}

Test(requests, robotracer_names_paths_by_variant)
{
    static const struct {
        const char *variant;
        int spatial;
        bool intrinsics, depth;
    } rows[] = {{"rgb", 0, false, false},
                {"spatial", 1, false, false},
                {"intrinsics", 1, true, false},
                {"intrinsics_depth", 1, true, true}};
    fm_request request = whole_request();

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char expected[4096], list[2048];

        snprintf(list, sizeof(list), "[\"%s\"]", depth);
        snprintf(expected, sizeof(expected),
                 "{\"enable_spatial\": %d, \"image_paths\": [\"%s\"], \"depth_z_paths\": %s, "
                 "\"intrinsics\": %s, \"text\": \"Where \\\"to\\\"?\\n\"}",
                 rows[i].spatial, image, rows[i].depth ? list : "null",
                 rows[i].intrinsics ? "[[500, 0, 320], [0, 501, 240], [0, 0, 1]]" : "null");
        expect_request(remote_of(&fm_remote_robotracer, SETTINGS({"variant", rows[i].variant})),
                       &request, "http://127.0.0.1:25547/query", expected);
    }
}

Test(requests, robotracer_carries_pictures_in_base64)
{
    fm_request request = whole_request();

    expect_request(remote_of(&fm_remote_robotracer, SETTINGS({"form", "base64"})), &request,
                   "http://127.0.0.1:25547/query",
                   "{\"enable_depth\": 0, \"image_url\": [\"" JPEG_BASE64
                   "\"], \"depth_url\": [], \"text\": \"Where \\\"to\\\"?\\n\"}");
    expect_request(
        remote_of(&fm_remote_robotracer, SETTINGS({"form", "base64"}, {"enable_depth", "1"})),
        &request, "http://127.0.0.1:25547/query",
        "{\"enable_depth\": 1, \"image_url\": [\"" JPEG_BASE64 "\"], \"depth_url\": [\"" PNG_BASE64
        "\"], \"text\": \"Where \\\"to\\\"?\\n\"}");
}

Test(requests, extra_body_is_merged)
{
    fm_request request = {.id = "7", .task = "t", .prompt = "Hi", .repeat = 1};

    expect_request(
        remote_of(&fm_remote_openai,
                  SETTINGS({"model", "m"}, {"base_url", "http://h"}, {"top_p", "0.5"},
                           {"extra_body", "{\"top_k\": 1, \"temperature\": null, \"top_p\": "
                                          "0.25, \"a\": {\"b\": [1, {}]}}"})),
        &request, "http://h/chat/completions",
        "{\"model\": \"m\", \"top_k\": 1, \"top_p\": 0.25, \"a\": {\"b\": [1, {}]}, \"messages\": "
        "[{\"role\": \"user\", \"content\": \"Hi\"}]}");
    expect_request(remote_of(&fm_remote_gemini,
                             SETTINGS({"model", "m"}, {"base_url", "http://h"},
                                      {"extra_body", "{\"generationConfig\": {\"x\": 1}}"})),
                   &request, "http://h/v1beta/models/m:generateContent",
                   "{\"generationConfig\": {\"temperature\": 0, \"x\": 1}, \"contents\": "
                   "[{\"role\": \"user\", \"parts\": [{\"text\": \"Hi\"}]}]}");
}

Test(requests, a_large_picture_joins_without_padding_inside)
{
    enum { SIZE = 100001 };
    static unsigned char bytes[SIZE];
    fm_buf expected = {0};
    fm_remote_message message;

    memcpy(bytes, png, 8);
    for (size_t i = 8; i < SIZE; i++)
        bytes[i] = (unsigned char)(i * 7 + i / 256);
    fm_base64_encode(&expected, bytes, SIZE);
    fm_request request = {.id = "7",
                          .task = "t",
                          .prompt = "Hi",
                          .image_path = scratch_write("large.png", bytes, SIZE),
                          .repeat = 1};
    fm_remote *remote = remote_plain(&fm_remote_gemini);
    cr_assert(eq(int, fm_remote_compose(remote, &request, false, &message, NULL), FM_OK));
    cr_assert(eq(sz, message.n_spans, 1));
    cr_assert(eq(sz, message.spans[0].size, expected.size));
    cr_expect_arr_eq(message.body.data + message.spans[0].offset, expected.data, expected.size);
    /* 4/3 of the picture, and some text: never twice as much. */
    cr_expect(lt(sz, message.body.capacity, SIZE * 4 / 3 + 8192));
    fm_buf_release(&message.body);
    fm_buf_release(&expected);
    fm_remote_close(remote);
}

/* ---- what cannot be asked ---- */

static fm_reply ask_once(fm_remote *remote, const fm_request *request)
{
    fm_arrival arrivals[4];
    size_t n = 0;

    cr_assert(eq(int, fm_remote_submit(remote, request, 42, NULL), FM_OK));
    cr_assert(eq(int, fm_remote_poll(remote, 0, arrivals, 4, &n, NULL), FM_OK));
    cr_assert(eq(sz, n, 1));
    cr_expect(eq(u64, arrivals[0].ticket, 42));
    return arrivals[0].reply;
}

Test(requests, of_a_sample_that_lacks_something_are_skipped_with_the_reason)
{
    fm_request request = whole_request();
    fm_remote *remote = remote_of(&fm_remote_robotracer, SETTINGS({"variant", "intrinsics_depth"}));

    request.depth_path = NULL;
    fm_reply reply = ask_once(remote, &request);
    cr_expect(eq(int, reply.status, FM_SAMPLE_SKIPPED));
    cr_expect(eq(int, reply.retry, FM_RETRY_NEVER));
    cr_expect(
        eq(str, (char *)reply.detail, "the sample has no depth map, which this variant needs"));
    request.camera = NULL;
    cr_expect(eq(str, (char *)ask_once(remote, &request).detail,
                 "the sample has no camera, which this variant needs"));
    request.image_path = NULL;
    cr_expect(eq(str, (char *)ask_once(remote, &request).detail, "the sample has no picture"));
    fm_remote_close(remote);
}

Test(requests, with_a_picture_that_cannot_be_sent_are_skipped)
{
    fm_remote *remote = remote_plain(&fm_remote_anthropic);
    fm_request request = whole_request();

    request.image_path = "/no/such.png";
    fm_reply reply = ask_once(remote, &request);
    cr_expect(eq(int, reply.status, FM_SAMPLE_SKIPPED));
    cr_expect(
        eq(str, (char *)reply.detail, "cannot open '/no/such.png': No such file or directory"));
    request.image_path = scratch_write("a.png", "<html>", 6);
    reply = ask_once(remote, &request);
    cr_expect(eq(int, reply.status, FM_SAMPLE_SKIPPED));
    cr_expect_not_null(strstr(reply.detail, "is no picture that 'anthropic' takes"));
    request.image_path = scratch_write("large.png", png, sizeof(png) - 1);
    cr_assert(eq(int, truncate(request.image_path, (5 << 20) + 1), 0));
    reply = ask_once(remote, &request);
    cr_expect(eq(int, reply.status, FM_SAMPLE_SKIPPED));
    cr_expect_not_null(strstr(reply.detail, "takes pictures up to 5.2 MB"), "%s", reply.detail);
    request.image_path = "/"; /* no picture, but no lack of the sample's either */
    cr_expect(eq(int, ask_once(remote, &request).status, FM_SAMPLE_API_ERROR));
    fm_remote_close(remote);
}

Test(requests, carry_all_pictures_in_order_before_the_text)
{
    const fm_remote_dialect *dialects[] = {&fm_remote_gemini, &fm_remote_openai,
                                           &fm_remote_anthropic};
    const char *more[] = {depth, image};
    fm_request request = whole_request();

    request.more_images = more;
    request.n_more_images = 2;
    for (size_t i = 0; i < sizeof(dialects) / sizeof(dialects[0]); i++) {
        fm_remote *remote = remote_plain(dialects[i]);
        fm_remote_message message;
        fm_err err = {0};

        cr_assert(eq(int, fm_remote_compose(remote, &request, false, &message, &err), FM_OK), "%s",
                  err.text);
        cr_expect(eq(sz, message.n_spans, 3));
        const char *body = fm_buf_text(&message.body), *first = strstr(body, JPEG_BASE64);
        const char *second = first ? strstr(first, PNG_BASE64) : NULL;
        const char *third = second ? strstr(second, JPEG_BASE64) : NULL;
        cr_expect(third && strstr(third, "Where \\\"to\\\""), "%s", body);
        fm_buf_release(&message.body);
        fm_remote_close(remote);
    }
}

Test(requests, that_were_not_sent_can_be_abandoned)
{
    fm_remote *remote = remote_plain(&fm_remote_robotracer);
    fm_request request = {.id = "7", .task = "t", .prompt = "Hi", .repeat = 1};
    fm_arrival arrivals[4];
    size_t n = 9;

    for (uint64_t ticket = 1; ticket <= 3; ticket++)
        cr_assert(eq(int, fm_remote_submit(remote, &request, ticket, NULL), FM_OK));
    fm_remote_abandon(remote, 2);
    cr_assert(eq(int, fm_remote_poll(remote, 0, arrivals, 1, &n, NULL), FM_OK));
    cr_expect(eq(sz, n, 1));
    cr_expect(eq(u64, arrivals[0].ticket, 1));
    cr_assert(eq(int, fm_remote_poll(remote, 0, arrivals, 4, &n, NULL), FM_OK));
    cr_expect(eq(sz, n, 1));
    cr_expect(eq(u64, arrivals[0].ticket, 3));
    cr_assert(eq(int, fm_remote_poll(remote, 0, arrivals, 4, &n, NULL), FM_OK));
    cr_expect(eq(sz, n, 0));
    fm_remote_close(remote);
}

/* ---- estimates ---- */

static fm_estimate estimate(fm_remote *remote, const fm_request *request)
{
    fm_estimate out = {0};

    cr_assert(eq(int, fm_remote_estimate(remote, request, &out, NULL), FM_OK));
    fm_remote_close(remote);
    return out;
}

#define OPENAI(...)                                                                                \
    remote_of(&fm_remote_openai, SETTINGS({"model", "m"}, {"base_url", "http://h"}, __VA_ARGS__))

Test(estimates, hash_what_determines_the_reply_and_nothing_else, .init = make_files,
     .fini = scratch_remove)
{
    fm_request request = whole_request(), other = request;
    fm_estimate base = estimate(OPENAI({"top_p", "1"}), &request), made;

    cr_assert(eq(sz, strlen(base.key), 64));
    setenv("OPENAI_API_KEY", "sk-canary-of-somebody", 1);
    setenv("OPENAI_ORG_ID", "org", 1);
    made = estimate(OPENAI({"top_p", "1"}, {"price_input", "3"}), &request);
    cr_expect(eq(str, made.key, base.key), "an account and a price determine nothing");
    made = estimate(OPENAI({"top_p", "1"}), &other);
    cr_expect(eq(str, made.key, base.key));
    other.id = "8";
    cr_expect(eq(str, estimate(OPENAI({"top_p", "1"}), &other).key, base.key),
              "the sample's name is not asked about");

    cr_expect(ne(str, estimate(OPENAI({"top_p", "0.5"}), &request).key, base.key));
    cr_expect(ne(str, estimate(remote_plain(&fm_remote_openai), &request).key, base.key));
    other.prompt = "Hi";
    cr_expect(ne(str, estimate(OPENAI({"top_p", "1"}), &other).key, base.key));
    other = request;
    other.repeat = 2;
    cr_expect(ne(str, estimate(OPENAI({"top_p", "1"}), &other).key, base.key));
    other = request;
    other.image_path = depth;
    cr_expect(ne(str, estimate(OPENAI({"top_p", "1"}), &other).key, base.key));
    /* The same bytes under another name are the same picture. */
    other.image_path = scratch_write("b.jpg", jpeg, sizeof(jpeg) - 1);
    cr_expect(eq(str, estimate(OPENAI({"top_p", "1"}), &other).key, base.key));
}

/* A value of each setting that is not the one the requests below are made with; NULL ends the table. */
static const fm_setting others[] = {
    {"base_url", "http://h2"},
    {"model", "n"},
    {"temperature", "0.5"},
    {"top_p", "0.5"},
    {"effort", "low"},
    {"top_k", "5"},
    {"system", "Be brief."},
    {"stop", "END"},
    {"depth", "image"},
    {"extra_body", "{\"a\": 1}"},
    {"max_output_tokens", "4000"},
    {"seed", "5"},
    {"thinking_budget", "2000"},
    {"thinking_level", "low"},
    {"media_resolution", "low"},
    {"response_format", "json"},
    {"reasoning_effort", "low"},
    {"detail", "low"},
    {"max_tokens_field", "max_tokens"},
    {"form", "paths"},
    {"variant", "intrinsics"},
    {"enable_depth", "1"},
    {"ca_file", NULL},
    {"key_env", "FM_TEST_KEY"},
    {"price_input", "1"},
    {"price_cached_input", "0.5"},
    {"price_output", "2"},
    {0},
};

static const fm_setting *other_value(const char *name)
{
    for (const fm_setting *s = others; s->key; s++)
        if (strcmp(s->key, name) == 0)
            return s;
    cr_fatal("a setting without a second value in this test: %s", name);
}

/* The settings with one of them changed or added. */
static const char *key_with(const fm_remote_dialect *dialect, const fm_setting *settings,
                            const fm_setting *change, const fm_request *request)
{
    static char keys[4][65];
    static unsigned turn;
    fm_setting all[8] = {0};
    size_t n = 0;
    bool there = false;

    for (; settings[n].key; n++) {
        all[n] = settings[n];
        if (change && strcmp(change->key, all[n].key) == 0) {
            all[n] = *change;
            there = true;
        }
    }
    if (change && !there)
        all[n] = *change;
    fm_estimate made = estimate(remote_of(dialect, all), request);
    cr_assert(eq(sz, strlen(made.key), 64));
    return strcpy(keys[turn++ % 4], made.key);
}

/* Of every adapter: all settings that may change a reply change the key, the others do not. */
Test(estimates, hash_every_setting_that_may_change_a_reply, .init = make_files,
     .fini = scratch_remove)
{
    static const fm_setting chat[] = {
        {"base_url", "http://h"}, {"model", "m"}, {"max_output_tokens", "3000"}, {0}};
    static const fm_setting base64[] = {{"base_url", "http://h"}, {"form", "base64"}, {0}};
    static const fm_setting paths[] = {{"base_url", "http://h"}, {"form", "paths"}, {0}};
    static const struct {
        const fm_remote_dialect *dialect;
        const fm_setting *settings;
    } rows[] = {{&fm_remote_gemini, chat},
                {&fm_remote_openai, chat},
                {&fm_remote_anthropic, chat},
                {&fm_remote_robotracer, base64}};
    fm_request request = whole_request(), other;

    setenv("FM_TEST_KEY", "canary", 1);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const fm_remote_dialect *d = rows[i].dialect;
        char base[65];

        strcpy(base, key_with(d, rows[i].settings, NULL, &request));
        cr_expect(eq(str, (char *)key_with(d, rows[i].settings, NULL, &request), base));
        for (const fm_adapter_option *o = d->ops->options; o->name; o++) {
            bool of_paths = strcmp(o->name, "variant") == 0;
            const fm_setting *change = other_value(o->name);

            if (!change->value)
                continue;
            const char *before = of_paths ? key_with(d, paths, NULL, &request) : base;
            const char *made = key_with(d, of_paths ? paths : rows[i].settings, change, &request);
            bool same = strcmp(made, before) == 0;

            cr_expect(same == o->operational, "%s: %s", d->ops->name, o->name);
        }
        other = request;
        other.prompt = "Hi";
        cr_expect(ne(str, (char *)key_with(d, rows[i].settings, NULL, &other), base));
        other = request;
        other.repeat = 2;
        cr_expect(ne(str, (char *)key_with(d, rows[i].settings, NULL, &other), base));
        other = request;
        other.image_path = scratch_write("c.jpg", "\xff\xd8\xff\xe1", 4);
        cr_expect(ne(str, (char *)key_with(d, rows[i].settings, NULL, &other), base));
        scratch_write("c.jpg", jpeg, sizeof(jpeg) - 1);
        cr_expect(eq(str, (char *)key_with(d, rows[i].settings, NULL, &other), base), "%s",
                  "the bytes count, not the name");
    }
}

Test(estimates, know_whether_a_reply_is_drawn, .init = make_files)
{
    fm_request request = {.id = "7", .task = "t", .prompt = "Hi", .repeat = 1};

    cr_expect(estimate(OPENAI({"top_p", "1"}), &request).sampled == false);
    cr_expect(estimate(OPENAI({"temperature", "0.1"}), &request).sampled);
    cr_expect(estimate(OPENAI({"temperature", "none"}), &request).sampled);
    cr_expect(estimate(OPENAI({"temperature", "1"}, {"seed", "1"}), &request).sampled == false);
    cr_expect(estimate(OPENAI({"extra_body", "{\"temperature\": 1}"}), &request).sampled);
    cr_expect(estimate(remote_plain(&fm_remote_gemini), &request).sampled == false);
}

Test(estimates, count_the_bytes_that_are_sent, .init = make_files, .fini = scratch_remove)
{
    fm_request request = whole_request();
    fm_remote *remote = OPENAI({"max_output_tokens", "77"}, {"depth", "image"});
    fm_remote_message message;

    cr_assert(eq(int, fm_remote_compose(remote, &request, false, &message, NULL), FM_OK));
    int64_t body = (int64_t)message.body.size;
    fm_buf_release(&message.body);
    fm_estimate made = estimate(remote, &request);
    cr_expect(ge(i64, made.request_bytes, body));
    cr_expect(le(i64, made.request_bytes, body + 512));
    cr_expect(eq(i64, made.output_tokens, 77));
    /* The pictures have no header that can be read: they count as 1024 by 1024, 4 tiles each. */
    cr_expect(ge(i64, made.input_tokens, 2 * (85 + 4 * 170)));
    cr_expect(le(i64, made.input_tokens, 2 * (85 + 4 * 170) + body / 4));
}

Test(estimates, of_what_cannot_be_asked_have_no_key, .init = make_files, .fini = scratch_remove)
{
    fm_request request = whole_request();

    request.image_path = "/no/such.png";
    fm_estimate made = estimate(OPENAI({"top_p", "1"}), &request);
    cr_expect(eq(str, made.key, ""));
    cr_expect(eq(i64, made.request_bytes, 0));
}
