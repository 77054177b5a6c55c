/* Runs held against each other: the gate's exit codes, what is refused, damaged runs, and texts from
 * data in every output. */
#include "base/buffer.h"
#include "base/text.h"
#include "program.h"

TestSuite(compare, .init = program_begin, .fini = program_end);
TestSuite(power, .init = program_begin, .fini = program_end);

enum { SAMPLES = 32 };

static void write_text(const char *dir, const char *name, const fm_buf *text)
{
    char path[256];

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    if (fm_dir_make(dir, NULL) != FM_OK ||
        fm_file_write_atomic(path, text->data, text->size, NULL) != FM_OK)
        cr_fatal("cannot write '%s'", path);
}

/* A run directory of n samples: right but for those from `wrong` on, each `repeats` times; dfd near
 * `distance`. What the program reads of one, without the seconds that making one takes. */
static void make_run_of(const char *dir, int n, int wrong, double distance, int repeats)
{
    fm_buf text = {0};

    fm_buf_puts(&text, "{\"schema\": \"fathom.manifest/1\", \"suite\": {\"name\": \"tabletop\", "
                       "\"version\": \"1\", \"task\": \"tabletop-3d\", \"protocol\": \"paper\", "
                       "\"protocol_version\": 1}, \"answers\": \"tuples\", \"data\": {\"dir\": "
                       "\"/gone\", \"annotations\": null, \"sha256\": \"da7a\"}, \"prompt\": "
                       "{\"text\": \"Point\", \"sha256\": \"5c65\"}, \"adapter\": {\"name\": "
                       "\"gemini\", \"settings\": [], \"seed\": 1, \"timeout_s\": 0, "
                       "\"sees_truth\": false}, \"selection\": {}}");
    write_text(dir, "manifest.json", &text);
    fm_buf_clear(&text);
    fm_buf_printf(&text,
                  "{\"schema\": \"fathom.results/1\", \"suite\": \"tabletop\", \"suite_version\": "
                  "\"1\", \"task\": \"tabletop-3d\", \"protocol\": \"paper\", "
                  "\"protocol_version\": 1, \"adapter\": \"gemini\", \"n\": %d}",
                  n * repeats);
    write_text(dir, "results.json", &text);
    fm_buf_clear(&text);
    for (int i = 0; i < n * repeats; i++) {
        int sample = i / repeats, k = i % repeats;

        fm_buf_printf(&text, "{\"id\": \"%d", sample);
        if (k)
            fm_buf_printf(&text, "#%d\", \"base_id\": \"%d\", \"repeat\": %d", k + 1, sample,
                          k + 1);
        else
            fm_buf_puts(&text, "\"");
        fm_buf_printf(
            &text,
            ", \"status\": \"ok\", \"reply\": {\"status\": \"ok\", \"text\": \"\\\"}{\"}, "
            "\"metrics\": {\"success\": %s, \"dfd\": %g, \"grid_origin\": [1, 2]}, "
            "\"reason\": null}\n",
            sample < wrong && k != 1 ? "true" : "false", distance * (1 + 0.1 * (sample * 7 % 11)));
    }
    write_text(dir, "samples.jsonl", &text);
    fm_buf_release(&text);
}

static void make_run(const char *dir, int wrong, double distance)
{
    make_run_of(dir, SAMPLES, wrong, distance, 1);
}

static void make_runs(void)
{
    make_run("base", SAMPLES, 0.03);
    make_run("good", SAMPLES, 0.031);
    make_run("bad", 1, 0.4);
}

/* Every `from` in a file of a run becomes `to`. */
static void replace(const char *path, const char *from, const char *to)
{
    fm_buf in = {0}, out = {0};

    if (fm_file_read(path, (size_t)64 << 20, &in, NULL) != FM_OK)
        cr_fatal("cannot read '%s'", path);
    cr_assert(contains(fm_buf_text(&in), from), "'%s' has no '%s'", path, from);
    for (const char *p = fm_buf_text(&in), *at; *p; p = at + strlen(from)) {
        at = strstr(p, from);
        if (!at) {
            fm_buf_puts(&out, p);
            break;
        }
        fm_buf_append(&out, p, (size_t)(at - p));
        fm_buf_puts(&out, to);
    }
    if (fm_file_write_atomic(path, out.data, out.size, NULL) != FM_OK)
        cr_fatal("cannot write '%s'", path);
    fm_buf_release(&in);
    fm_buf_release(&out);
}

