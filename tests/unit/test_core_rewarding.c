/* Lines of `fathom reward`: truths in JSON and of suites, and every error. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>
#include <math.h>
#include <string.h>

#include "../support/scratch.h"
#include "../support/tabletop.h"
#include "../support/test_catalog.h"
#include "base/json.h"
#include "core/key_steps.h"
#include "core/rewarding.h"

static fm_rewarding *rewarding;
static fm_arena arena;
static fm_buf out;

static void begin(void)
{
    rewarding = fm_rewarding_new(&fm_reward_robotracer, false);
    cr_assert(rewarding != NULL);
}

static void end(void)
{
    fm_rewarding_free(rewarding);
    fm_arena_release(&arena);
    fm_buf_release(&out);
}

TestSuite(rewarding, .init = begin, .fini = end);
TestSuite(key_steps, .fini = end);

static const char *answer(const char *line)
{
    fm_buf_clear(&out);
    (void)fm_rewarding_line(rewarding, line, line ? strlen(line) : 0, &arena, &out);
    return fm_buf_text(&out);
}

Test(rewarding, a_line_carries_its_truth)
{
    cr_expect(eq(str,
                 (char *)answer("{\"id\": \"a\", \"reply\": \"<think>[Scale] [Scene]: 2.500"
                                "</think><answer>[(500, 500, 1.0), (500, 500, 1.0)]</answer>\", "
                                "\"truth\": {\"trace\": [[500, 500, 1], [500, 500, 1]], "
                                "\"key_steps\": [\"[Scale] [Scene]: 2.000\"]}}"),
                 "{\"id\": \"a\", \"reward\": 3.5, \"r_of\": 1, \"r_p\": 1, \"r_t\": 1, "
                 "\"r_pf\": 1, \"r_acc\": 1, \"points\": 2, \"steps\": 1, \"wellformed\": 1}\n"));
}

/* Its numbers are from 0 to 1, in the truth as in the reply; the width makes 0.1 of it 64 pixels. */
Test(rewarding, roborefers_truth_is_written_as_its_replies_are)
{
    static const char *const keys[] = {"\"[Position] [can]: [(0.500, 0.250)]\"",
                                       "{\"type\": \"Position\", \"target\": \"can\", "
                                       "\"value\": [0.5, 0.25]}"};

    fm_rewarding_free(rewarding);
    rewarding = fm_rewarding_new(&fm_reward_roborefer, false);
    cr_assert(rewarding != NULL);
    for (size_t i = 0; i < 2; i++) {
        char line[512];

        snprintf(line, sizeof(line),
                 "{\"reply\": \"<think>[Position] [can]: [(0.510, 0.250)]</think><answer>[(0.510, "
                 "0.250)]</answer>\", \"truth\": {\"trace\": [[0.5, 0.25]], \"width\": 640, "
                 "\"height\": 480, \"key_steps\": [%s]}}",
                 keys[i]);
        cr_expect(eq(str, (char *)answer(line),
                     "{\"reward\": 2.5, \"r_of\": 1, \"r_p\": 1, \"r_t\": null, \"r_pf\": 1, "
                     "\"r_acc\": 1, \"points\": 1, \"steps\": 1, \"wellformed\": 1}\n"));
    }
}

Test(rewarding, terms_without_truth_are_null)
{
    cr_expect(eq(
        str,
        (char *)answer("{\"reply\": \"\", \"truth\": {\"key_steps\": [\"[Scale] [Scene]: 2\"]}}"),
        "{\"reward\": 0, \"r_of\": 0, \"r_p\": null, \"r_t\": null, \"r_pf\": 0, "
        "\"r_acc\": 0, \"points\": 0, \"steps\": 0, \"wellformed\": 0}\n"));
}

