/* core/adapter_file: what becomes a setting, a limit, a refusal; and that the example reads. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "core/adapter_file.h"

static fm_arena arena;

static fm_adapter_file read_file(const char *text)
{
    fm_adapter_file file = {0};
    fm_err err = {0};

    cr_assert(fm_adapter_file_parse(text, strlen(text), "a.yaml", &arena, &file, &err) == FM_OK,
              "%s", err.text);
    return file;
}

static void expect_setting(const fm_adapter_file *file, const char *key, const char *value)
{
    for (size_t i = 0; i < file->n_settings; i++)
        if (strcmp(file->settings[i].key, key) == 0) {
            cr_expect(eq(str, (char *)file->settings[i].value, (char *)value));
            return;
        }
    cr_expect(false, "no setting '%s'", key);
}

static void release(void)
{
    fm_arena_release(&arena);
}

TestSuite(adapter_file, .fini = release);

Test(adapter_file, members_become_the_text_that_set_would_take)
{
    fm_adapter_file file = read_file("adapter: openai\n"
                                     "model: 4\n"
                                     "temperature: 0.7\n"
                                     "seed: 1234567\n"
                                     "enable: true\n"
                                     "top_p:\n"
                                     "stop: [END, \"\\n\"]\n"
                                     "extra_body: {top_k: 1, a: {b: null}}\n");

    cr_expect(eq(str, (char *)file.adapter, "openai"));
    cr_expect(eq(sz, file.n_settings, 7));
    expect_setting(&file, "model", "4");
    expect_setting(&file, "temperature", "0.7");
    expect_setting(&file, "seed", "1234567");
    expect_setting(&file, "enable", "true");
    expect_setting(&file, "top_p", "");
    expect_setting(&file, "stop", "[\"END\", \"\\n\"]");
    expect_setting(&file, "extra_body", "{\"top_k\": 1, \"a\": {\"b\": null}}");
    cr_expect(eq(int, file.limits.cap, 0));
}

Test(adapter_file, prices_are_settings_and_limits_are_numbers)
{
    fm_adapter_file file = read_file("price: {input: 0.15, cached_input: 0.075, output: 0.6}\n"
                                     "limits: {concurrency: 64, start: 4, attempts: 3,\n"
                                     "  requests_per_minute: 500, tokens_per_minute: 90000.5}\n");

    cr_expect_null(file.adapter);
    cr_expect(eq(sz, file.n_settings, 3));
    expect_setting(&file, "price_input", "0.15");
    expect_setting(&file, "price_cached_input", "0.075");
    expect_setting(&file, "price_output", "0.6");
    cr_expect(eq(int, file.limits.cap, 64));
    cr_expect(eq(int, file.limits.start, 4));
    cr_expect(eq(int, file.limits.attempts, 3));
    cr_expect(eq(dbl, file.limits.requests_per_minute, 500));
    cr_expect(eq(dbl, file.limits.tokens_per_minute, 90000.5));
}

Test(adapter_file, refuses_with_one_line)
{
    static const struct {
        const char *yaml, *message;
    } rows[] = {
        {"- a\n", "a.yaml: an adapter's file is a mapping of settings"},
        {"adapter: [a]\n", "a.yaml: 'adapter' wants a name"},
        {"adapter: ''\n", "a.yaml: 'adapter' wants a name"},
        {"price: 3\n", "a.yaml: 'price' wants a mapping of input, cached_input and output"},
        {"price: {inptu: 3}\n", "a.yaml: 'price' has no 'inptu'; did you mean 'input'?"},
        {"price: {input: -1}\n", "a.yaml: 'input' of 'price' wants a number from 0 up"},
        {"price: {input: free}\n", "a.yaml: 'input' of 'price' wants a number from 0 up"},
        {"limits: 3\n", "a.yaml: 'limits' wants a mapping"},
        {"limits: {rpm: 3}\n", "a.yaml: 'limits' has no 'rpm'"},
        {"limits: {concurrency: 0}\n",
         "a.yaml: 'concurrency' of 'limits' wants a whole number over 0"},
        {"limits: {attempts: 1.5}\n", "a.yaml: 'attempts' of 'limits' wants a whole number over 0"},
        {"limits: {start: 3000000000}\n",
         "a.yaml: 'start' of 'limits' wants a whole number over 0"},
        {"limits: {requests_per_minute: 0}\n",
         "a.yaml: 'requests_per_minute' of 'limits' wants a number over 0"},
        {"a: 1\na: 2\n", "a.yaml:2:1: this key stands twice in its mapping"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fm_adapter_file file = {.adapter = "untouched"};
        fm_err err = {0};

        cr_expect(eq(int,
                     fm_adapter_file_parse(rows[i].yaml, strlen(rows[i].yaml), "a.yaml", &arena,
                                           &file, &err),
                     FM_E_INPUT));
        cr_expect(eq(str, err.text, (char *)rows[i].message));
        cr_expect(eq(str, (char *)file.adapter, "untouched"));
    }
}

Test(adapter_file, a_key_in_a_file_is_refused_and_not_shown)
{
    static const char *const files[] = {"api_key: sk-canary\n", "Token: sk-canary\n",
                                        "password: sk-canary\n"};

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        fm_adapter_file file;
        fm_err err = {0};

        cr_expect(eq(
            int, fm_adapter_file_parse(files[i], strlen(files[i]), "a.yaml", &arena, &file, &err),
            FM_E_INPUT));
        cr_expect_not_null(strstr(err.text, "keys come from the environment"), "%s", err.text);
        cr_expect_null(strstr(err.text, "canary"));
    }
}

Test(adapter_file, the_example_reads)
{
    char path[FM_PATH_BYTES];
    const char *source = getenv("FATHOM_SOURCE_DIR");
    fm_adapter_file file;
    fm_err err = {0};

    snprintf(path, sizeof(path), "%s/docs/examples/openai.yaml", source ? source : ".");
    cr_assert(fm_adapter_file_load(path, &arena, &file, &err) == FM_OK, "%s", err.text);
    cr_expect(eq(str, (char *)file.adapter, "openai"));
    cr_expect(eq(int, file.limits.cap, 64));
    expect_setting(&file, "price_input", "0.2");
    cr_expect(eq(int, fm_adapter_file_load("/no/such.yaml", &arena, &file, &err), FM_E_IO));
}