Test(compare, a_gate_passes_fails_or_is_inconclusive_by_its_exit_code)
{
    make_runs();
    fathom("compare", "base", "good", "--gate", "noninferior", "--margin", "20pp");
    expect_success();
    cr_expect(contains(OUT, "PASS  non-inferiority of success within 20 pp"), "%s", OUT);
    fathom("compare", "base", "bad", "--gate", "noninferior", "--margin", "3pp");
    cr_expect(eq(int, last.code, 10), "%s", ERR);
    cr_expect(contains(ERR, "the gate failed: non-inferiority of success within 3 pp: worse by "
                            "more than 3 pp: -"),
              "%s", ERR);
    fathom("compare", "base", "good", "--gate", "noninferior", "--margin", "0.001");
    cr_expect(eq(int, last.code, 11), "%s", ERR);
    cr_expect(contains(ERR, "32 pairs cannot tell"), "%s", ERR);
    fathom("compare", "bad", "base", "--gate", "superior", "--metric", "success,dfd");
    expect_success();
    cr_expect(contains(OUT, "PASS  superiority of dfd\n             better: -"), "%s", OUT);
}

Test(compare, a_run_equals_itself)
{
    make_run("base", 20, 0.03);
    fathom("compare", "base", "base", "--json");
    expect_success();
    cr_expect(contains(OUT, "\"difference\": 0,"), "%s", OUT);
    cr_expect(eq(int, contains(OUT, "\"lost\": 1"), false));
    fathom("compare", "base", "base", "--gate", "superior");
    cr_expect(eq(int, last.code, 11));
}

Test(compare, the_same_bytes_on_any_number_of_threads)
{
    fm_buf first = {0};

    make_runs();
    fathom("compare", "base", "good", "bad", "--json", "-j", "1");
    expect_success();
    fm_buf_puts(&first, OUT);
    fathom("compare", "base", "good", "bad", "--json", "-j", "7");
    expect_success();
    cr_expect(eq(str, OUT, first.data));
    cr_expect(contains(OUT, "\"seed\": 20251213660"));
    fm_buf_release(&first);
}

Test(compare, what_must_not_be_compared_is_named)
{
    make_runs();
    replace("good/manifest.json", "\"prompt\": {", "\"prompt\": {\"sha256\": \"other\", ");
    fathom("compare", "base", "good");
    cr_expect(eq(int, last.code, 2));
    cr_expect(contains(ERR, "the prompt differs, "), "%s", ERR);
    cr_expect(contains(ERR, "--allow-different prompt compares them all the same"), "%s", ERR);
    fathom("compare", "base", "good", "--allow-different", "prompt");
    expect_success();
    cr_expect(contains(OUT, "differs in prompt, allowed"), "%s", OUT);
    replace("bad/results.json", "\"protocol_version\": 1", "\"protocol_version\": 2");
    fathom("compare", "base", "bad", "--allow-different", "prompt,data");
    cr_expect(contains(ERR, "the version of the protocol differs, 1 there and 2 here"), "%s", ERR);
    fathom("compare", "base", "good", "--allow-different", "weather");
    cr_expect(contains(ERR, "wants suite, protocol, prompt or data, not 'weather'"), "%s", ERR);
}

Test(compare, options_that_make_no_sense_are_refused)
{
    make_run("base", SAMPLES, 0.03);
    fathom("compare", "base");
    cr_expect(eq(int, last.code, 2));
    fathom("compare", "base", "base", "--margin", "3pp");
    cr_expect(contains(ERR, "option '--margin' is for a gate: it needs --gate"), "%s", ERR);
    fathom("compare", "base", "base", "--gate", "noninferior");
    cr_expect(contains(ERR, "needs --margin"), "%s", ERR);
    fathom("compare", "base", "base", "--gate", "noninferior", "--margin", "3");
    cr_expect(eq(int, last.code, 2));
    cr_expect(contains(ERR, "goes from 0 to 1, a margin of 3 is all of it: did you mean 3pp?"),
              "%s", ERR);
    fathom("compare", "base", "base", "--gate", "noninferior", "--margin", "-3pp");
    cr_expect(contains(ERR, "not '-3pp'"), "%s", ERR);
    fathom("compare", "base", "base", "--gate", "superior", "--alpha", "0.7");
    cr_expect(contains(ERR, "'--alpha' wants"), "%s", ERR);
    fathom("compare", "base", "base", "--gate", "superior", "--metric", "sucess");
    cr_expect(contains(ERR, "did you mean 'success'?"), "%s", ERR);
    fathom("compare", "base", "base", "--github", "--json");
    cr_expect(contains(ERR, "nothing else can be read there"), "%s", ERR);
}

