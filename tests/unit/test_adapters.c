/* Every adapter of the table opens, refuses bad settings and closes at any stage; what each one
 * answers; and that the truth reaches none that is not flagged as seeing it. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adapters/adapters.h"
#include "base/files.h"
#include "../support/scratch.h"

static const fm_adapter_ops *const all[] = {
    &fm_adapter_replay,    &fm_adapter_command,         &fm_adapter_gemini, &fm_adapter_openai,
    &fm_adapter_anthropic, &fm_adapter_robotracer_http, &fm_adapter_oracle, &fm_adapter_jitter,
    &fm_adapter_straight,  &fm_adapter_centre,          &fm_adapter_wrong,  &fm_adapter_engine,
};
TestSuite(adapters, .init = scratch_make, .fini = scratch_remove);
TestSuite(replay, .init = scratch_make, .fini = scratch_remove);
TestSuite(command, .init = scratch_make, .fini = scratch_remove);

#define N_ALL (sizeof(all) / sizeof(all[0]))

static double truth_points[3][3] = {{-0.2, 0.1, 1.0}, {0.0, 0.0, 1.25}, {0.3, -0.1, 1.5}};

static fm_sample sample_of(fm_answer_kind kind)
{
    return (fm_sample){
        .id = "7",
        .has_camera = true,
        .camera = {500, 500, 320, 240},
        .kind = kind,
        .truth.trace = {.points = truth_points, .n = 3},
    };
}

static fm_request request_for(const fm_sample *sample)
{
    return (fm_request){.id = sample->id,
                        .task = "tabletop",
                        .kind = sample->kind,
                        .prompt = "Point the way",
                        .camera = &sample->camera};
}

static const char *tiny_model(void)
{
    static char folder[1024];
    const char *source = getenv("FATHOM_SOURCE_DIR");

    snprintf(folder, sizeof(folder), "%s/tests/data/engine/tiny-robotracer", source ? source : ".");
    return folder;
}

/* Settings with which an adapter opens. */
static fm_adapter_config sane_config(const fm_adapter_ops *ops, fm_setting some[2],
                                     const char *replies)
{
    fm_adapter_config config = {.settings = some, .seed = 1, .answers = "tuples"};

    if (ops == &fm_adapter_replay)
        some[config.n_settings++] = (fm_setting){"file", replies};
    else if (ops == &fm_adapter_command)
        some[config.n_settings++] = (fm_setting){"command", "cat"};
    else if (ops == &fm_adapter_engine)
        some[config.n_settings++] = (fm_setting){"model", tiny_model()};
    if (ops->caps & FM_CAP_WIRE)
        some[config.n_settings++] = (fm_setting){"base_url", "http://127.0.0.1:9"};
    if ((ops->caps & FM_CAP_WIRE) && ops != &fm_adapter_robotracer_http)
        some[config.n_settings++] = (fm_setting){"model", "m"};
    return config;
}

static const char *replies_file(const char *text)
{
    return scratch_write("replies.jsonl", text, strlen(text));
}

static fm_adapter *open_with(const fm_adapter_ops *ops, fm_adapter_config config)
{
    fm_adapter *adapter = NULL;
    fm_err err = {0};

    cr_assert(eq(int, fm_adapter_open(&adapter, ops, &config, &err), FM_OK), "%s: %s", ops->name,
              err.text);
    return adapter;
}

/* The text of one reply; the reply's strings live until the adapter's next call. */
static fm_reply ask(fm_adapter *adapter, const fm_sample *sample)
{
    fm_request request = request_for(sample);
    fm_reply reply = {0};
    fm_err err = {0};

    cr_assert(eq(int, fm_adapter_generate(adapter, &request, sample, &reply, &err), FM_OK), "%s",
              err.text);
    return reply;
}

Test(adapters, have_distinct_names_and_complete_tables)
{
    for (size_t i = 0; i < N_ALL; i++) {
        bool in_steps = all[i]->submit && all[i]->poll && all[i]->abandon;

        cr_assert(all[i]->name && all[i]->summary && all[i]->open && all[i]->close);
        cr_assert(all[i]->generate ? !(all[i]->submit || all[i]->poll || all[i]->abandon)
                                   : in_steps,
                  "%s", all[i]->name);
        for (size_t j = 0; j < i; j++)
            cr_assert(ne(str, (char *)all[i]->name, (char *)all[j]->name));
        for (const fm_adapter_option *o = all[i]->options; o && o->name; o++)
            cr_assert_not_null(o->summary, "%s: %s", all[i]->name, o->name);
    }
}

Test(adapters, close_right_after_open)
{
    const char *replies = replies_file("");

    for (size_t i = 0; i < N_ALL; i++) {
        fm_setting some[2];
        fm_adapter_close(open_with(all[i], sane_config(all[i], some, replies)));
    }
    fm_adapter_close(NULL);
}

