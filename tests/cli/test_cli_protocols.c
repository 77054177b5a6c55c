/* One set of replies under several protocols: the spread of their numbers and the samples that flip. BLINK's own
 * files show it: they are skipped by name without the data. */
#include "program.h"

#include "../support/reference.h"
#include "base/json.h"

TestSuite(protocols, .init = program_begin, .fini = program_end);

/* What the last program printed. */
static cJSON *printed(void)
{
    cJSON *tree = NULL;
    fm_err err = {0};

    expect_success();
    cr_assert(eq(int, fm_json_parse(OUT, last.out.size, "stdout", &tree, &err), FM_OK), "%s",
              err.text);
    return tree;
}

/* True are A and B of COCO, then F, D and A of ADE20K: the last reply is wrong, and a reader of leading letters
 * takes the second for T. */
static void make_run(void)
{
    static const char replies[] = "{\"id\": \"4\", \"text\": \"A\"}\n"
                                  "{\"id\": \"5\", \"text\": \"The answer is (B).\"}\n"
                                  "{\"id\": \"6\", \"text\": \"F\"}\n"
                                  "{\"id\": \"7\", \"text\": \"D\"}\n"
                                  "{\"id\": \"8\", \"text\": \"B\"}\n";
    const char *source = getenv("FATHOM_SOURCE_DIR");
    char data[FM_PATH_BYTES];

    snprintf(data, sizeof(data), "%s/tests/data/suites/cv-bench/data", source ? source : ".");
    cr_assert(
        eq(int, fm_file_write_atomic("replies.jsonl", replies, sizeof(replies) - 1, NULL), FM_OK));
    fathom("score", "--suite", "cv-bench-2d-count@lmms-eval", "--data", data, "--predictions",
           "replies.jsonl", "--out", "run");
    expect_success();
}

/* Upstream's parser takes every tuple for a point of the trace; `answer` those of the answer alone. */
Test(protocols, what_a_reply_thinks_is_no_answer_under_one_of_them)
{
    static const char replies[] =
        "{\"id\": \"0\", \"text\": \"<think>[(1, 1, 1.0), (2, 2, 1.0)]</think><answer>[(500, 500, "
        "1.0), (600, 600, 1.2)]</answer>\"}\n"
        "{\"id\": \"1\", \"text\": \"<think>[(1, 1, 1.0), (2, 2, 1.0)]\"}\n"
        "{\"id\": \"2\", \"text\": \"[(1, 1, 1.0), (2, 2, 1.0)]\"}\n";
    fm_buf paper = {0}, answer = {0};

    fathom("world", "--count", "3", "--size", "64x48", "--out", "scenes");
    expect_success();
    cr_assert(
        eq(int, fm_file_write_atomic("replies.jsonl", replies, sizeof(replies) - 1, NULL), FM_OK));
    fathom("score", "--suite", "tabletop-3d@paper", "--data", "scenes", "--answers", "tuples",
           "--predictions", "replies.jsonl", "--out", "run");
    expect_success();
    fathom("score", "run", "--protocol", "paper,answer");
    expect_success();
    cr_assert(eq(int, fm_file_read("run/samples.jsonl", 1 << 20, &paper, NULL), FM_OK));
    cr_assert(eq(int, fm_file_read("run/samples@answer.jsonl", 1 << 20, &answer, NULL), FM_OK));
    cr_expect(contains(paper.data, "\"points\": [[0.001"), "%s", paper.data);
    cr_expect(contains(paper.data, "{\"id\": \"1\", \"status\": \"ok\""), "%s", paper.data);
    cr_expect(contains(answer.data, "\"points\": [[0.5, 0.5, 1], [0.6"), "%s", answer.data);
    cr_expect(contains(answer.data, "\"read\": [[50, 65], [67, 82]]"), "%s", answer.data);
    cr_expect(contains(answer.data, "{\"id\": \"1\", \"status\": \"parse_error\""), "%s",
              answer.data);
    cr_expect(contains(answer.data, "{\"id\": \"2\", \"status\": \"ok\""), "%s", answer.data);
    fm_buf_release(&paper);
    fm_buf_release(&answer);
}