static size_t longest_line(const char *text)
{
    size_t most = 0;

    for (size_t n; *text; text += n + (text[n] == '\n')) {
        char line[1024];

        n = strcspn(text, "\n");
        snprintf(line, sizeof(line), "%.*s", (int)n, text);
        most = fm_text_columns(line) > most ? fm_text_columns(line) : most;
    }
    return most;
}

/* Two runs of long names take more than a terminal of 80 columns has; so does a shell that says so. */
Test(compare, piped_tables_keep_to_the_columns_that_are_exported)
{
    static char base[] = "a-run-with-a-name-of-so-many-words-that-it-is-long";
    static char candidate[] = "another-run-with-a-name-of-as-many-words-as-it-has";

    make_run(base, 20, 0.03);
    make_run(candidate, 10, 0.03);
    fathom("report", base, candidate);
    expect_success();
    cr_expect(gt(sz, longest_line(OUT), 80), "%s", OUT);
    setenv("COLUMNS", "80", 1);
    fathom("report", base, candidate);
    expect_success();
    cr_expect(le(sz, longest_line(OUT), 80), "%s", OUT);
    setenv("COLUMNS", "many", 1);
    fathom("report", base, candidate);
    expect_success();
    cr_expect(gt(sz, longest_line(OUT), 80), "%s", OUT);
}

Test(compare, runs_of_different_length_are_paired_by_id)
{
    make_run("base", SAMPLES, 0.03);
    make_run_of("short", 5, 5, 0.03, 1);
    fathom("compare", "base", "short");
    expect_success();
    cr_expect(contains(OUT, "pairs      5, left out: 27 in the base alone, 0 in the candidate"),
              "%s", OUT);
    make_run_of("one", 1, 1, 0.03, 1);
    fathom("compare", "base", "one", "--gate", "noninferior", "--margin", "3pp");
    cr_expect(eq(int, last.code, 11), "%s", ERR);
}

Test(compare, damaged_runs_are_refused_by_name)
{
    fm_buf text = {0};

    make_runs();
    replace("bad/samples.jsonl", "\"id\": \"3\"", "\"id\": \"4\"");
    fathom("compare", "base", "bad");
    cr_expect(eq(int, last.code, 4));
    cr_expect(contains(ERR, "sample '4' stands in samples.jsonl twice"), "%s", ERR);
    if (fm_file_read("good/samples.jsonl", (size_t)1 << 20, &text, NULL) != FM_OK)
        cr_fatal("no samples");
    text.data[text.size /= 2] = '\0';
    if (fm_file_write_atomic("good/samples.jsonl", text.data, text.size, NULL) != FM_OK)
        cr_fatal("cannot write");
    fathom("compare", "base", "good");
    cr_expect(eq(int, last.code, 4));
    cr_expect(contains(ERR, "good/samples.jsonl:"), "%s", ERR);
    *strrchr(text.data, '\n') = '\0';
    if (fm_file_write_atomic("good/samples.jsonl", text.data, strlen(text.data), NULL) != FM_OK)
        cr_fatal("cannot write");
    fathom("compare", "base", "good");
    cr_expect(contains(ERR, "lines where results.json counts 32"), "%s", ERR);
    fm_buf_release(&text);
    replace("base/results.json", "\"schema\"", "\"aggregates\": [1], \"schema\"");
    fathom("report", "base");
    cr_expect(eq(int, last.code, 4));
    cr_expect(contains(ERR, "base/results.json: 'aggregates' is no object"), "%s", ERR);
}

/* Half of the candidate's replies time out: with all of them wrong it is worse, with their pairs
 * dropped it is not, so that nothing is decided. */
Test(compare, failed_replies_cannot_decide_a_gate)
{
    make_runs();
    for (int i = 0; i < 16; i++) {
        char from[64], to[64];

        snprintf(from, sizeof(from), "{\"id\": \"%d\", \"status\": \"ok\"", i);
        snprintf(to, sizeof(to), "{\"id\": \"%d\", \"status\": \"timeout\"", i);
        replace("good/samples.jsonl", from, to);
    }
    fathom("compare", "base", "good", "--gate", "noninferior", "--margin", "20pp");
    cr_expect(eq(int, last.code, 11), "%s", ERR);
    cr_expect(contains(ERR, "16 pairs with a failed reply decide it: -50.0 pp with them wrong, "
                            "0.0 pp with their pairs dropped"),
              "%s", ERR);
    cr_expect(contains(OUT, "16 of 32 pairs: base none; candidate 16 timeout"), "%s", OUT);
}