Test(adapters, refuse_an_unknown_setting_and_name_the_nearest)
{
    for (size_t i = 0; i < N_ALL; i++) {
        fm_setting bad = {"no_such_setting", "1"};
        fm_adapter_config config = {.settings = &bad, .n_settings = 1};
        fm_adapter *adapter = NULL;
        fm_err err = {0};

        cr_assert(eq(int, fm_adapter_open(&adapter, all[i], &config, &err), FM_E_USAGE));
        cr_assert_not_null(strstr(err.text, "no_such_setting"), "%s", err.text);
        cr_assert_null(adapter);
    }
    fm_setting slip = {"noise_xp", "1"};
    fm_adapter_config config = {.settings = &slip, .n_settings = 1};
    fm_adapter *adapter = NULL;
    fm_err err = {0};
    cr_assert(eq(int, fm_adapter_open(&adapter, &fm_adapter_jitter, &config, &err), FM_E_USAGE));
    cr_assert(
        eq(str, err.text, "adapter 'jitter' has no setting 'noise_xp'; did you mean 'noise_px'?"));
}

Test(adapters, refuse_a_setting_given_twice)
{
    fm_setting two[] = {{"noise_px", "1"}, {"noise_px", "2"}};
    fm_adapter_config config = {.settings = two, .n_settings = 2};
    fm_adapter *adapter = NULL;

    cr_assert(eq(int, fm_adapter_open(&adapter, &fm_adapter_jitter, &config, NULL), FM_E_USAGE));
}

Test(adapters, refuse_bad_values)
{
    static const struct {
        const fm_adapter_ops *ops;
        const char *key, *value;
        fm_status expected;
    } rows[] = {
        {&fm_adapter_jitter, "noise_px", "much", FM_E_USAGE},
        {&fm_adapter_jitter, "noise_px", "-1", FM_E_USAGE},
        {&fm_adapter_jitter, "noise_m", "nan", FM_E_USAGE},
        {&fm_adapter_centre, "depth_m", "", FM_E_USAGE},
        {&fm_adapter_replay, "file", "/no/such/file", FM_E_IO},
        {&fm_adapter_replay, "file", "/", FM_E_IO},
        {&fm_adapter_replay, "file", "", FM_E_USAGE},
        {&fm_adapter_command, "command", "", FM_E_USAGE},
        {&fm_adapter_openai, "model", "", FM_E_USAGE},
        {&fm_adapter_gemini, "model", "../x", FM_E_USAGE},
        {&fm_adapter_robotracer_http, "base_url", "ftp://a", FM_E_USAGE},
        {&fm_adapter_robotracer_http, "form", "smoke", FM_E_USAGE},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fm_setting one = {rows[i].key, rows[i].value};
        fm_adapter_config config = {.settings = &one, .n_settings = 1};
        fm_adapter *adapter = NULL;
        fm_err err = {0};

        cr_assert(eq(int, fm_adapter_open(&adapter, rows[i].ops, &config, &err), rows[i].expected),
                  "%s %s=%s: %s", rows[i].ops->name, rows[i].key, rows[i].value, err.text);
        cr_assert(gt(sz, strlen(err.text), 0));
    }
}

Test(adapters, refuse_an_unknown_form_of_answers)
{
    fm_adapter_config config = {.answers = "in verse"};
    fm_adapter *adapter = NULL;

    cr_assert(eq(int, fm_adapter_open(&adapter, &fm_adapter_oracle, &config, NULL), FM_E_USAGE));
}

/* ---- the truth ---- */

static const fm_sample *seen_truth;

static fm_status spy_open(void **state, const fm_adapter_config *config, fm_err *err)
{
    static int nothing;

    (void)config;
    (void)err;
    *state = &nothing;
    return FM_OK;
}

static fm_status spy_generate(void *state, const fm_request *request, const fm_sample *truth,
                              fm_reply *reply, fm_err *err)
{
    (void)state;
    (void)request;
    (void)err;
    seen_truth = truth;
    *reply = (fm_reply){.text = "x", .size = 1};
    return FM_OK;
}

static void spy_close(void *state)
{
    (void)state;
}