/* The truth in metres of the camera's frame is the truth, and two numbers are no point in space. */
Test(protocols, points_in_space_are_graded_where_they_lie)
{
    static const char replies[] = "{\"id\": \"0\", \"text\": \"[(0.1, 0.1), (0.2, 0.1)]\"}\n";

    fathom("world", "--count", "3", "--size", "64x48", "--out", "scenes");
    expect_success();
    fathom("run", "tabletop-3d@paper", "--data", "scenes", "--adapter", "oracle", "--answers",
           "xyz", "--out", "true");
    expect_success();
    cr_expect(contains(OUT, "100.0 %"), "%s", OUT);
    cr_assert(
        eq(int, fm_file_write_atomic("replies.jsonl", replies, sizeof(replies) - 1, NULL), FM_OK));
    fathom("score", "--suite", "tabletop-3d@paper", "--data", "scenes", "--answers", "xyz",
           "--predictions", "replies.jsonl", "--out", "flat");
    expect_success();
    fm_buf samples = {0};
    cr_assert(eq(int, fm_file_read("flat/samples.jsonl", 1 << 20, &samples, NULL), FM_OK));
    cr_expect(contains(samples.data, "{\"id\": \"0\", \"status\": \"parse_error\""), "%s",
              samples.data);
    fm_buf_release(&samples);
}

Test(protocols, stand_side_by_side_with_their_spread_and_their_flips)
{
    make_run();
    fathom("score", "run", "--protocol", "official,lmms-eval");
    expect_success();
    static const char *const wanted[] = {
        /* (1 + 2/3) / 2 is a mean of sources, 3/5 one of answers: the headlines are not alike */
        "spread over 2 protocols",
        "\xE2\x96\xB8 headline      60.0 % lmms-eval     83.3 % official      23.3 points\n",
        "verdicts that differ: 1 of 5 samples",
        "  5   accuracy  yes: B    no: T      last lines / leading letter\n",
    };
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
        cr_expect(contains(OUT, wanted[i]), "missing: %s\n%s", wanted[i], OUT);
    cr_expect(lt(ptr, strstr(OUT, "@official"), strstr(OUT, "@lmms-eval")), "as they were named");

    fathom("score", "run", "--protocol", "all", "--flips", "1");
    expect_success();
    cr_expect(contains(OUT, "\n  1 of 9 verdicts shown"), "%s", OUT);
    cr_expect(lt(ptr, strstr(OUT, "@lmms-eval"), strstr(OUT, "@official")), "the run's own first");
    cr_expect(fm_file_exists("run/results@embodied-r1.json"));
}

Test(protocols, the_json_has_every_flip_with_what_each_protocol_read)
{
    make_run();
    fathom("score", "run", "--protocol", "lmms-eval,vlmevalkit,official", "--json");
    cJSON *tree = printed();
    const cJSON *spread = fm_json_get(tree, "spread"), *flips = fm_json_get(tree, "flips");
    const cJSON *headline = cJSON_GetArrayItem(spread, 0), *flip = cJSON_GetArrayItem(flips, 0);

    cr_expect(eq(str, (char *)fm_json_string(tree, "schema"), "fathom.protocols/1"));
    cr_expect(eq(int, cJSON_GetArraySize(fm_json_get(tree, "protocols")), 3));
    cr_expect(eq(str, (char *)fm_json_string(headline, "metric"), "headline"));
    cr_expect(eq(str, (char *)fm_json_string(fm_json_get(headline, "highest"), "protocol"),
                 "vlmevalkit"));
    cr_expect(ieee_ulp_eq(dbl, fm_json_number(headline, "difference", 0), 5 / 6.0 - 3 / 5.0, 4));
    cr_expect(eq(dbl, fm_json_number(cJSON_GetArrayItem(spread, 1), "flips", 0), 1));

    cr_assert(eq(str, (char *)fm_json_string(flip, "id"), "5"));
    cr_expect(eq(str, (char *)fm_json_string(flip, "metric"), "accuracy"));
    const cJSON *verdicts = fm_json_get(flip, "verdicts"), *answers = fm_json_get(flip, "answers");
    cr_expect(cJSON_IsFalse(fm_json_get(verdicts, "lmms-eval")));
    cr_expect(cJSON_IsTrue(fm_json_get(verdicts, "vlmevalkit")));
    cr_expect(eq(str, (char *)fm_json_string(answers, "lmms-eval"), "T"));
    cr_expect(eq(str, (char *)fm_json_string(answers, "vlmevalkit"), "B"));
    cr_expect(eq(str, (char *)fm_json_string(answers, "official"), "B"));
    cr_expect(eq(str, (char *)fm_json_string(fm_json_get(flip, "reasons"), "lmms-eval"),
                 "leading letter"));
    cJSON_Delete(tree);
}