Test(compare, junit_keeps_failures_and_errors_apart)
{
    make_runs();
    fathom("compare", "base", "bad", "good", "--gate", "noninferior", "--margin", "1pp", "--junit",
           "junit.xml");
    cr_expect(eq(int, last.code, 10));
    fathom("compare", "base", "bad", "good", "--gate", "noninferior", "--margin", "1pp", "--junit",
           "-");
    cr_expect(contains(OUT, "<testsuites tests=\"2\" failures=\"1\" errors=\"1\" skipped=\"0\">"),
              "%s", OUT);
    cr_expect(contains(OUT, "<failure type=\"fail\" message=\"worse by more than 1 pp: -"));
    cr_expect(contains(OUT, "<error type=\"inconclusive\" message=\"32 pairs cannot tell"));
    cr_expect(fm_file_exists("junit.xml"));
}

/* Ids, names of folders and models come from elsewhere. */
Test(compare, texts_from_data_cannot_act_in_any_output)
{
    static const char hostile[] = "\\u001b[31m</testcase>\\n::error::x|<b>%0A\\u202e";

    make_runs();
    make_run("a\n::error::b<&\"", 1, 0.4);
    for (int i = 0; i < 32; i++) {
        char from[64], to[128];

        snprintf(from, sizeof(from), "{\"id\": \"%d\",", i);
        snprintf(to, sizeof(to), "{\"id\": \"%d%s\",", i, hostile);
        replace("base/samples.jsonl", from, to);
        replace("a\n::error::b<&\"/samples.jsonl", from, to);
    }
    fathom("compare", "base", "a\n::error::b<&\"", "--gate", "noninferior", "--margin", "3pp",
           "--github", "--junit", "junit.xml", "--list", "40");
    cr_expect(eq(int, last.code, 10), "%s", ERR);
    cr_expect(contains(OUT, "lost"));
    cr_expect(eq(int, contains(OUT, "\033"), false));
    cr_expect(eq(int, contains(OUT, "\xE2\x80\xAE"), false));
    cr_expect(eq(int, contains(OUT, "\n::error::"), false));
    cr_expect(contains(OUT, "\n::error title=non-inferiority of success within 3 pp%3A fail::"));
    cr_expect(eq(int, (int)count_lines(ERR), 2), "%s", ERR); /* no data, no clusters; the verdict */
    fathom("compare", "base", "a\n::error::b<&\"", "--markdown", "-", "--list", "40");
    expect_success();
    cr_expect(contains(OUT, "lost: "));
    cr_expect(eq(int, contains(OUT, "</testcase>"), false));
    cr_expect(eq(int, contains(OUT, "<b>"), false));
    cr_expect(eq(int, contains(OUT, "\n::error"), false));
    fathom("compare", "base", "a\n::error::b<&\"", "--junit", "-");
    expect_success();
    cr_expect(eq(int, contains(OUT, "b<&"), false), "%s", OUT);
}

Test(compare, github_gets_its_step_summary_appended)
{
    fm_buf text = {0};

    make_runs();
    setenv("GITHUB_STEP_SUMMARY", scratch_path("summary.md"), 1);
    if (fm_file_write_atomic("summary.md", "before\n", 7, NULL) != FM_OK)
        cr_fatal("cannot write");
    fathom("compare", "base", "good", "--github", "--gate", "noninferior", "--margin", "20pp");
    expect_success();
    cr_expect(contains(OUT, "\n::notice title=non-inferiority of success within 20 pp%3A pass::"),
              "%s", OUT);
    if (fm_file_read("summary.md", (size_t)1 << 20, &text, NULL) != FM_OK)
        cr_fatal("no summary");
    cr_expect(contains(text.data, "before\n**Gate: pass**\n"), "%s", text.data);
    cr_expect(contains(text.data, "\n| **success** | "));
    unsetenv("GITHUB_STEP_SUMMARY");
    fm_buf_release(&text);
}

/* A run of blink or 3dsrbench: a line a sample, with its id, its category, and right (1) or wrong. */
typedef struct {
    const char *id, *category;
    int base, candidate;
} question;