Test(rewarding, what_is_asked_beside_traces_is_right_or_wrong)
{
    static const struct {
        const char *truth, *reply, *r_a;
    } cases[] = {
        {"{\"option\": 2}", "C", "\"r_a\": 1,"},
        {"{\"yes\": false}", "Yes", "\"r_a\": 0,"},
        {"{\"length_m\": 1.5}", "4 feet 11 inches", "\"r_a\": 1,"},
        {"{\"text\": \"The mug.\"}", "the mug", "\"r_a\": 1,"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char line[256];

        snprintf(line, sizeof(line), "{\"reply\": \"%s\", \"truth\": %s}", cases[i].reply,
                 cases[i].truth);
        cr_expect(strstr(answer(line), cases[i].r_a) != NULL, "%s", fm_buf_text(&out));
    }
}

typedef struct {
    char line[160], type[16], part[64];
} refused;

ParameterizedTestParameters(rewarding, errors_are_typed)
{
    static refused cases[] = {
        {"", "not_json", "not JSON"},
        {"[1]", "not_json", "no JSON object"},
        {"{\"reply\": \"a\"} x", "not_json", "not JSON at byte"},
        {"{\"reply\": \"\xFF\"}", "not_utf8", "not UTF-8"},
        {"{\"id\": 1}", "no_reply", "'reply'"},
        {"{\"id\": 1, \"reply\": 5}", "no_reply", "'reply'"},
        {"{\"id\": 1, \"reply\": \"a\"}", "no_truth", "'truth'"},
        {"{\"reply\": \"a\", \"truth\": 5}", "bad_truth", "'truth' is no object"},
        {"{\"reply\": \"a\", \"truth\": {}}", "bad_truth", "nothing to judge by"},
        {"{\"reply\": \"a\", \"truth\": {\"trace\": []}}", "bad_truth", "'trace' is no list"},
        {"{\"reply\": \"a\", \"truth\": {\"trace\": [[1]]}}", "bad_truth", "point 1 of 'trace'"},
        {"{\"reply\": \"a\", \"truth\": {\"trace\": [[1, 2, 3], [1, 2]]}}", "bad_truth",
         "point 2 of 'trace' has no depth"},
        {"{\"reply\": \"a\", \"truth\": {\"trace\": [[1, 2], [1, 2, 3]]}}", "bad_truth",
         "point 2 of 'trace' has a depth"},
        {"{\"reply\": \"a\", \"truth\": {\"trace\": [[1, 2, 0]]}}", "bad_truth",
         "has no depth over 0"},
        {"{\"reply\": \"a\", \"truth\": {\"trace\": [[1, 2]], \"max_depth\": -1}}", "bad_truth",
         "'max_depth'"},
        {"{\"reply\": \"a\", \"truth\": {\"option\": 26}}", "bad_truth", "'option'"},
        {"{\"reply\": \"a\", \"truth\": {\"yes\": 1}}", "bad_truth", "'yes'"},
        {"{\"reply\": \"a\", \"truth\": {\"length_m\": 0}}", "bad_truth", "'length_m'"},
        {"{\"reply\": \"a\", \"truth\": {\"text\": 0}}", "bad_truth", "'text' is no text"},
        {"{\"reply\": \"a\", \"truth\": {\"text\": \"a\", \"yes\": true}}", "bad_truth",
         "more than one of"},
        {"{\"reply\": \"a\", \"truth\": {\"key_steps\": [{\"type\": \"Guess\"}]}}", "bad_truth",
         "step 1 wants a 'type'"},
    };

    return cr_make_param_array(refused, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(refused *c, rewarding, errors_are_typed)
{
    cJSON *tree = NULL;

    answer(c->line);
    cr_assert(eq(int, fm_json_parse(out.data, out.size - 1, "answer", &tree, NULL), FM_OK));
    const cJSON *error = fm_json_get(tree, "error");
    cr_expect(eq(str, (char *)fm_json_string(error, "type"), c->type), "%s", c->line);
    cr_expect(strstr(fm_json_string(error, "message"), c->part) != NULL, "%s",
              fm_json_string(error, "message"));
    cr_expect(eq(sz, strcspn(fm_buf_text(&out), "\n"), out.size - 1));
    cJSON_Delete(tree);
}

Test(rewarding, a_line_that_was_too_long_is_an_error_too)
{
    cr_expect(strstr(answer(NULL), "\"type\": \"too_long\"") != NULL);
}

Test(rewarding, verdicts_name_step_and_target)
{
    fm_rewarding_free(rewarding);
    rewarding = fm_rewarding_new(&fm_reward_robotracer, true);
    const char *text = answer("{\"reply\": \"[Scale] [Scene]: 4\", \"truth\": {\"key_steps\": "
                              "[\"[Scale] [Scene]: 2\", \"[Measuring] [cup]: 1 m\"]}}");
    cr_expect(strstr(text, "{\"verdict\": \"wrong\", \"score\": 0, \"type\": \"Scale\", "
                           "\"target\": \"Scene\", \"step\": \"[Scale] [Scene]: 4\", \"ratio\": 2, "
                           "\"why\": \"too large\", \"format\": \"a scale without three "
                           "decimals\"}") != NULL,
              "%s", text);
    cr_expect(strstr(text, "{\"verdict\": \"missed\", \"score\": 0, \"type\": \"Measuring\", "
                           "\"target\": \"cup\", \"why\": \"no step is about it\"}") != NULL,
              "%s", text);
}

/* The truth of a generated scene, written as a reply, earns what there is to earn. */
Test(rewarding, a_suite_gives_the_truth_by_id)
{
    fm_err err = {0};

    scratch_make();
    cr_assert(eq(int, tabletop_write(96, 72, 2, scratch_path("world"), &err), FM_OK), "%s",
              err.text);
    cr_assert(
        eq(int,
           fm_rewarding_load(rewarding, test_catalog(), "tabletop", scratch_path("world"), &err),
           FM_OK),
        "%s", err.text);
    cr_expect(strstr(answer("{\"id\": 1, \"reply\": \"\"}"), "\"r_p\": 0, ") != NULL);
    cr_expect(strstr(answer("{\"id\": \"1\", \"reply\": \"\"}"), "\"r_acc\": 0, ") != NULL);
    cr_expect(strstr(answer("{\"id\": 2, \"reply\": \"\"}"), "\"unknown_sample\"") != NULL);
    cr_expect(strstr(answer("{\"reply\": \"\"}"), "\"unknown_sample\"") != NULL);
    scratch_remove();
}

static fm_status load_miniature(const char *task, const char *suite, fm_err *err)
{
    char folder[1024];
    const char *source = getenv("FATHOM_SOURCE_DIR");

    snprintf(folder, sizeof(folder), "%s/tests/data/suites/%s/data", source ? source : ".", suite);
    return fm_rewarding_load(rewarding, test_catalog(), task, folder, err);
}

Test(rewarding, a_path_of_a_table_is_in_parts_of_its_picture)
{
    fm_err err = {0};

    cr_assert(eq(int, load_miniature("sharerobot", "sharerobot", &err), FM_OK), "%s", err.text);
    cr_expect(strstr(answer("{\"id\": 1, \"reply\": \"<answer>[(125, 250, 1), (375, 250, 1), "
                            "(875, 250, 1)]</answer>\"}"),
                     "\"r_p\": 1, \"r_t\": 1, ") != NULL,
              "%s", fm_buf_text(&out));
}

Test(rewarding, a_task_without_traces_is_refused)
{
    fm_err err = {0};

    cr_assert(eq(int, load_miniature("sat", "sat", &err), FM_E_USAGE));
    cr_expect(eq(str, err.text, "task 'sat' has no traces, which rewards are judged by"));
}

/* ---- key steps in data ---- */

static fm_status read_keys(const char *json, const fm_key_step **keys, size_t *n, fm_err *err)
{
    cJSON *tree = NULL;

    cr_assert(eq(int, fm_json_parse(json, strlen(json), "test", &tree, NULL), FM_OK), "%s", json);
    fm_status st = fm_key_steps_read(tree, FM_STEPS_ROBOTRACER, "here", &arena, keys, n, err);
    cJSON_Delete(tree);
    return st;
}

Test(key_steps, objects_and_texts_say_the_same)
{
    static const char *const forms[] = {
        "[{\"type\": \"Referring\", \"target\": \"can\", \"value\": [179, 789, 0.941]},"
        " {\"type\": \"Measuring\", \"target\": \"can\", \"value\": 10.4, \"unit\": \"cm\"},"
        " {\"type\": \"Scale\", \"target\": \"Scene\", \"value\": 2.406}]",
        "[\"[Referring] [can]: [(179, 789, 0.941)]\", \"[Measuring] [can]: 10.4 cm\","
        " \"[Scale] [Scene]: 2.406\"]",
        "\"[Referring] [can]: [(179, 789, 0.941)]\\n[Measuring] [can]: 10.4 cm\\n"
        "[Scale] [Scene]: 2.406\"",
    };

    for (size_t i = 0; i < 3; i++) {
        const fm_key_step *keys;
        fm_err err = {0};
        size_t n;

        cr_assert(eq(int, read_keys(forms[i], &keys, &n, &err), FM_OK), "%s", err.text);
        cr_assert(eq(sz, n, 3));
        cr_expect(eq(str, (char *)keys[0].target, "can"));
        cr_expect(eq(dbl, keys[0].value[0], 0.179));
        cr_expect(eq(dbl, keys[0].value[2], 0.941));
        cr_expect(epsilon_eq(dbl, keys[1].value[0], 0.104, 1e-12));
        cr_expect(eq(int, keys[2].kind, FM_STEP_SCALE));
    }
}

Test(key_steps, what_cannot_be_judged_by_is_refused)
{
    static const char *const bad[] = {
        "5",
        "[5]",
        "[{}]",
        "[\"the can is there\"]",
        "[\"The can is 5 cm tall.\"]",
        "[\"[Measuring] [can]: 5\"]",
        "[{\"type\": \"Measuring\", \"target\": \"can\", \"value\": 5, \"unit\": \"kg\"}]",
        "[{\"type\": \"Measuring\", \"target\": \"can\", \"value\": -5}]",
        "[{\"type\": \"Measuring\", \"target\": \"can\", \"value\": \"5\"}]",
        "[{\"type\": \"Measuring\", \"target\": \"\", \"value\": 5}]",
        "[{\"type\": \"Referring\", \"target\": \"can\", \"value\": [1]}]",
        "[{\"type\": \"Referring\", \"target\": \"can\", \"value\": [1, 2, -1]}]",
        "[{\"type\": \"Orientation\", \"target\": \"can\", \"value\": [0, 0, 0]}]",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const fm_key_step *keys = NULL;
        fm_err err = {0};
        size_t n = 0;

        cr_expect(eq(int, read_keys(bad[i], &keys, &n, &err), FM_E_INPUT), "%s", bad[i]);
        cr_expect(strncmp(err.text, "here", 4) == 0, "%s", err.text);
        cr_expect(keys == NULL);
    }
}

Test(key_steps, there_is_a_most)
{
    fm_buf text = {0};
    const fm_key_step *keys = NULL;
    size_t n;

    fm_buf_putc(&text, '[');
    for (int i = 0; i <= FM_KEY_STEPS_MAX; i++)
        fm_buf_printf(&text, "%s\"[Scale] [Scene]: 1\"", i ? "," : "");
    fm_buf_putc(&text, ']');
    cr_expect(eq(int, read_keys(fm_buf_text(&text), &keys, &n, NULL), FM_E_INPUT));
    fm_buf_release(&text);
}