Test(adapters, get_the_truth_only_when_flagged)
{
    fm_adapter_ops spy = {
        .name = "spy", .open = spy_open, .generate = spy_generate, .close = spy_close};
    fm_sample sample = sample_of(FM_ANSWER_TRACE3D);
    unsigned without = (FM_CAP_IMAGES | FM_CAP_DEPTH | FM_CAP_INTRINSICS | FM_CAP_OFFLINE);

    for (unsigned caps = 0; caps <= without; caps++) {
        if (caps & FM_CAP_SEES_TRUTH)
            continue;
        spy.caps = caps;
        seen_truth = &sample;
        fm_adapter *adapter = open_with(&spy, (fm_adapter_config){0});
        ask(adapter, &sample);
        fm_adapter_close(adapter);
        cr_assert_null(seen_truth, "caps %u", caps);
    }
    spy.caps = FM_CAP_SEES_TRUTH;
    fm_adapter *adapter = open_with(&spy, (fm_adapter_config){0});
    ask(adapter, &sample);
    fm_adapter_close(adapter);
    cr_assert(eq(ptr, (void *)seen_truth, (void *)&sample));
}

Test(adapters, that_are_no_baselines_do_not_see_the_truth)
{
    for (size_t i = 0; i < N_ALL; i++) {
        bool baseline = strstr(all[i]->summary, "baseline:") != NULL;

        if (all[i]->caps & FM_CAP_SEES_TRUTH)
            cr_assert(baseline, "%s", all[i]->name);
    }
    cr_assert_not(fm_adapter_centre.caps & FM_CAP_SEES_TRUTH);
}

/* ---- baselines ---- */

static void expect_answer(const fm_adapter_ops *ops, const char *answers, fm_answer_kind kind,
                          const char *expected)
{
    fm_sample sample = sample_of(kind);
    fm_adapter *adapter = open_with(ops, (fm_adapter_config){.answers = answers, .seed = 1});
    fm_reply reply = ask(adapter, &sample);

    cr_expect(eq(int, reply.status, FM_SAMPLE_OK));
    cr_expect(eq(str, (char *)reply.text, (char *)expected));
    cr_expect(eq(sz, reply.size, strlen(expected)));
    fm_adapter_close(adapter);
}

Test(baselines, oracle_writes_the_truth_in_every_form)
{
    expect_answer(&fm_adapter_oracle, "tuples", FM_ANSWER_TRACE3D,
                  "[(344, 604, 1.000), (500, 500, 1.250), (656, 431, 1.500)]");
    expect_answer(&fm_adapter_oracle, "tuples", FM_ANSWER_TRACE2D,
                  "[(344, 604), (500, 500), (656, 431)]");
    expect_answer(&fm_adapter_oracle, "json", FM_ANSWER_TRACE3D,
                  "```json\n[[344, 604, 1.000], [500, 500, 1.250], [656, 431, 1.500]]\n```");
    expect_answer(&fm_adapter_oracle, "json", FM_ANSWER_TRACE2D,
                  "```json\n[[344, 604], [500, 500], [656, 431]]\n```");
    expect_answer(&fm_adapter_oracle, "xyz", FM_ANSWER_TRACE3D,
                  "[(-0.200, 0.100, 1.000), (0.000, 0.000, 1.250), (0.300, -0.100, 1.500)]");
}

static void expect_kind(const fm_adapter_ops *ops, const char *form, const fm_sample *sample,
                        const char *expected)
{
    fm_adapter *adapter = open_with(ops, (fm_adapter_config){.answers = form, .seed = 1});
    fm_reply reply = ask(adapter, sample);

    cr_expect(eq(int, reply.status, FM_SAMPLE_OK), "%s", reply.detail);
    cr_expect(eq(str, (char *)(reply.text ? reply.text : ""), (char *)expected));
    fm_adapter_close(adapter);
}