static void make_choices(const char *dir, const char *task, const question *rows, size_t n,
                         bool candidate)
{
    fm_buf text = {0};

    fm_buf_printf(&text,
                  "{\"schema\": \"fathom.manifest/1\", \"suite\": {\"name\": \"%s\", "
                  "\"version\": \"1\", \"task\": \"%s\", \"protocol\": \"official\", "
                  "\"protocol_version\": 1}, \"answers\": \"tuples\", \"data\": {\"dir\": "
                  "\"/gone\", \"annotations\": null, \"sha256\": \"da7a\"}, \"prompt\": "
                  "{\"text\": \"?\", \"sha256\": \"5c65\"}, \"adapter\": {\"name\": "
                  "\"gemini\", \"settings\": [], \"seed\": 1, \"timeout_s\": 0, "
                  "\"sees_truth\": false}, \"selection\": {}}",
                  task, task);
    write_text(dir, "manifest.json", &text);
    fm_buf_clear(&text);
    fm_buf_printf(&text,
                  "{\"schema\": \"fathom.results/1\", \"suite\": \"%s\", \"suite_version\": "
                  "\"1\", \"task\": \"%s\", \"protocol\": \"official\", "
                  "\"protocol_version\": 1, \"adapter\": \"gemini\", \"n\": %zu, \"aggregates\": "
                  "{\"accuracy_macro\": {\"groups\": 2}}}",
                  task, task, n);
    write_text(dir, "results.json", &text);
    fm_buf_clear(&text);
    for (size_t i = 0; i < n; i++)
        fm_buf_printf(&text,
                      "{\"id\": \"%s\", \"status\": \"ok\", %s%s%s\"metrics\": {\"accuracy\": "
                      "%s}}\n",
                      rows[i].id, rows[i].category ? "\"category\": \"" : "",
                      rows[i].category ? rows[i].category : "", rows[i].category ? "\", " : "",
                      (candidate ? rows[i].candidate : rows[i].base) ? "true" : "false");
    write_text(dir, "samples.jsonl", &text);
    fm_buf_release(&text);
}

/* Of four A's one becomes two, of two B's two become one: 62.5 % becomes 50 %, while the plain rate
 * stays at a half. */
Test(compare, a_mean_over_categories_is_compared_and_gated)
{
    static const question rows[] = {{"1", "A", 1, 1}, {"2", "A", 0, 1}, {"3", "A", 0, 0},
                                    {"4", "A", 0, 0}, {"5", "B", 1, 1}, {"6", "B", 1, 0}};

    make_choices("base", "blink", rows, 6, false);
    make_choices("new", "blink", rows, 6, true);
    fathom("compare", "base", "new", "--json");
    expect_success();
    cr_expect(contains(OUT, "\"primary\": \"accuracy_macro\""), "%s", OUT);
    cr_expect(contains(OUT, "\"base\": 0.625,\n          \"candidate\": 0.5,\n          "
                            "\"difference\": -0.125"),
              "%s", OUT);
    cr_expect(contains(OUT, "\"changed_metric\": \"accuracy\""), "%s", OUT);
    fathom("compare", "base", "new");
    expect_success();
    cr_expect(contains(OUT, "\xE2\x96\xB8 accuracy_macro  62.5 %     50.0 %    -12.5 pp"), "%s",
              OUT);
    fathom("compare", "base", "new", "--gate", "noninferior", "--margin", "3pp");
    cr_expect(eq(int, last.code, 11));
    cr_expect(contains(ERR, "non-inferiority of accuracy_macro within 3 pp: 6 pairs cannot tell"),
              "%s", ERR);
    fathom("compare", "base", "new", "--gate", "noninferior", "--margin", "90pp", "--metric",
           "accuracy_macro", "--only", "accuracy");
    expect_success();
    fathom("compare", "new", "base", "--gate", "superior", "--metric", "accuracy_makro");
    cr_expect(contains(ERR, "did you mean 'accuracy_macro'?"), "%s", ERR);
}

/* Lines of older runs do not say their category. */
Test(compare, a_mean_over_categories_that_nobody_knows_is_refused_to_a_gate)
{
    static const question rows[] = {{"1", NULL, 1, 1}, {"2", NULL, 0, 1}};

    make_choices("base", "blink", rows, 2, false);
    make_choices("new", "blink", rows, 2, true);
    fathom("compare", "base", "new");
    expect_success();
    cr_expect(eq(int, contains(OUT, "accuracy_macro"), false), "%s", OUT);
    fathom("compare", "base", "new", "--gate", "superior");
    cr_expect(eq(int, last.code, 4));
    cr_expect(contains(ERR, "writes it, or --metric accuracy gates on the samples"), "%s", ERR);
}

