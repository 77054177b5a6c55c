/* CV-Bench from end to end on a miniature in its true format: the truth scores one, what is wrong zero, and replies
 * worked by hand what each protocol says. */
#include "program.h"

#include "base/json.h"

TestSuite(cv_bench, .init = program_begin, .fini = program_end);

static char *data_dir(void)
{
    static char path[FM_PATH_BYTES];
    const char *source = getenv("FATHOM_SOURCE_DIR");

    snprintf(path, sizeof(path), "%s/tests/data/suites/cv-bench", source ? source : ".");
    return path;
}

static double member(const char *file, const char *metric, const char *name)
{
    cJSON *root = NULL;

    cr_assert(eq(int, fm_json_load(file, 1 << 20, &root, NULL), FM_OK), "%s", file);
    const cJSON *found = fm_json_get(fm_json_get(root, "aggregates"), metric);
    double value = fm_json_number(found, name, -1);
    cJSON_Delete(root);
    return value;
}

static const char *const tasks[] = {"cv-bench-2d-relation", "cv-bench-2d-count",
                                    "cv-bench-3d-depth", "cv-bench-3d-distance"};

Test(cv_bench, the_truth_scores_one_and_what_is_wrong_zero)
{
    static const int sizes[] = {4, 5, 3, 3};
    static const char *const protocols[] = {"official", "lmms-eval", "vlmevalkit", "embodied-r1"};

    for (size_t i = 0; i < 4; i++) {
        char target[128];

        /* Every protocol once, every task twice. */
        for (int right = 0; right < 2; right++) {
            snprintf(target, sizeof(target), "%s@%s", tasks[i], protocols[i]);
            fathom("run", target, "--data", data_dir(), "-a", right ? "oracle" : "wrong", "--out",
                   right ? "right" : "wrong");
            expect_success();
            const char *file = right ? "right/results.json" : "wrong/results.json";
            cr_expect(eq(dbl, member(file, "accuracy", "value"), right), "%s", target);
            cr_expect(eq(dbl, member(file, "extracted", "denominator"), sizes[i]), "%s", target);
        }
        cr_assert(eq(int, rename("right", tasks[i]), 0));
        cr_assert(eq(int, rename("wrong", protocols[i]), 0));
    }
}

Test(cv_bench, each_protocol_reads_the_same_replies_its_own_way)
{
    /* True are A, B of COCO and C, D, A of ADE20K. */
    static const char replies[] =
        "{\"question_id\": 4, \"model_prediction\": \"A\"}\n"
        "{\"question_id\": 5, \"model_prediction\": \"The answer is (B).\"}\n"
        "{\"question_id\": 6, \"model_prediction\": \"C\"}\n"
        "{\"question_id\": 7, \"model_prediction\": \"(D)\"}\n"
        "{\"question_id\": 8, \"model_prediction\": \"B\"}\n";
    static const struct {
        char *protocol, *file, *metric;
        double value;
    } rows[] = {
        {"lmms-eval", "run/results.json", "accuracy", 3 / 5.0}, /* the second reads as T */
        /* "(B)." is no word "(B)". */
        {"official", "run/results@official.json", "accuracy_source", (1 / 2.0 + 2 / 3.0) / 2},
        {"vlmevalkit", "run/results@vlmevalkit.json", "accuracy_source", (1 + 2 / 3.0) / 2},
        {"embodied-r1", "run/results@embodied-r1.json", "accuracy", 4 / 5.0},
    };
    FILE *f = fopen("replies.jsonl", "w");

    cr_assert(f && fputs(replies, f) >= 0 && fclose(f) == 0);
    fathom("run", "cv-bench-2d-count@lmms-eval", "--data", data_dir(), "-a", "replay", "--set",
           "file=replies.jsonl", "--out", "run");
    expect_success();
    for (size_t i = 0; i < 4; i++) {
        if (i > 0)
            fathom("score", "run", "--protocol", rows[i].protocol);
        expect_success();
        cr_expect(ieee_ulp_eq(dbl, member(rows[i].file, rows[i].metric, "value"), rows[i].value, 4),
                  "%s", rows[i].protocol);
    }
}

/* A model gets the question with its options and the picture, and nothing of the answer. */
Test(cv_bench, a_model_sees_question_and_picture)
{
    fm_buf asked = {0};

    fathom("run", "cv-bench", "--data", data_dir(), "-n", "1", "--out", "run", "-a", "command",
           "--set",
           "command=read -r line; printf %s \"$line\" > asked; echo '{\"id\": \"0\", \"text\": "
           "\"A\"}'");
    expect_success();
    cr_assert(eq(int, fm_file_read("asked", 1 << 20, &asked, NULL), FM_OK));
    const char *line = fm_buf_text(&asked);
    cr_expect(strstr(line,
                     "with respect to the table? Select from the following choices.\\n(A) left\\n"
                     "(B) right\\nAnswer with the option's letter") != NULL,
              "%s", line);
    cr_expect(strstr(line, "/cache/pictures/") && strstr(line, ".png\"") && !strstr(line, "truth"),
              "%s", line);
    fm_buf_release(&asked);
}