Test(baselines, oracle_and_wrong_answer_every_kind)
{
    const char *options[] = {"left", "right"};
    double path[][2] = {{10, 20}, {600, 400}};
    double triangle[][2] = {{0, 0}, {1, 0}, {0, 1}};
    fm_sample choice = {.id = "7",
                        .kind = FM_ANSWER_CHOICE,
                        .truth.choice = {.options = options, .n = 2, .index = 1}};
    fm_sample yesno = {.id = "7", .kind = FM_ANSWER_YESNO, .truth.yesno = {.yes = true}};
    fm_sample length = {.id = "7",
                        .kind = FM_ANSWER_QUANTITY,
                        .truth.quantity = {.values = {12.5}, .n = 1, .unit = "cm"}};
    fm_sample hour = {.id = "7",
                      .kind = FM_ANSWER_QUANTITY,
                      .truth.quantity = {.values = {11}, .n = 1, .unit = "clock"}};
    fm_sample words = {.id = "7", .kind = FM_ANSWER_TEXT, .truth.text = {.reference = "the lamp"}};
    fm_sample box = {.id = "7",
                     .kind = FM_ANSWER_POINTS,
                     .width = 640,
                     .height = 480,
                     .truth.region = {.has_box = true, .box = {100, 100, 103, 201}, .expected = 2}};
    fm_sample polygon = {.id = "7",
                         .kind = FM_ANSWER_POINTS,
                         .width = 640,
                         .height = 480,
                         .truth.region = {.polygon = triangle, .n_polygon = 3, .normalised = true}};
    fm_sample trace = {.id = "7",
                       .kind = FM_ANSWER_PATH2D,
                       .width = 640,
                       .height = 480,
                       .truth.path = {.points = path, .n = 2}};
    const struct {
        const fm_sample *sample;
        const char *form, *right, *wrong;
    } rows[] = {
        {&choice, "letter", "(B)", "(A)"},
        {&choice, "tuples", "(B)", "(A)"},
        {&choice, "bare", "B", "A"},
        {&choice, "letter_tag", "<answer>(B)</answer>", "<answer>(A)</answer>"},
        {&choice, "text", "right", "left"},
        {&choice, "text_tag", "<answer>right</answer>", "<answer>left</answer>"},
        {&yesno, "word", "yes", "no"},
        {&length, "length", "12.5 cm", "1350 cm"},
        {&length, "scalar_unit", "\\scalar{12.5} \\distance_unit{cm}",
         "\\scalar{1350} \\distance_unit{cm}"},
        {&hour, "length", "11 o'clock", "5 o'clock"},
        {&words, "words", "the lamp", "something else"},
        {&box, "points_px", "[(101, 150), (101, 150)]", "[(320, 0), (320, 0)]"},
        {&box, "point_tag", "<answer><point>[[101, 150], [101, 150]]</point></answer>",
         "<answer><point>[[320, 0], [320, 0]]</point></answer>"},
        {&box, "json_px", "```json\n[{\"point\": [101, 150]}, {\"point\": [101, 150]}]\n```",
         "```json\n[{\"point\": [320, 0]}, {\"point\": [320, 0]}]\n```"},
        {&polygon, "json_yx1000", "```json\n[{\"point\": [2, 498]}]\n```",
         "```json\n[{\"point\": [998, 500]}]\n```"},
        {&polygon, "json_xy1000", "```json\n[{\"point_2d\": [498, 2]}]\n```",
         "```json\n[{\"point_2d\": [500, 998]}]\n```"},
        {&polygon, "xml_n100", "<point x1=\"49.80\" y1=\"0.20\"/>",
         "<point x1=\"50.00\" y1=\"99.80\"/>"},
        {&polygon, "points_n1", "[(0.4980, 0.0020)]", "[(0.5000, 0.9980)]"},
        {&polygon, "points_n1000", "[(498, 2)]", "[(500, 998)]"},
        {&trace, "points_px", "[(10, 20), (600, 400)]", "[(639, 479), (639, 479)]"},
        {&trace, "point_tag", "<answer><point>[[10, 20], [600, 400]]</point></answer>",
         "<answer><point>[[639, 479], [639, 479]]</point></answer>"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        expect_kind(&fm_adapter_oracle, rows[i].form, rows[i].sample, rows[i].right);
        expect_kind(&fm_adapter_wrong, rows[i].form, rows[i].sample, rows[i].wrong);
    }
    expect_kind(&fm_adapter_wrong, "tuples", &(fm_sample){.kind = FM_ANSWER_YESNO}, "yes");
}

Test(baselines, of_traces_skip_other_kinds)
{
    const fm_adapter_ops *ops[] = {&fm_adapter_jitter, &fm_adapter_straight, &fm_adapter_centre};
    fm_sample sample = {.id = "7", .kind = FM_ANSWER_YESNO};

    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        fm_adapter *adapter = open_with(ops[i], (fm_adapter_config){.seed = 1});

        cr_expect(eq(int, ask(adapter, &sample).status, FM_SAMPLE_SKIPPED));
        fm_adapter_close(adapter);
    }
}

Test(baselines, straight_joins_the_true_ends_with_eight_points)
{
    expect_answer(&fm_adapter_straight, "tuples", FM_ANSWER_TRACE2D,
                  "[(344, 604), (406, 569), (461, 539), (509, 512), (552, 488), (590, 467), "
                  "(625, 448), (656, 431)]");
}

Test(baselines, centre_needs_no_truth_and_states_its_depth)
{
    expect_answer(&fm_adapter_centre, "tuples", FM_ANSWER_TRACE3D,
                  "[(500, 500, 1.000), (500, 500, 1.000)]");
    expect_answer(&fm_adapter_centre, "json", FM_ANSWER_TRACE2D,
                  "```json\n[[500, 500], [500, 500]]\n```");
}