/* Three questions of two copies: the first is lost with one copy, the third gained with both. */
Test(compare, copies_of_a_question_count_as_one)
{
    static const question rows[] = {{"a-0", "A", 1, 1}, {"a-1", "A", 1, 0}, {"b-0", "A", 1, 1},
                                    {"b-1", "A", 1, 1}, {"c-0", "A", 1, 1}, {"c-1", "A", 0, 1}};

    make_choices("base", "3dsrbench", rows, 6, false);
    make_choices("new", "3dsrbench", rows, 6, true);
    fathom("compare", "base", "new", "--json", "--only", "accuracy_copies");
    expect_success();
    cr_expect(contains(OUT, "\"n\": 3,"), "%s", OUT);
    cr_expect(contains(OUT, "\"gained\": 1,\n          \"lost\": 1,"), "%s", OUT);
    cr_expect(contains(OUT, "\"p_method\": \"mcnemar-exact\""), "%s", OUT);

    /* Samples asked several times tell no longer which question was right. */
    replace("new/results.json", "\"n\": 6", "\"n\": 6, \"repeats\": 2");
    fathom("compare", "base", "new");
    expect_success();
    cr_expect(eq(int, contains(OUT, "accuracy_copies"), false), "%s", OUT);
    fathom("compare", "base", "new", "--only", "accuracy_copies");
    cr_expect(eq(int, last.code, 2));
    cr_expect(contains(ERR, "'accuracy_copies' of samples asked several times (--repeat) is not "
                            "compared; 'accuracy', over all askings, is"),
              "%s", ERR);
}

/* Twenty questions; of the first `wrong` the candidate has none right. */
static void make_suite(const char *base, const char *candidate, const char *task, int wrong)
{
    static char ids[20][8];
    question rows[20];

    for (int i = 0; i < 20; i++) {
        snprintf(ids[i], sizeof(ids[i]), "%d", i);
        rows[i] = (question){ids[i], i % 2 ? "A" : "B", 1, i >= wrong};
    }
    make_choices(base, task, rows, 20, false);
    make_choices(candidate, task, rows, 20, true);
}

static void make_folders(void)
{
    make_suite("before/blink", "after/b", "blink", 18);
    make_suite("before/3dsr", "after/x", "3dsrbench", 0);
}

Test(compare, folders_are_matched_by_task_and_gated_together)
{
    make_folders();
    fathom("compare", "before", "after", "--gate", "noninferior", "--margin", "20pp", "--junit",
           "junit.xml");
    cr_expect(eq(int, last.code, 10), "%s", ERR);
    cr_expect(contains(OUT, "3dsrbench@official\n"), "%s", OUT);
    cr_expect(contains(OUT, "  gate       FAIL  over 2 suites\n             3dsrbench@official: "),
              "%s", OUT);
    cr_expect(contains(OUT, "             blink@official: fail\n"), "%s", OUT);
    cr_expect(contains(ERR, "the gate failed: blink@official: non-inferiority of accuracy_macro"),
              "%s", ERR);
    fathom("compare", "before", "after", "--gate", "noninferior", "--margin", "20pp", "--junit",
           "-");
    cr_expect(contains(OUT, "<testsuites tests=\"2\" failures=\"1\""), "%s", OUT);
    cr_expect(contains(OUT, "<testsuite name=\"blink@official\" tests=\"1\" failures=\"1\""), "%s",
              OUT);
    cr_expect(contains(OUT, "<testsuite name=\"3dsrbench@official\" tests=\"1\" failures=\"0\""),
              "%s", OUT);
    fathom("compare", "before", "after", "--gate", "superior", "--markdown", "-");
    cr_expect(contains(OUT, "\n- blink&#64;official: fail\n"), "%s", OUT);
}

/* Holm is over both: of one p of 2^-19 and ones the smallest counts as often as there are tests. */
Test(compare, several_suites_are_one_family_of_tests)
{
    make_folders();
    fathom("compare", "before", "after", "--only", "accuracy", "--json");
    expect_success();
    cr_expect(contains(OUT, "\"schema\": \"fathom.compare-suites/1\""), "%s", OUT);
    cr_expect(contains(OUT, "\"tests\": 2"), "%s", OUT);
    cr_expect(contains(OUT, "\"p\": 7.62939453124999"), "%s", OUT);
    cr_expect(contains(OUT, "\"p_holm\": 1.52587890624999"), "%s", OUT);
    fathom("compare", "before/blink", "after/b", "--only", "accuracy", "--json");
    cr_expect(contains(OUT, "\"p_holm\": 7.62939453124999"), "%s", OUT);
}

