/* adapters/remote: settings that are refused, where keys come from and where they do not go. */
#include "remote_fixture.h"

TestSuite(settings, .init = forget_environment);
TestSuite(keys, .init = forget_environment);

#define MODEL                                                                                      \
    {                                                                                              \
        "model", "m"                                                                               \
    }
#define THERE                                                                                      \
    {                                                                                              \
        "base_url", "http://127.0.0.1:9"                                                           \
    }

static void expect_refused(const fm_remote_dialect *dialect, const fm_setting *settings,
                           const char *message)
{
    fm_remote *remote;
    fm_err err = {0};

    cr_assert(eq(int, remote_try(dialect, settings, &remote, &err), FM_E_USAGE), "instead of: %s",
              message);
    cr_expect(eq(str, err.text, (char *)message));
}

Test(settings, that_make_no_sense_are_refused_with_one_line)
{
    static const struct {
        const fm_remote_dialect *dialect;
        fm_setting settings[5];
        const char *message;
    } rows[] = {
        {&fm_remote_openai, {THERE}, "adapter 'openai' needs a model: --model NAME"},
        {&fm_remote_openai,
         {MODEL, THERE, {"temperature", "hot"}},
         "setting 'temperature' wants a number from 0 to 2, not 'hot'"},
        {&fm_remote_openai,
         {MODEL, THERE, {"temperature", "2.1"}},
         "setting 'temperature' wants a number from 0 to 2, not '2.1'"},
        {&fm_remote_anthropic,
         {MODEL, THERE, {"temperature", "1.5"}},
         "setting 'temperature' wants a number from 0 to 1, not '1.5'"},
        {&fm_remote_openai,
         {MODEL, THERE, {"max_output_tokens", "10.5"}},
         "setting 'max_output_tokens' wants a whole number from 1 to 10000000, not '10.5'"},
        {&fm_remote_openai,
         {MODEL, THERE, {"seed", "-1"}},
         "setting 'seed' wants a whole number from 0 to 2147483647, not '-1'"},
        {&fm_remote_openai,
         {MODEL, THERE, {"detail", "fine"}},
         "setting 'detail' wants low, high or auto, not 'fine'"},
        {&fm_remote_openai,
         {MODEL, THERE, {"depth", "yes"}},
         "setting 'depth' wants none or image, not 'yes'"},
        {&fm_remote_openai,
         {MODEL, THERE, {"price_input", "-1"}},
         "setting 'price_input' wants a number from 0 to 1000000000, not '-1'"},
        {&fm_remote_openai,
         {MODEL, THERE, {"extra_body", "[1]"}},
         "setting 'extra_body' is no JSON object: '[1]'"},
        {&fm_remote_openai,
         {MODEL, THERE, {"extra_body", "{\"a\""}},
         "setting 'extra_body' is no JSON object: '{\"a\"'"},
        {&fm_remote_openai,
         {MODEL, THERE, {"extra_body", "{\"messages\": []}"}},
         "setting 'extra_body' may not hold 'messages'"},
        {&fm_remote_gemini,
         {MODEL, THERE, {"extra_body", "{\"contents\": []}"}},
         "setting 'extra_body' may not hold 'contents'"},
        {&fm_remote_openai,
         {MODEL, THERE, {"extra_body", "{\"stream\": true}"}},
         "setting 'extra_body' may not hold 'stream'"},
        {&fm_remote_openai,
         {MODEL, THERE, {"stop", "[1]"}},
         "setting 'stop' wants one to four texts, not '[1]'"},
        {&fm_remote_openai,
         {MODEL, THERE, {"stop", "[\"a\""}},
         "setting 'stop' is no JSON list: '[\"a\"'"},
        {&fm_remote_openai,
         {MODEL, THERE, {"stop", "[\"a\",\"b\",\"c\",\"d\",\"e\"]"}},
         "setting 'stop' wants one to four texts, not '[\"a\",\"b\",\"c\",\"d\",\"e\"]'"},
        {&fm_remote_gemini,
         {{"model", "a/../b"}, THERE},
         "setting 'model' is no name of a model: 'a/../b'"},
        {&fm_remote_gemini,
         {{"model", "m?key=x"}, THERE},
         "setting 'model' is no name of a model: 'm?key=x'"},
        {&fm_remote_gemini,
         {MODEL, THERE, {"thinking_budget", "1"}, {"thinking_level", "low"}},
         "set thinking_budget (models 2.5) or thinking_level (since 3), not both"},
        {&fm_remote_gemini,
         {MODEL, THERE, {"thinking_level", "deep"}},
         "setting 'thinking_level' wants minimal, low, medium or high, not 'deep'"},
        {&fm_remote_anthropic,
         {MODEL, THERE, {"thinking_budget", "2000"}, {"temperature", "0"}},
         "thinking_budget takes no temperature but 1; leave temperature out"},
        {&fm_remote_anthropic,
         {MODEL, THERE, {"thinking_budget", "2000"}, {"top_k", "5"}},
         "set thinking_budget or top_k, not both"},
        {&fm_remote_anthropic,
         {MODEL, THERE, {"thinking_budget", "9000"}},
         "thinking_budget 9000 leaves nothing of max_output_tokens 8192"},
        {&fm_remote_robotracer,
         {{"enable_depth", "1"}},
         "enable_depth belongs to form=base64; paths have variant=intrinsics_depth"},
        {&fm_remote_robotracer,
         {{"form", "base64"}, {"variant", "spatial"}},
         "variant belongs to form=paths; base64 has enable_depth=1"},
        {&fm_remote_openai,
         {MODEL, {"base_url", "http://h/v1?key=abc"}},
         "setting 'base_url' may hold no key and no '#'; keys come from the environment"},
        {&fm_remote_openai,
         {MODEL, THERE, {"key_env", "FM_TEST_NO_SUCH"}},
         "setting 'key_env': FM_TEST_NO_SUCH is not set"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        expect_refused(rows[i].dialect, rows[i].settings, rows[i].message);
}

Test(settings, an_address_with_a_password_is_refused_and_not_shown)
{
    fm_remote *remote;
    fm_err err = {0};

    cr_assert(eq(int,
                 remote_try(&fm_remote_openai,
                            SETTINGS(MODEL, {"base_url", "http://me:canary@h/v1"}), &remote, &err),
                 FM_E_USAGE));
    cr_expect_not_null(strstr(err.text, "base_url"), "%s", err.text);
    cr_expect_null(strstr(err.text, "canary"), "%s", err.text);
}

Test(settings, that_change_no_reply_are_marked)
{
    const fm_adapter_ops *all[] = {&fm_adapter_gemini, &fm_adapter_openai, &fm_adapter_anthropic,
                                   &fm_adapter_robotracer_http};

    for (size_t i = 0; i < 4; i++)
        for (const fm_adapter_option *o = all[i]->options; o->name; o++) {
            bool expected = strncmp(o->name, "price_", 6) == 0 || strcmp(o->name, "ca_file") == 0 ||
                            strcmp(o->name, "key_env") == 0;

            cr_expect(o->operational == expected, "%s %s", all[i]->name, o->name);
        }
}

/* ---- keys ---- */

static const char *header_value(const fm_remote *remote, const char *name, bool *secret)
{
    for (size_t i = 0; i < remote->n_headers; i++)
        if (strcmp(remote->headers[i].name, name) == 0) {
            *secret = remote->headers[i].secret;
            return remote->headers[i].value;
        }
    return NULL;
}

static void expect_header(const fm_remote_dialect *dialect, const fm_setting *settings,
                          const char *name, const char *value)
{
    fm_remote *remote = remote_of(dialect, settings);
    bool secret = false;
    const char *sent = header_value(remote, name, &secret);

    if (value) {
        cr_expect(sent && strcmp(sent, value) == 0, "%s: %s", name, sent ? sent : "none");
        cr_expect(secret, "%s", name);
    } else {
        cr_expect_null(sent, "%s", name);
    }
    fm_remote_close(remote);
}

Test(keys, are_needed_at_home_only)
{
    expect_refused(&fm_remote_openai, SETTINGS(MODEL),
                   "adapter 'openai' needs a key: set OPENAI_API_KEY in the environment");
    expect_refused(&fm_remote_openai, SETTINGS(MODEL, {"base_url", "https://API.openai.com:443/x"}),
                   "adapter 'openai' needs a key: set OPENAI_API_KEY in the environment");
    expect_refused(&fm_remote_gemini, SETTINGS(MODEL),
                   "adapter 'gemini' needs a key: set GOOGLE_API_KEY in the environment");
    expect_refused(&fm_remote_anthropic, SETTINGS(MODEL),
                   "adapter 'anthropic' needs a key: set ANTHROPIC_API_KEY in the environment");
    fm_remote_close(remote_of(&fm_remote_openai,
                              SETTINGS(MODEL, {"base_url", "https://api.openai.com.example.org"})));
    setenv("OPENAI_API_KEY", "", 1);
    expect_refused(&fm_remote_openai, SETTINGS(MODEL),
                   "adapter 'openai' needs a key: set OPENAI_API_KEY in the environment");
    setenv("OPENAI_API_KEY", "sk-1", 1);
    fm_remote_close(remote_of(&fm_remote_openai, SETTINGS(MODEL)));
}

Test(keys, go_into_the_header_of_their_provider_as_secrets)
{
    setenv("GEMINI_API_KEY", "g2", 1);
    expect_header(&fm_remote_gemini, SETTINGS(MODEL), "x-goog-api-key", "g2");
    setenv("GOOGLE_API_KEY", "g1", 1);
    expect_header(&fm_remote_gemini, SETTINGS(MODEL), "x-goog-api-key", "g1");

    setenv("OPENAI_API_KEY", "o", 1);
    setenv("OPENAI_ORG_ID", "org", 1);
    setenv("OPENAI_PROJECT_ID", "project", 1);
    expect_header(&fm_remote_openai, SETTINGS(MODEL), "authorization", "Bearer o");
    expect_header(&fm_remote_openai, SETTINGS(MODEL), "OpenAI-Organization", "org");
    expect_header(&fm_remote_openai, SETTINGS(MODEL), "OpenAI-Project", "project");

    setenv("ANTHROPIC_AUTH_TOKEN", "a2", 1);
    expect_header(&fm_remote_anthropic, SETTINGS(MODEL), "authorization", "Bearer a2");
    expect_header(&fm_remote_anthropic, SETTINGS(MODEL), "x-api-key", NULL);
    setenv("ANTHROPIC_API_KEY", "a1", 1);
    expect_header(&fm_remote_anthropic, SETTINGS(MODEL), "x-api-key", "a1");
    expect_header(&fm_remote_anthropic, SETTINGS(MODEL), "authorization", NULL);

    setenv("FM_TEST_KEY", "mine", 1);
    expect_header(&fm_remote_openai, SETTINGS(MODEL, {"key_env", "FM_TEST_KEY"}), "authorization",
                  "Bearer mine");
    expect_header(&fm_remote_robotracer, SETTINGS({"key_env", "FM_TEST_KEY"}), "authorization",
                  "Bearer mine");
    expect_header(&fm_remote_robotracer, SETTINGS(THERE), "authorization", NULL);
}

Test(keys, with_characters_that_no_header_may_hold_are_refused_and_not_shown)
{
    static const char *const bad[] = {"canary\n", "canary\r\nHost: x", "can ary",
                                      "canary\t", "can\x01ry",         "canary\xc3\xa9"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        setenv("OPENAI_API_KEY", bad[i], 1);
        expect_refused(&fm_remote_openai, SETTINGS(MODEL),
                       "the key in OPENAI_API_KEY holds a blank, a control character or one that "
                       "is not ASCII; set it again");
    }
    setenv("OPENAI_API_KEY", "good", 1);
    setenv("OPENAI_ORG_ID", "bad\n", 1);
    expect_refused(&fm_remote_openai, SETTINGS(MODEL),
                   "the key in OPENAI_ORG_ID holds a blank, a control character or one that is "
                   "not ASCII; set it again");
}

/* ---- what is told while an adapter opens ---- */

static char told[512];
static int times_told;

static void listen_to(void *context, const char *text)
{
    cr_assert(context == told);
    snprintf(told, sizeof(told), "%s", text);
    times_told++;
}

static void expect_told(const fm_remote_dialect *dialect, const char *base_url, const char *replay,
                        const char *message)
{
    const fm_setting settings[] = {{"base_url", base_url}, MODEL};
    const fm_adapter_config config = {.settings = settings,
                                      .n_settings = 2,
                                      .replay_path = replay,
                                      .notice = listen_to,
                                      .notice_context = told};
    void *state = NULL;
    fm_err err = {0};

    told[0] = '\0';
    times_told = 0;
    fm_status st = fm_remote_open(dialect, &state, &config, &err);
    cr_assert(st == FM_OK || replay, "%s", err.text);
    cr_expect(eq(str, told, (char *)message), "%s", base_url);
    cr_expect(eq(int, times_told, *message != '\0'));
    if (state)
        fm_remote_close(state);
}

Test(keys, of_two_accounts_are_told_of_where_they_differ)
{
    setenv("GOOGLE_API_KEY", "canary1", 1);
    expect_told(&fm_remote_gemini, "https://h", NULL, "");
    setenv("GEMINI_API_KEY", "canary1", 1);
    expect_told(&fm_remote_gemini, "https://h", NULL, "");
    setenv("GEMINI_API_KEY", "canary2", 1);
    expect_told(&fm_remote_gemini, "https://h", NULL,
                "GOOGLE_API_KEY and GEMINI_API_KEY are both set and differ: the key in "
                "GOOGLE_API_KEY is sent");
    setenv("GOOGLE_API_KEY", "", 1);
    expect_told(&fm_remote_gemini, "https://h", NULL, "");
}

Test(keys, that_go_over_an_open_way_are_told_of)
{
    static const char *const safe[] = {
        "https://example.org/v1", "http://localhost:8000/v1", "http://LOCALHOST",
        "http://gpu.localhost",   "http://127.0.0.1:8000",    "http://127.9.9.9",
        "http://[::1]:8000/v1",
    };
    static const char *const open_ways[][2] = {
        {"http://example.org/v1", "http://example.org:80"},
        {"http://10.0.0.7:8000", "http://10.0.0.7:8000"},
        {"http://127.example.org", "http://127.example.org:80"},
        {"http://notlocalhost", "http://notlocalhost:80"},
        {"http://localhost.example.org", "http://localhost.example.org:80"},
        {"http://[::2]", "http://[::2]:80"},
    };
    char message[256];

    expect_told(&fm_remote_openai, "http://example.org", NULL, ""); /* no key, nothing to read */
    setenv("OPENAI_API_KEY", "canary", 1);
    for (size_t i = 0; i < sizeof(safe) / sizeof(safe[0]); i++)
        expect_told(&fm_remote_openai, safe[i], NULL, "");
    for (size_t i = 0; i < sizeof(open_ways) / sizeof(open_ways[0]); i++) {
        snprintf(message, sizeof(message),
                 "the key in OPENAI_API_KEY goes to %s unencrypted, for everybody on the way to "
                 "read: use https",
                 open_ways[i][1]);
        expect_told(&fm_remote_openai, open_ways[i][0], NULL, message);
    }
    expect_told(&fm_remote_openai, "http://example.org", "/no/such/cassette", "");
}