Test(baselines, jitter_depends_on_seed_and_id_alone)
{
    fm_sample sample = sample_of(FM_ANSWER_TRACE3D), other = sample;
    char first[256], text[256];

    other.id = "8";
    fm_adapter *a = open_with(&fm_adapter_jitter, (fm_adapter_config){.seed = 1});
    snprintf(first, sizeof(first), "%s", ask(a, &sample).text);
    snprintf(text, sizeof(text), "%s", ask(a, &other).text);
    cr_expect(ne(str, text, first), "another id, other noise");
    snprintf(text, sizeof(text), "%s", ask(a, &sample).text);
    cr_expect(eq(str, text, first), "asked again after another sample");
    fm_adapter_close(a);

    a = open_with(&fm_adapter_jitter, (fm_adapter_config){.seed = 2});
    snprintf(text, sizeof(text), "%s", ask(a, &sample).text);
    cr_expect(ne(str, text, first), "another seed, other noise");
    fm_adapter_close(a);
}

Test(baselines, jitter_without_noise_is_the_oracle)
{
    fm_setting none[] = {{"noise_px", "0"}, {"noise_m", "0"}};
    fm_sample sample = sample_of(FM_ANSWER_TRACE3D);
    fm_adapter *a =
        open_with(&fm_adapter_jitter, (fm_adapter_config){.settings = none, .n_settings = 2});

    cr_expect(eq(str, (char *)ask(a, &sample).text,
                 "[(344, 604, 1.000), (500, 500, 1.250), (656, 431, 1.500)]"));
    fm_adapter_close(a);
}

Test(baselines, skip_a_sample_without_camera_or_trace)
{
    fm_sample blind = sample_of(FM_ANSWER_TRACE3D), empty = blind;

    blind.has_camera = false;
    empty.truth.trace.n = 0;
    for (size_t i = 0; i < N_ALL; i++) {
        if (!(all[i]->caps & FM_CAP_SEES_TRUTH))
            continue;
        fm_adapter *a = open_with(all[i], (fm_adapter_config){0});
        fm_reply reply = ask(a, &blind);
        cr_expect(eq(int, reply.status, FM_SAMPLE_SKIPPED));
        cr_expect(ne(ptr, (void *)reply.detail, NULL));
        cr_expect(eq(int, ask(a, &empty).status, FM_SAMPLE_SKIPPED));
        fm_adapter_close(a);
    }
}

/* ---- replay ---- */

static fm_adapter *replay_of(const char *text)
{
    fm_setting file = {"file", replies_file(text)};

    return open_with(&fm_adapter_replay, (fm_adapter_config){.settings = &file, .n_settings = 1});
}

static fm_reply ask_id(fm_adapter *adapter, const char *id)
{
    fm_sample sample = sample_of(FM_ANSWER_TRACE3D);

    sample.id = id;
    return ask(adapter, &sample);
}

Test(replay, takes_the_last_record_of_an_id_in_a_journal)
{
    fm_adapter *a = replay_of("{\"id\": \"7\", \"status\": \"timeout\", \"text\": null}\n"
                              "{\"id\": \"8\", \"status\": \"refused\", \"text\": \"no\", "
                              "\"detail\": \"why\", \"finish_reason\": \"stop\"}\n"
                              "{\"id\": \"7\", \"status\": \"ok\", \"text\": \"a\\u0000b\"}\n");
    fm_reply reply = ask_id(a, "7");

    cr_expect(eq(int, reply.status, FM_SAMPLE_OK));
    cr_expect(eq(sz, reply.size, 3));
    cr_expect_arr_eq(reply.text, "a\0b", 3);
    reply = ask_id(a, "8");
    cr_expect(eq(int, reply.status, FM_SAMPLE_REFUSED));
    cr_expect(eq(str, (char *)reply.detail, "why"));
    cr_expect(eq(str, (char *)reply.finish_reason, "stop"));
    fm_adapter_close(a);
}

Test(replay, reads_bytes_that_are_no_text)
{
    fm_adapter *a = replay_of("{\"id\": \"7\", \"status\": \"ok\", \"text_base64\": \"/wBh\"}\n");
    fm_reply reply = ask_id(a, "7");

    cr_expect(eq(sz, reply.size, 3));
    cr_expect_arr_eq(reply.text, "\xff\0a", 3);
    fm_adapter_close(a);
}

Test(replay, reads_upstream_records)
{
    fm_adapter *a =
        replay_of("{\"question_id\": 7, \"model_prediction\": \"[(1, 2)]\"}\n"
                  "{\"question_id\": \"8\", \"model_prediction\": \"\", \"error\": \"boom\"}\n"
                  "{\"question_id\": 9, \"model_prediction\": null}\n");

    cr_expect(eq(str, (char *)ask_id(a, "7").text, "[(1, 2)]"));
    fm_reply failed = ask_id(a, "8");
    cr_expect(eq(int, failed.status, FM_SAMPLE_API_ERROR));
    cr_expect(eq(str, (char *)failed.detail, "boom"));
    fm_reply none = ask_id(a, "9");
    cr_expect(eq(int, none.status, FM_SAMPLE_OK), "Python's None is upstream's to judge");
    cr_expect(eq(ptr, (void *)none.text, NULL));
    fm_adapter_close(a);
}