Test(compare, folders_that_do_not_match_are_refused)
{
    make_folders();
    make_suite("before/sat", "other/sat", "blink-jigsaw", 0);
    fathom("compare", "before", "after");
    cr_expect(eq(int, last.code, 2));
    cr_expect(contains(ERR, "'after' has no run of blink-jigsaw@official to hold against '"), "%s",
              ERR);
    fathom("compare", "before", "after", "--allow-different", "suite");
    expect_success();
    cr_expect(contains(ERR, "'after' has no run of blink-jigsaw@official"), "%s", ERR);
    make_suite("before/sat", "after/sat", "blink-jigsaw", 0);
    make_suite("before/blink2", "after/blink2", "blink", 0);
    fathom("compare", "before", "after");
    cr_expect(eq(int, last.code, 2));
    cr_expect(contains(ERR, "several runs of blink@official, but none named 'blink', to hold"),
              "%s", ERR);
    make_suite("before/blink", "after/blink", "blink", 0);
    fathom("compare", "before", "after");
    expect_success();
    cr_expect(contains(ERR, "after/b' is left out: 'before' has no such run"), "%s", ERR);
    fathom("compare", "before", "after/b");
    cr_expect(contains(ERR, "compare runs, or folders of runs"), "%s", ERR);
    fathom("compare", "before", "after", "--gate", "superior", "--metric", "success");
    cr_expect(contains(ERR, "none of the 4 suites has a metric 'success'"), "%s", ERR);
    fathom("compare", "nowhere", "after");
    cr_expect(contains(ERR, "cannot open run directory 'nowhere'"), "%s", ERR);
}

Test(compare, a_margin_in_points_is_for_rates)
{
    make_run("base", SAMPLES, 0.03);
    fathom("compare", "base", "base", "--gate", "noninferior", "--margin", "3pp", "--metric",
           "dfd");
    cr_expect(eq(int, last.code, 2));
    cr_expect(contains(ERR, "metric 'dfd' is no rate, a margin of 3pp says nothing of it: name it "
                            "as a number of m"),
              "%s", ERR);
}

Test(compare, samples_of_one_category_are_taken_together)
{
    static const question rows[] = {{"1", "A", 1, 0}, {"2", "A", 1, 0}, {"3", "B", 1, 1},
                                    {"4", "B", 0, 1}, {"5", "C", 1, 0}, {"6", "C", 1, 0}};

    make_choices("base", "blink", rows, 6, false);
    make_choices("new", "blink", rows, 6, true);
    fathom("compare", "base", "new", "--cluster", "category", "--json");
    expect_success();
    cr_expect(contains(OUT, "\"cluster\": \"category\""), "%s", OUT);
    cr_expect(contains(OUT, "\"p_method\": \"sign-flip-cluster\""), "%s", OUT);
    cr_expect(contains(OUT, "\"clusters\": 3,"), "%s", OUT);
    fathom("compare", "base", "new", "--cluster", "category");
    cr_expect(contains(OUT, "in 3 groups by category (design effect "), "%s", OUT);
    fathom("compare", "base", "new", "--cluster", "picture");
    cr_expect(eq(int, last.code, 2));
    cr_expect(contains(ERR, "have no picture to cluster by"), "%s", ERR);
}

/* A number that is not finite stands as null in samples.jsonl, and no pair is made of it. */
Test(compare, values_that_are_no_numbers_make_no_pair)
{
    make_runs();
    replace("good/samples.jsonl", "\"dfd\": 0.031,", "\"dfd\": null,");
    fathom("compare", "base", "good", "--json");
    expect_success();
    cr_expect(contains(OUT, "\"pairs\": 32"), "%s", OUT);
    cr_expect(contains(OUT, "\"n\": 29,"), "%s", OUT);
    replace("bad/samples.jsonl", "\"dfd\": 0", "\"dfd\": null, \"was\": 0");
    fathom("compare", "base", "bad", "--gate", "superior", "--metric", "dfd");
    cr_expect(eq(int, last.code, 11), "%s", ERR);
    cr_expect(contains(ERR, "no pair has a value on both sides"), "%s", ERR);
}

Test(compare, repeats_make_samples_of_several_askings)
{
    make_run_of("often", SAMPLES, 20, 0.03, 3);
    make_run("base", 20, 0.03);
    fathom("compare", "base", "often", "--json");
    expect_success();
    cr_expect(contains(OUT, "\"pairs\": 32"), "%s", OUT);
    cr_expect(contains(OUT, "\"candidate_noise\": 0."), "%s", OUT);
}

Test(compare, a_gate_that_may_be_looked_at_any_time_asks_for_more)
{
    make_runs();
    fathom("compare", "base", "bad", "--gate", "noninferior", "--margin", "3pp", "--anytime");
    cr_expect(eq(int, last.code, 10), "%s", ERR);
    fathom("compare", "base", "good", "--gate", "noninferior", "--margin", "10pp");
    expect_success();
    fathom("compare", "base", "good", "--gate", "noninferior", "--margin", "10pp", "--anytime");
    cr_expect(eq(int, last.code, 11), "%s", ERR);
    cr_expect(contains(ERR, "32 pairs cannot tell yet"), "%s", ERR);
    cr_expect(contains(OUT, "the gate holds however often it is looked at"), "%s", OUT);
}

