/* The leaderboard through the program: what shares a column, who gets which place, and the same bytes whatever
 * the order of the runs. */
#include "program.h"

#include "base/json.h"

TestSuite(leaderboard, .init = program_begin, .fini = program_end);

static const char *source_path(const char *name)
{
    static char path[FM_PATH_BYTES];
    const char *source = getenv("FATHOM_SOURCE_DIR");

    snprintf(path, sizeof(path), "%s/%s", source ? source : ".", name);
    return path;
}

/* n questions of two options; the true one is always A. */
static void make_data(int n)
{
    static const char suite[] = "name: toy\ntitle: Toy\nversion: \"1\"\nsummary: s\nlicence: MIT\n"
                                "citation: c\nloader: table\ndefault_task: toy\nkind: choice\n"
                                "prompt: \"{task}\"\nprotocols:\n  - name: p\n    summary: s\n"
                                "    grader: choice\n    extract: letter_first\ntasks:\n"
                                "  - name: toy\n    title: t\n    data:\n      files: [q.jsonl]\n"
                                "      columns: {id: id, instruction: q, options: 2}\n"
                                "      truth: {column: a, as: letter}\n";
    fm_buf rows = {0};

    for (int i = 0; i < n; i++)
        fm_buf_printf(&rows, "{\"id\": \"%d\", \"q\": \"q\", \"a\": \"A\"}\n", i);
    cr_assert(eq(int, fm_dir_make("suites/toy", NULL), FM_OK));
    cr_assert(eq(int, fm_dir_make("data", NULL), FM_OK));
    cr_assert(
        eq(int, fm_file_write_atomic("suites/toy/suite.yaml", suite, strlen(suite), NULL), FM_OK));
    cr_assert(eq(int, fm_file_write_atomic("data/q.jsonl", rows.data, rows.size, NULL), FM_OK));
    setenv("FATHOM_SUITES", scratch_path("suites"), 1);
    fm_buf_release(&rows);
}

/* A run that has the first `right` of n right, and then every `also`-th. */
static void make_run(const char *name, int n, int right, int also)
{
    fm_buf replies = {0};

    for (int i = 0; i < n; i++)
        fm_buf_printf(&replies, "{\"id\": \"%d\", \"text\": \"%c\"}\n", i,
                      i < right || (also && i % also == 0) ? 'A' : 'B');
    cr_assert(eq(int, fm_file_write_atomic("r.jsonl", replies.data, replies.size, NULL), FM_OK));
    fathom("score", "--suite", "toy", "--predictions", "r.jsonl", "--data", "data", "--out",
           (char *)name);
    expect_success();
    fm_buf_release(&replies);
}

static cJSON *board_of(char *const *argv)
{
    cJSON *tree = NULL;

    program_wait(program_start(argv, "stdout"));
    expect_success();
    cr_assert(eq(int, fm_json_parse(OUT, last.out.size, "stdout", &tree, NULL), FM_OK));
    return tree;
}

#define BOARD(...)                                                                                 \
    board_of((char *[]){getenv("FATHOM_BIN"), "leaderboard", "--no-published", "--json",           \
                        __VA_ARGS__, NULL})

static const cJSON *cell_of(const cJSON *board, int row)
{
    return cJSON_GetArrayItem(
        fm_json_get(cJSON_GetArrayItem(fm_json_get(board, "rows"), row), "cells"), 0);
}

static void expect_row(const cJSON *board, int row, const char *name, int place, int low, int high,
                       const char *group)
{
    const cJSON *cell = cell_of(board, row);

    cr_expect(eq(
        str, (char *)fm_json_string(cJSON_GetArrayItem(fm_json_get(board, "rows"), row), "model"),
        (char *)name));
    cr_expect(eq(dbl, fm_json_number(cell, "place", 0), place), "%s", name);
    cr_expect(eq(dbl, fm_json_number(cell, "place_low", 0), low), "%s", name);
    cr_expect(eq(dbl, fm_json_number(cell, "place_high", 0), high), "%s", name);
    cr_expect(eq(str, (char *)fm_json_string(cell, "group"), (char *)group), "%s", name);
}

/* 60 of 100 against 20 is far apart; 20 against 24, of which most are others, is not. */
Test(leaderboard, places_say_who_can_be_told_apart)
{
    make_data(100);
    make_run("strong", 100, 60, 0);
    make_run("weak", 100, 20, 0);
    make_run("other", 100, 5, 5);
    cJSON *board = BOARD("weak", "other", "strong");

    expect_row(board, 0, "strong", 1, 1, 1, "a");
    expect_row(board, 1, "other", 2, 2, 3, "b");
    expect_row(board, 2, "weak", 3, 2, 3, "b");
    cr_expect(eq(dbl,
                 fm_json_number(cJSON_GetArrayItem(fm_json_get(board, "columns"), 0), "items", 0),
                 100));
    cJSON_Delete(board);
}