Test(replay, skips_what_the_file_does_not_hold_and_says_so)
{
    fm_adapter *a = replay_of("\n{\"id\": \"7\", \"text\": \"\"}\n{\"id\": \"70\", \"te");

    cr_expect(eq(int, ask_id(a, "7").status, FM_SAMPLE_OK));
    fm_reply reply = ask_id(a, "70");
    cr_expect(eq(int, reply.status, FM_SAMPLE_SKIPPED), "a torn last line is no record");
    cr_expect(eq(str, (char *)reply.detail, "the file holds no reply to this sample"));
    fm_adapter_close(a);
}

Test(replay, refuses_a_broken_file_and_names_the_line)
{
    fm_setting file = {"file", replies_file("{\"id\": \"7\", \"text\": \"\"}\nnonsense\n")};
    fm_adapter_config config = {.settings = &file, .n_settings = 1};
    fm_adapter *adapter = NULL;
    fm_err err = {0};

    cr_assert(eq(int, fm_adapter_open(&adapter, &fm_adapter_replay, &config, &err), FM_E_INPUT));
    cr_assert_not_null(strstr(err.text, "replies.jsonl:2: is no record"), "%s", err.text);
}

/* ---- command ---- */

static fm_adapter *command_of(const char *line, double timeout_s)
{
    fm_setting one = {"command", line};

    return open_with(&fm_adapter_command, (fm_adapter_config){.settings = &one,
                                                              .n_settings = 1,
                                                              .timeout_s = timeout_s,
                                                              .answers = "tuples"});
}

/* A shell program that answers every request with `answer`. */
#define ANSWERS(answer) "while read -r line; do printf '%s\\n' '" answer "'; done"

Test(command, gets_the_request_and_none_of_the_truth)
{
    char line[2048];
    const char *path = scratch_path("request");
    fm_buf got = {0};
    fm_sample sample = sample_of(FM_ANSWER_TRACE3D);

    snprintf(line, sizeof(line),
             "read -r line; echo \"$line\" > '%s'; echo '{\"id\": \"7\", \"text\": \"x\"}'; cat",
             path);
    fm_adapter *a = command_of(line, 10);
    cr_expect(eq(int, ask(a, &sample).status, FM_SAMPLE_OK));
    fm_adapter_close(a);
    cr_assert(eq(int, fm_file_read(path, 1 << 20, &got, NULL), FM_OK));
    cr_expect(eq(str, (char *)fm_buf_text(&got),
                 "{\"schema\": \"fathom.request/1\", \"id\": \"7\", \"task\": \"tabletop\", "
                 "\"prompt\": \"Point the way\", \"kind\": \"trace3d\", \"answers\": \"tuples\", "
                 "\"image\": null, "
                 "\"depth\": null, \"camera\": {\"fx\": 500, \"fy\": 500, \"cx\": 320, \"cy\": "
                 "240}}\n"));
    fm_buf_release(&got);
}

Test(command, gets_all_pictures_where_there_are_several)
{
    char line[2048];
    const char *path = scratch_path("request"), *more[] = {"/b.png"};
    fm_buf got = {0};
    fm_reply reply;
    fm_request request = {.id = "7",
                          .task = "t",
                          .prompt = "p",
                          .image_path = "/a.png",
                          .more_images = more,
                          .n_more_images = 1,
                          .repeat = 1};

    snprintf(line, sizeof(line),
             "read -r line; echo \"$line\" > '%s'; echo '{\"id\": \"7\", \"text\": \"x\"}'; cat",
             path);
    fm_adapter *a = command_of(line, 10);
    cr_assert(eq(int, fm_adapter_generate(a, &request, NULL, &reply, NULL), FM_OK));
    fm_adapter_close(a);
    cr_assert(eq(int, fm_file_read(path, 1 << 20, &got, NULL), FM_OK));
    cr_expect(strstr(fm_buf_text(&got), "\"image\": \"/a.png\", \"images\": [\"/a.png\", "
                                        "\"/b.png\"], \"depth\"") != NULL,
              "%s", fm_buf_text(&got));
    fm_buf_release(&got);
}