Test(compare, a_run_ends_when_its_gate_is_decided)
{
    fathom("run", "tabletop-3d", "--adapter", "oracle", "--out", "base");
    expect_success();
    fathom("run", "tabletop-3d", "--adapter", "centre", "--out", "bad", "--gate-against", "base",
           "--margin", "3pp", "--shuffle-seed", "7");
    cr_expect(eq(int, last.code, 10), "%s", ERR);
    cr_expect(contains(ERR, "asked 20 samples, a random part of the suite: the gate was decided at "
                            "look 1"),
              "%s", ERR);
    cr_expect(contains(OUT, "pairs      20, left out: 12 in the base alone"), "%s", OUT);
    cr_expect(fm_file_exists("bad/gate.json"));
    fathom("compare", "base", "bad", "--json");
    expect_success();
    fathom("run", "tabletop-3d", "--adapter", "oracle", "--out", "same", "--gate-against", "base",
           "--margin", "1pp", "--limit", "25");
    cr_expect(eq(int, last.code, 11), "%s", ERR);
    cr_expect(contains(ERR, "asked all 25 samples, looked at 2 times"), "%s", ERR);
    fathom("run", "tabletop-3d", "--adapter", "oracle", "--out", "x", "--margin", "1pp");
    cr_expect(contains(ERR, "option '--margin' is for a gate: it needs --gate-against"), "%s", ERR);
    fathom("run", "tabletop-3d", "--adapter", "oracle", "--out", "x", "--gate-against", "nowhere",
           "--margin", "1pp");
    cr_expect(eq(int, contains(ERR, "nowhere"), true), "%s", ERR);
    cr_expect(eq(int, fm_dir_exists("x"), false));
}

/* Nothing is asked where the gate could not be looked at. */
Test(compare, a_gate_that_cannot_be_is_told_before_anything_is_asked)
{
    static char *const rows[][4] = {
        {"tabletop-3d", "3pp", "sucess", "sucess"},
        {"tabletop-3d", "3", "success", "3pp"},
        {"tabletop-2d", "3pp", "success", "is a run of tabletop-3d@"},
    };

    fathom("run", "tabletop-3d", "--adapter", "oracle", "--out", "base");
    expect_success();
    for (size_t i = 0; i < 3; i++) {
        fathom("run", rows[i][0], "--adapter", "oracle", "--out", "x", "--gate-against", "base",
               "--margin", rows[i][1], "--metric", rows[i][2]);
        cr_expect(eq(int, last.code, 2), "%s", ERR);
        cr_expect(contains(ERR, rows[i][3]), "%s", ERR);
        cr_expect(eq(int, fm_dir_exists("x"), false), "%s", ERR);
    }
}

Test(power, plans_are_those_of_the_tables)
{
    fathom("power", "--delta", "3pp", "--discordant", "0.2");
    expect_success();
    cr_expect(contains(OUT, "3 pp takes 1,745 samples"), "%s", OUT);
    fathom("power", "--samples", "100", "--unpaired", "0.4");
    cr_expect(contains(OUT, "100 samples show 19.4 pp"), "%s", OUT);
    fathom("power", "--sd", "0.3", "--delta", "0.1", "--one-sided", "--json");
    cr_expect(contains(OUT, "\"samples\": 56"), "%s", OUT);
    fathom("power", "--discordant", "0.3");
    cr_expect(contains(OUT, "1,000 samples show 4.85 pp"), "%s", OUT);
}

Test(power, pilots_say_how_much_samples_vary)
{
    make_run("base", 30, 0.03);
    make_run("new", 24, 0.03);
    fathom("power", "base", "new", "--delta", "5pp");
    expect_success();
    cr_expect(contains(OUT, "as in 32 pairs of the pilot (success)"), "%s", OUT);
    cr_expect(contains(OUT, "5 pp takes 589 samples"), "%s", OUT);
    fathom("power", "base", "base");
    cr_expect(contains(ERR, "do not differ on any sample"), "%s", ERR);
    fathom("power", "base");
    cr_expect(contains(ERR, "one run is a pilot for a rate between 0 and 100 %"), "%s", ERR);
    fathom("power");
    cr_expect(contains(ERR, "how much do differences vary?"), "%s", ERR);
    fathom("power", "--discordant", "1.5");
    cr_expect(contains(ERR, "option '--discordant' wants a number above 0 and below 1"), "%s", ERR);
    fathom("power", "--sd", "1", "--unpaired", "0.5");
    cr_expect(contains(ERR, "exclude each other"), "%s", ERR);
}