Test(leaderboard, the_same_runs_in_any_order_give_the_same_bytes)
{
    static char *const forms[] = {"--html", "--markdown", "--csv", "--latex"};

    make_data(30);
    make_run("one", 30, 20, 0);
    make_run("two", 30, 10, 0);
    make_run("three", 30, 10, 3);
    for (size_t i = 0; i < 4; i++) {
        fm_buf first = {0};

        fathom("leaderboard", "one", "two", "three", forms[i], "-");
        expect_success();
        fm_buf_append(&first, last.out.data, last.out.size);
        fathom("leaderboard", "three", "--jobs", "1", "one", "two", forms[i], "-");
        expect_success();
        cr_expect(eq(str, OUT, (char *)fm_buf_text(&first)), "%s", forms[i]);
        cr_expect(not(contains(OUT, scratch_dir)), "%s names a folder of this machine", forms[i]);
        fm_buf_release(&first);
    }
}

/* Questions of `toy` whose headline pools as the lines say: ids, categories, and what two runs answer. */
static void make_pooled(const char *pool, int n, const char *id, int in_first, const char *one,
                        const char *two)
{
    const char *const answers[] = {one, two}, *const names[] = {"one", "two"};
    fm_buf text = {0};

    make_data(0);
    fm_buf_printf(&text,
                  "name: toy\ntitle: Toy\nversion: \"1\"\nsummary: s\nlicence: MIT\ncitation: c\n"
                  "loader: table\ndefault_task: toy\nkind: choice\nprompt: \"{task}\"\n"
                  "protocols:\n  - {name: p, summary: s, grader: choice, extract: letter_first, "
                  "%s}\ntasks:\n  - name: toy\n    title: t\n    data:\n      files: [q.jsonl]\n"
                  "      columns: {id: id, instruction: q, options: 2, category: c}\n"
                  "      truth: {column: a, as: letter}\n",
                  pool);
    cr_assert(
        eq(int, fm_file_write_atomic("suites/toy/suite.yaml", text.data, text.size, NULL), FM_OK));
    fm_buf_clear(&text);
    for (int i = 0; i < n; i++) {
        fm_buf_puts(&text, "{\"id\": \"");
        fm_buf_printf(&text, "%d%s%d", i / 2, id, i % 2);
        fm_buf_printf(&text, "\", \"q\": \"q\", \"a\": \"A\", \"c\": \"%s\"}\n",
                      i < in_first ? "few" : "many");
    }
    cr_assert(eq(int, fm_file_write_atomic("data/q.jsonl", text.data, text.size, NULL), FM_OK));
    for (int r = 0; r < 2; r++) {
        fm_buf_clear(&text);
        for (int i = 0; i < n; i++)
            fm_buf_printf(&text, "{\"id\": \"%d%s%d\", \"text\": \"%c\"}\n", i / 2, id, i % 2,
                          answers[r][i]);
        cr_assert(eq(int, fm_file_write_atomic("r.jsonl", text.data, text.size, NULL), FM_OK));
        fathom("score", "--suite", "toy", "--predictions", "r.jsonl", "--data", "data", "--out",
               (char *)names[r]);
        expect_success();
    }
    fm_buf_release(&text);
}

static void expect_apart(const char *tested, double items)
{
    cJSON *board = BOARD("one", "two");
    const cJSON *column = cJSON_GetArrayItem(fm_json_get(board, "columns"), 0);

    expect_row(board, 0, "one", 1, 1, 1, "a");
    expect_row(board, 1, "two", 2, 2, 2, "b");
    cr_expect(eq(str, (char *)fm_json_string(column, "tested_by"), (char *)tested));
    cr_expect(eq(dbl, fm_json_number(column, "items", 0), items));
    cJSON_Delete(board);
}

/* Both have 40 of 80 right; but one has all of the 10 in the category of few, two none. */
Test(leaderboard, a_mean_over_categories_is_tested_as_one)
{
    char one[81], two[81];

    for (int i = 0; i < 80; i++) {
        one[i] = i < 40 ? 'A' : 'B';
        two[i] = i >= 10 && i < 50 ? 'A' : 'B';
    }
    make_pooled("pool: macro", 80, "x", 10, one, two);
    expect_apart("accuracy_macro", 80);
}

/* Both have 40 of 80 right: one both copies of 20 questions, two a copy of each. */
Test(leaderboard, questions_with_every_copy_right_are_tested_as_such)
{
    char one[81], two[81];

    for (int i = 0; i < 80; i++) {
        one[i] = i < 40 ? 'A' : 'B';
        two[i] = i % 2 ? 'A' : 'B';
    }
    make_pooled("pool: copies, copies: \"-[0-9]\"", 80, "-", 80, one, two);
    expect_apart("accuracy_copies", 40);
}