/* "tuples" is what a run has where a protocol states no form. */
Test(command, is_told_the_form_of_every_kind)
{
    static const struct {
        fm_answer_kind kind;
        const char *stated, *told;
    } rows[] = {
        {FM_ANSWER_TRACE2D, "json", "\"kind\": \"trace2d\", \"answers\": \"json\""},
        {FM_ANSWER_CHOICE, "tuples", "\"kind\": \"choice\", \"answers\": \"letter\""},
        {FM_ANSWER_QUANTITY, "scalar_unit", "\"kind\": \"quantity\", \"answers\": \"scalar_unit\""},
        {FM_ANSWER_POINTS, "own", "\"kind\": \"points\", \"answers\": \"own\""},
        {FM_ANSWER_YESNO, NULL, "\"kind\": \"yesno\", \"answers\": \"word\""},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char line[2048];
        const char *path = scratch_path("request");
        fm_setting one = {"command", line};
        fm_request request = {.id = "7", .task = "t", .kind = rows[i].kind, .prompt = "p"};
        fm_buf got = {0};
        fm_reply reply;

        snprintf(
            line, sizeof(line),
            "read -r line; echo \"$line\" > '%s'; echo '{\"id\": \"7\", \"text\": \"x\"}'; cat",
            path);
        fm_adapter *a = open_with(
            &fm_adapter_command,
            (fm_adapter_config){
                .settings = &one, .n_settings = 1, .timeout_s = 10, .answers = rows[i].stated});
        cr_assert(eq(int, fm_adapter_generate(a, &request, NULL, &reply, NULL), FM_OK));
        fm_adapter_close(a);
        cr_assert(eq(int, fm_file_read(path, 1 << 20, &got, NULL), FM_OK));
        cr_expect(strstr(fm_buf_text(&got), rows[i].told) != NULL, "%s", fm_buf_text(&got));
        fm_buf_release(&got);
    }
}

Test(command, answers_survive_with_nul_and_broken_utf8)
{
    fm_adapter *a =
        command_of("read -r x; printf '{\"id\":\"7\",\"text\":\"a\\\\u0000\\377z\"}\\n';"
                   "read -r x; printf "
                   "'{\"id\":\"7\",\"text_base64\":\"/wBh\",\"finish_reason\":\"stop\"}\\n'; cat",
                   10);
    fm_sample sample = sample_of(FM_ANSWER_TRACE3D);
    fm_reply reply = ask(a, &sample);

    cr_expect(eq(sz, reply.size, 4));
    cr_expect_arr_eq(reply.text, "a\0\xffz", 4);
    reply = ask(a, &sample);
    cr_expect(eq(sz, reply.size, 3));
    cr_expect_arr_eq(reply.text, "\xff\0a", 3);
    cr_expect(eq(str, (char *)reply.finish_reason, "stop"));
    fm_adapter_close(a);
}

static const struct failure {
    const char *program;
    fm_sample_status status;
    const char *detail;
} failures[] = {
    {ANSWERS("{\"id\": \"7\", \"error\": \"out of luck\"}"), FM_SAMPLE_API_ERROR, "out of luck"},
    {ANSWERS("{\"id\": \"7\", \"error\": \"no\", \"status\": \"refused\"}"), FM_SAMPLE_REFUSED,
     "no"},
    {ANSWERS("{\"id\": \"7\", \"text\": \"half\", \"status\": \"truncated\"}"), FM_SAMPLE_TRUNCATED,
     NULL},
    {ANSWERS("{\"id\": \"7\", \"text\": null}"), FM_SAMPLE_EMPTY, NULL},
    {ANSWERS("{\"id\": \"7\", \"text\": \"\"}"), FM_SAMPLE_EMPTY, NULL},
    {ANSWERS("{\"id\": \"7\"}"), FM_SAMPLE_API_ERROR,
     "the program's line has no 'text' and no 'error'"},
    {ANSWERS("{\"id\": \"8\", \"text\": \"x\"}"), FM_SAMPLE_API_ERROR,
     "the program answered id '8' instead of '7'"},
    {ANSWERS("{\"text\": \"x\"}"), FM_SAMPLE_API_ERROR,
     "the program answered id '' instead of '7'"},
    {ANSWERS("{\"id\": \"7\", \"text\": \"x\", \"status\": \"fine\"}"), FM_SAMPLE_API_ERROR,
     "the program gave the status 'fine', which is none"},
    {ANSWERS("{\"id\": \"7\", \"error\": \"x\", \"status\": \"ok\"}"), FM_SAMPLE_API_ERROR,
     "the program gave the status 'ok' beside an error"},
    {ANSWERS("Loading model"), FM_SAMPLE_API_ERROR,
     "the program wrote a line that is no JSON object: Loading model"},
    {ANSWERS("[1]"), FM_SAMPLE_API_ERROR, "the program wrote a line that is no JSON object: [1]"},
    {"read -r line; exit 3", FM_SAMPLE_API_ERROR,
     "the program ended with exit code 3 instead of a reply"},
    {"exit 0", FM_SAMPLE_API_ERROR, "the program ended with exit code 0 instead of a reply"},
    {"read -r line; printf '{\"id\": \"7\", \"te'", FM_SAMPLE_API_ERROR,
     "the program ended with exit code 0 instead of a reply"},
    {"read -r line; kill -SEGV $$", FM_SAMPLE_API_ERROR,
     "the program was ended by signal 11 (Segmentation fault)"},
    {"exec no-such-program-at-all 2>/dev/null", FM_SAMPLE_API_ERROR,
     "the program ended with exit code 127 instead of a reply"},
};