/* Nothing is graded by the first where the second is wrong. */
Test(protocols, a_wrong_name_is_told_before_anything_is_graded)
{
    make_run();
    fathom("score", "run", "--protocol", "vlmevalkit,oficial");
    expect_failure(2, "fathom: unknown protocol 'oficial'; did you mean 'official'?\n"
                      "try 'fathom help score'\n");
    fathom("score", "run", "--protocol", "vlmevalkit,vlmevalkit");
    expect_failure(2, "fathom: protocol 'vlmevalkit' is named twice\ntry 'fathom help score'\n");
    fathom("score", "run", "--protocol", "vlmevalkit,");
    expect_failure(2, "fathom: option '--protocol' wants names with commas between\n"
                      "try 'fathom help score'\n");
    cr_expect(not(fm_file_exists("run/results@vlmevalkit.json")));
}

/* ---- BLINK's published replies ---- */

/* By the official rule and by a leading letter: as tests/golden/test_reference_choices.c, which counts them with the
 * functions alone. */
static const struct {
    char *model, *file, *task;
    int n, right, first_right, flips;
} table[] = {
    {"GPT4V", "Counting", "counting", 120, 73, 33, 40},
    {"GPT4V", "Object_Localization", "localization", 122, 67, 69, 32},
    {"GPT4V", "Relative_Depth", "depth", 124, 74, 16, 58},
    {"GPT4V", "Spatial_Relation", "relation", 143, 104, 87, 17},
    {"GPT4o", "Object_Localization", "localization", 122, 73, 71, 2},
    {"llava-v1.6-34b", "Counting", "counting", 120, 80, 80, 0},
    {"llava_v1.5_13b", "Spatial_Relation", "relation", 143, 97, 0, 97},
};

/* The replies of a file as records of ours. */
static void take_replies(const char *path)
{
    cJSON *file = NULL;
    const cJSON *row;
    fm_buf lines = {0};
    fm_err err = {0};

    cr_assert(eq(int, fm_json_load(path, (size_t)1 << 24, &file, &err), FM_OK), "%s", err.text);
    cJSON_ArrayForEach(row, fm_json_get(file, "val"))
    {
        fm_json_writer w = {.out = &lines};

        fm_json_open(&w, NULL, '{');
        fm_json_put_string(&w, "id", fm_json_string(row, "idx"));
        fm_json_put_tree(&w, "text", fm_json_get(row, "full_prediction"));
        fm_json_close(&w, '}');
        fm_buf_putc(&lines, '\n');
    }
    cr_assert(eq(int, fm_file_write_atomic("replies.jsonl", lines.data, lines.size, &err), FM_OK));
    fm_buf_release(&lines);
    cJSON_Delete(file);
}

static double numerator(const cJSON *tree, int protocol)
{
    const cJSON *one = cJSON_GetArrayItem(fm_json_get(tree, "protocols"), protocol);

    return fm_json_number(fm_json_get(fm_json_get(one, "aggregates"), "accuracy"), "numerator", -1);
}

Test(protocols, blink_by_a_leading_letter_flips_as_counted)
{
    char path[4096], suites[2048], task[64], run[16];
    const char *dir = reference_data("blink"), *source = getenv("FATHOM_SOURCE_DIR");

    snprintf(suites, sizeof(suites), "%s/docs/examples/suites", source ? source : ".");
    setenv("FATHOM_SUITES", suites, 1);
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        int flips = 0;
        const cJSON *flip;

        snprintf(run, sizeof(run), "run-%zu", i);
        snprintf(task, sizeof(task), "blink-published-%s", table[i].task);
        snprintf(path, sizeof(path), "%s/saved_outputs/%s/%s.json", dir, table[i].model,
                 table[i].file);
        take_replies(path);
        snprintf(path, sizeof(path), "%s/saved_outputs/%s", dir, table[i].model);
        fathom("score", "--suite", task, "--predictions", "replies.jsonl", "--data", path, "--out",
               run);
        expect_success();
        fathom("score", run, "--protocol", "official,leading-letter", "--json");
        cJSON *tree = printed();
        cJSON_ArrayForEach(flip, fm_json_get(tree, "flips"))
        {
            const cJSON *reasons = fm_json_get(flip, "reasons");

            if (strcmp(fm_json_string(flip, "metric"), "accuracy") != 0)
                continue;
            flips++;
            cr_expect(ne(ptr, (char *)fm_json_string(reasons, "official"), NULL));
            cr_expect(ne(ptr, (char *)fm_json_string(reasons, "leading-letter"), NULL));
        }
        cr_expect(eq(int, flips, table[i].flips), "%s", path);
        cr_expect(eq(dbl, numerator(tree, 0), table[i].right), "%s %s", path, task);
        cr_expect(eq(dbl, numerator(tree, 1), table[i].first_right), "%s %s", path, task);
        cr_expect(eq(dbl, fm_json_number(tree, "samples", 0), table[i].n));
        cJSON_Delete(tree);
    }
}