/* Another version of the data is another column, and its heading says so. */
Test(leaderboard, what_cannot_be_compared_has_a_column_of_its_own)
{
    make_data(30);
    make_run("one", 30, 20, 0);
    make_data(31);
    make_run("two", 31, 10, 0);
    make_run("three", 31, 12, 0);
    cJSON *board = BOARD("one", "two", "three");
    const cJSON *columns = fm_json_get(board, "columns");

    cr_assert(eq(int, cJSON_GetArraySize(columns), 2));
    for (int i = 0; i < 2; i++)
        cr_expect(
            contains(fm_json_string(cJSON_GetArrayItem(columns, i), "label"), "toy@p, data "));
    cJSON_Delete(board);

    /* The same model twice in a column is two rows; by another name one row takes both columns. */
    board = BOARD("m=two", "m=three");
    expect_row(board, 0, "m (three)", 1, 1, 2, "a");
    cJSON_Delete(board);
    board = BOARD("m=one", "m=two");
    cr_expect(eq(int, cJSON_GetArraySize(fm_json_get(board, "rows")), 1));
    cJSON_Delete(board);
}

Test(leaderboard, published_figures_stand_beside_runs_without_a_place)
{
    static const char figures[] =
        "suite,task,metric,value,unit,model,modality,source,table,protocol,split,flag\n"
        "toy,toy,accuracy,90.5,%,=cmd|' /C calc'!A0,RGB,A paper,2,theirs,val,\n"
        "toy,toy,accuracy,12,%,<b>Sly</b>,,A paper,2,p,val,not k/30\n"
        "toy,toy,accuracy,40,%,Middling,,Z report,2,theirs,val,\n"
        "toy,elsewhere,accuracy,50,%,Nobody,,A paper,2,p,val,\n";

    make_data(30);
    make_run("one", 30, 20, 0);
    make_run("two", 30, 2, 0);
    cr_assert(eq(int, fm_dir_make("figures", NULL), FM_OK));
    cr_assert(
        eq(int, fm_file_write_atomic("figures/a.csv", figures, strlen(figures), NULL), FM_OK));
    fathom("leaderboard", "one", "two", "--published", "figures");
    expect_success();
    cr_expect(contains(OUT, "12.0?"), "%s", OUT);
    /* by value, whoever printed them */
    cr_expect(lt(ptr, strstr(OUT, "90.5"), strstr(OUT, "Middling")), "%s", OUT);
    cr_expect(lt(ptr, strstr(OUT, "Middling"), strstr(OUT, "12.0?")), "%s", OUT);
    cr_expect(contains(OUT, "doubtful: not k/30"), "%s", OUT);
    cr_expect(not(contains(OUT, "Nobody")), "%s", OUT);

    fathom("leaderboard", "one", "two", "--published", "figures", "--csv", "-");
    cr_expect(contains(OUT, "\n'=cmd|' /C calc'!A0,published,"), "%s", OUT);
    fathom("leaderboard", "one", "two", "--published", "figures", "--html", "-");
    cr_expect(contains(OUT, "&lt;b&gt;Sly&lt;/b&gt;") && !contains(OUT, "<b>Sly"));
    fathom("leaderboard", "one", "two", "--published", "figures", "--latex", "-");
    cr_expect(contains(OUT, "\\textless{}b\\textgreater{}Sly"), "%s", OUT);

    fathom("leaderboard", "one", "--published", "data");
    expect_failure(4, "fathom: 'data' holds no published figures: no *.csv\n");
    fathom("leaderboard", "one", "one");
    cr_expect(eq(int, last.code, 2));
    cr_expect(contains(ERR, "is given twice"), "%s", ERR);
}

/* The oracle shows the scale and is no contestant. */
Test(leaderboard, what_sees_the_truth_has_no_place)
{
    char data[FM_PATH_BYTES];

    snprintf(data, sizeof(data), "%s", source_path("tests/data/suites/cv-bench/data"));
    fathom("run", "cv-bench-2d-count", "--data", data, "-a", "oracle", "--out", "oracle");
    expect_success();
    fathom("score", "--suite", "cv-bench-2d-count", "--data", data, "--predictions",
           (char *)source_path("tests/data/suites/cv-bench/counting.jsonl"), "--out", "model");
    expect_success();
    cJSON *board = BOARD("oracle", "model");
    expect_row(board, 0, "model", 1, 1, 1, "");
    cr_expect(eq(str,
                 (char *)fm_json_string(cJSON_GetArrayItem(fm_json_get(board, "rows"), 1), "kind"),
                 "baseline"));
    cr_expect(eq(ptr, (cJSON *)fm_json_get(cell_of(board, 1), "place"), NULL));
    cJSON_Delete(board);
}