Test(command, every_failure_is_one_sample_with_a_reason)
{
    fm_sample sample = sample_of(FM_ANSWER_TRACE3D);

    for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
        fm_adapter *a = command_of(failures[i].program, 10);
        fm_reply reply = ask(a, &sample);

        cr_expect(eq(int, reply.status, failures[i].status), "%s", failures[i].program);
        if (failures[i].detail)
            cr_expect(eq(str, (char *)reply.detail, (char *)failures[i].detail));
        else
            cr_expect(eq(ptr, (void *)reply.detail, NULL), "%s", failures[i].program);
        fm_adapter_close(a);
    }
}

Test(command, a_silent_program_times_out_and_is_started_again)
{
    char line[2048];
    fm_sample sample = sample_of(FM_ANSWER_TRACE3D);

    /* The first start never answers, and leaves a child that would hold the pipe open. */
    snprintf(line, sizeof(line), "if mkdir '%s' 2>/dev/null; then sleep 60 & sleep 60; else %s; fi",
             scratch_path("once"), ANSWERS("{\"id\": \"7\", \"text\": \"x\"}"));
    fm_adapter *a = command_of(line, 1.5);
    fm_reply reply = ask(a, &sample);
    cr_expect(eq(int, reply.status, FM_SAMPLE_TIMEOUT));
    cr_expect(eq(str, (char *)reply.detail, "no reply within 1.5 s; the program was stopped"));
    cr_expect(ge(dbl, reply.latency_s, 1.5));
    cr_expect(eq(int, ask(a, &sample).status, FM_SAMPLE_OK));
    fm_adapter_close(a);
}

Test(command, that_never_answers_ends_the_run_after_three_starts)
{
    fm_adapter *a = command_of("exit 9", 10);
    fm_sample sample = sample_of(FM_ANSWER_TRACE3D);
    fm_request request = request_for(&sample);
    fm_reply reply = {0};
    fm_err err = {0};

    cr_expect(eq(int, ask(a, &sample).status, FM_SAMPLE_API_ERROR));
    cr_expect(eq(int, ask(a, &sample).status, FM_SAMPLE_API_ERROR));
    cr_expect(eq(int, fm_adapter_generate(a, &request, NULL, &reply, &err), FM_E_IO));
    cr_expect(eq(str, err.text,
                 "'exit 9' failed 3 times in a row: the program ended with exit code 9 instead of "
                 "a reply"));
    fm_adapter_close(a);
}

Test(command, that_crashes_on_some_samples_goes_on_for_ever)
{
    /* Answers once, then dies at the second request: each start is worth one answer. */
    fm_adapter *a =
        command_of("read -r x; echo '{\"id\": \"7\", \"text\": \"x\"}'; read -r x; exit 1", 10);
    fm_sample sample = sample_of(FM_ANSWER_TRACE3D);

    for (int i = 0; i < 8; i++)
        cr_expect(eq(int, ask(a, &sample).status, i % 2 == 0 ? FM_SAMPLE_OK : FM_SAMPLE_API_ERROR));
    fm_adapter_close(a);
}

Test(command, a_line_without_end_is_cut_off)
{
    fm_adapter *a = command_of("tr '\\0' x < /dev/zero", 20);
    fm_sample sample = sample_of(FM_ANSWER_TRACE3D);
    fm_reply reply = ask(a, &sample);

    cr_expect(eq(int, reply.status, FM_SAMPLE_API_ERROR));
    cr_expect(eq(str, (char *)reply.detail, "the program wrote a line of more than 16 MB"));
    fm_adapter_close(a);
}

Test(command, can_be_cancelled)
{
    fm_adapter *a = command_of("sleep 60", 30);
    fm_sample sample = sample_of(FM_ANSWER_TRACE3D);
    fm_request request = request_for(&sample);
    fm_reply reply = {0};

    fm_adapter_cancel(a);
    cr_expect(eq(int, fm_adapter_generate(a, &request, NULL, &reply, NULL), FM_E_INTERRUPTED));
    fm_adapter_close(a);
}
