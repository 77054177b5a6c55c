/* base/yaml: what becomes what, and what a settings file may not hold. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "base/buffer.h"
#include "base/json.h"
#include "base/size.h"
#include "base/yaml.h"
#include "support/scratch.h"

static void expect_json(const char *yaml, const char *json)
{
    fm_err err = {0};
    cJSON *tree = NULL;
    fm_buf out = {0};
    fm_json_writer w = {.out = &out};

    cr_assert(fm_yaml_parse(yaml, strlen(yaml), "t", &tree, &err) == FM_OK, "%s", err.text);
    fm_json_put_tree(&w, NULL, tree);
    cr_expect(strcmp(fm_buf_text(&out), json) == 0, "%s, not %s", fm_buf_text(&out), json);
    fm_buf_release(&out);
    cJSON_Delete(tree);
}

static void refuse_bytes(const char *yaml, size_t size, const char *message)
{
    fm_err err = {0};
    cJSON *untouched = (cJSON *)&err, *out = untouched;

    cr_expect(fm_yaml_parse(yaml, size, "t", &out, &err) == FM_E_INPUT, "accepted: %.40s", yaml);
    cr_expect(strcmp(err.text, message) == 0, "'%s', not '%s'", err.text, message);
    cr_expect(out == untouched);
}

static void refuse(const char *yaml, const char *message)
{
    refuse_bytes(yaml, strlen(yaml), message);
}

Test(yaml, plain_scalars_have_their_types_and_quoted_ones_are_strings)
{
    expect_json("a: 1\nb: -2.5e3\nc: true\nd: null\ne: ~\nf:\ng: yes\nh: 2026-11-22\ni: 1.2.3\n",
                "{\"a\": 1, \"b\": -2500, \"c\": true, \"d\": null, \"e\": null, \"f\": null, "
                "\"g\": \"yes\", \"h\": \"2026-11-22\", \"i\": \"1.2.3\"}");
    expect_json(
        "a: '1'\nb: \"true\"\nc: 0x10\nd: .inf\ne: .nan\nf: 1e999\n",
        "{\"a\": \"1\", \"b\": \"true\", \"c\": \"0x10\", \"d\": \".inf\", \"e\": \".nan\", "
        "\"f\": \"1e999\"}");
}

Test(yaml, sequences_mappings_and_block_texts)
{
    expect_json("- [1, {a: b}]\n- - x\n- |\n  one\n  two\n- >\n  one\n  two\n",
                "[[1, {\"a\": \"b\"}], [\"x\"], \"one\\ntwo\\n\", \"one two\\n\"]");
    expect_json("{}", "{}");
    expect_json("# only a scalar\n5", "5");
}

Test(yaml, what_a_settings_file_may_not_hold_is_refused_with_its_place)
{
    refuse("", "t:1:1: the file is empty");
    refuse("# nothing\n", "t:2:1: the file is empty");
    refuse("a: &x 1\nb: *x\n", "t:2:4: aliases are not accepted here");
    refuse("a: 1\na: 2\n", "t:2:1: this key stands twice in its mapping");
    refuse("a: 1\n---\nb: 2\n", "t:2:1: only one document is accepted");
    refuse("a: !!str 1\n", "t:1:4: tags are not accepted here");
    refuse("a: !x [1]\n", "t:1:4: tags are not accepted here");
    refuse("[1]: 2\n", "t:1:1: a key must be a short string");
    refuse("a: \"x\\0y\"\n", "t:1:4: a string holds a NUL character");
    refuse("\"a\\0b\": 1\n", "t:1:1: a key must be a short string");
    refuse("<<: *x\n", "t:1:5: aliases are not accepted here");
    refuse("a: [1\n", "t:2:1: did not find expected ',' or ']'");
    refuse("a: b: c\n", "t:1:5: mapping values are not allowed in this context");
}

Test(yaml, bytes_that_are_no_text_are_refused)
{
    fm_err err = {0};
    cJSON *out;

    cr_expect(fm_yaml_parse("a: \xFF\n", 5, "t", &out, &err) == FM_E_INPUT);
    cr_expect(fm_yaml_parse("a: \0\n", 5, "t", &out, &err) == FM_E_INPUT);
    cr_expect(fm_yaml_parse("a: \x01\n", 5, "t", &out, &err) == FM_E_INPUT);
}

Test(yaml, nesting_past_the_limit_is_refused)
{
    fm_buf text = {0};

    for (int i = 0; i < 40; i++)
        fm_buf_putc(&text, '[');
    refuse_bytes(text.data, text.size, "t:1:34: nested too deeply");
    fm_buf_clear(&text);
    for (int i = 0; i < 100000; i++)
        fm_buf_puts(&text, "- ");
    refuse_bytes(text.data, text.size, "t:1:67: nested too deeply");
    fm_buf_release(&text);
}

Test(yaml, more_values_than_the_limit_are_refused, .timeout = 10)
{
    fm_buf text = {0};
    fm_err err = {0};
    cJSON *out;

    for (int i = 0; i < 100000; i++)
        fm_buf_printf(&text, "k%d: 1\n", i);
    cr_expect(fm_yaml_parse(text.data, text.size, "t", &out, &err) == FM_E_INPUT);
    cr_expect(strstr(err.text, "too many values for a settings file") != NULL, "%s", err.text);
    fm_buf_release(&text);
}

Test(yaml, reads_no_byte_past_the_given_size)
{
    static const char text[] = "a: [1, 'two', {b: \"c\\n\"}]\nd: |\n  text\n\xC3\xA9: &x 5\n";

    for (size_t n = 0; n < sizeof(text); n++) {
        char *part = malloc(n + !n);
        cJSON *out = NULL;

        memcpy(part, text, n);
        if (fm_yaml_parse(part, n, "t", &out, NULL) == FM_OK)
            cJSON_Delete(out);
        free(part);
    }
}

TestSuite(yaml_file, .init = scratch_make, .fini = scratch_remove);

Test(yaml_file, that_is_missing_or_broken_is_named)
{
    fm_err err = {0};
    cJSON *out = NULL;
    const char *path = scratch_write("s.yaml", "a: [", 4);

    cr_expect(fm_yaml_load(scratch_path("none"), &out, &err) == FM_E_IO);
    cr_expect(strstr(err.text, "/none") != NULL);
    cr_expect(fm_yaml_load(path, &out, &err) == FM_E_INPUT);
    cr_expect(strncmp(err.text, path, strlen(path)) == 0, "%s", err.text);
}
