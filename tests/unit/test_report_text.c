/* The forms that are text: layout, what a schema asks for, and texts from files that try to act. */
#include "report/writers.h"
#include "base/text.h"
#include "report_fixture.h"

static const char *const lines[] = {
    "{\"id\": \"a\", \"status\": \"ok\", \"metrics\": {\"success\": true}}",
    ("{\"id\": \"b|\\u001b[31m\", \"status\": \"ok\", \"metrics\": {\"success\": false},"
     " \"reason\": \"<b>@everyone</b> `rm` | \\n \\u202e x\"}"),
};
static const char *const other_lines[] = {
    "{\"id\": \"a\", \"status\": \"ok\", \"metrics\": {\"success\": true}}",
    "{\"id\": \"b|\\u001b[31m\", \"status\": \"ok\", \"metrics\": {\"success\": true}}",
};

static void two_protocols(report_fixture *f)
{
    fixture_run(f, "/runs/one", FIXTURE_RESULTS("jitter", "paper", "0.75"), lines, 2);
    fixture_run(f, "/runs/one", FIXTURE_RESULTS("jitter", "reference", "0.5"), other_lines, 2);
    fixture_finish(f);
}

static void table(report_fixture *f, fm_buf *out, const fm_report_options *options)
{
    fm_err err = {0};

    cr_assert(eq(int, fm_report_write_table(out, &f->model, options, &err), FM_OK), "%s", err.text);
}

Test(report_table, shows_every_part_of_the_summary)
{
    report_fixture f = {0};
    fm_buf out = {0};

    two_protocols(&f);
    table(&f, &out, NULL);
    static const char *const wanted[] = {"tabletop-3d",
                                         "jitter (sees the truth)",
                                         "4 samples",
                                         "@paper",
                                         "@reference",
                                         "\xE2\x96\xB8 success",
                                         "75.0 %  [30.1, 95.4]",
                                         "3/4",
                                         "0.0313 m  [0.0260, 0.0371]",
                                         "unparsed",
                                         "parse_error 1",
                                         "timeout 1",
                                         "verdicts that differ: 1 of 2 samples",
                                         "no       yes"};
    for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++)
        cr_expect(ne(ptr, strstr(fm_buf_text(&out), wanted[i]), NULL), "missing: %s\n%s", wanted[i],
                  fm_buf_text(&out));
    cr_expect(eq(ptr, strchr(fm_buf_text(&out), '\033'), NULL));
    fm_buf_release(&out);
    fixture_release(&f);
}

Test(report_table, no_line_is_wider_than_the_terminal)
{
    for (int width = 60; width <= 140; width += 10) {
        report_fixture f = {0};
        fm_buf out = {0};

        two_protocols(&f);
        table(&f, &out, &(fm_report_options){.width = width});
        for (char *line = strtok(out.data, "\n"); line; line = strtok(NULL, "\n"))
            cr_expect(le(sz, fm_text_columns(line), (size_t)width), "%d: %s", width, line);
        fm_buf_release(&out);
        fixture_release(&f);
    }
}

Test(report_table, columns_that_do_not_fit_go_into_another_band)
{
    report_fixture f = {0};
    fm_buf out = {0};

    two_protocols(&f);
    table(&f, &out, &(fm_report_options){.width = 70});
    const char *first = strstr(fm_buf_text(&out), "\xE2\x96\xB8 success");
    cr_assert(ne(ptr, (char *)first, NULL));
    cr_expect(ne(ptr, strstr(first + 1, "\xE2\x96\xB8 success"), NULL));
    fm_buf_release(&out);
    fixture_release(&f);
}

Test(report_table, colour_is_used_only_when_asked_for_and_data_cannot_add_any)
{
    report_fixture f = {0};
    fm_buf out = {0};

    two_protocols(&f);
    table(&f, &out, &(fm_report_options){.colour = true});
    cr_expect(ne(ptr, strstr(fm_buf_text(&out), "\033[1m"), NULL));
    cr_expect(eq(ptr, strstr(fm_buf_text(&out), "\033[31m"), NULL));
    cr_expect(eq(ptr, strstr(fm_buf_text(&out), "\xE2\x80\xAE"), NULL));
    fm_buf_release(&out);
    fixture_release(&f);
}

Test(report_table, the_list_of_differences_is_limited_and_says_so)
{
    report_fixture f = {0};
    fm_buf out = {0};
    char text[2][64][128];
    const char *all[2][64];

    for (int i = 0; i < 64; i++)
        for (int k = 0; k < 2; k++) {
            snprintf(text[k][i], sizeof(text[k][i]),
                     "{\"id\": \"%d\", \"metrics\": {\"success\": %s}}", i, k ? "true" : "false");
            all[k][i] = text[k][i];
        }
    fixture_run(&f, "/runs/one", FIXTURE_RESULTS("jitter", "paper", "0.75"), all[0], 64);
    fixture_run(&f, "/runs/one", FIXTURE_RESULTS("jitter", "reference", "0.5"), all[1], 64);
    fixture_finish(&f);
    table(&f, &out, &(fm_report_options){.differing = 3});
    cr_expect(
        ne(ptr, strstr(fm_buf_text(&out), "64 of 64 samples\n  3 of 64 verdicts shown"), NULL));
    fm_buf_release(&out);
    fixture_release(&f);
}

Test(report_markdown, escapes_what_would_end_a_cell_or_act)
{
    report_fixture f = {0};
    fm_buf out = {0};

    two_protocols(&f);
    cr_assert(eq(int, fm_report_write_markdown(&out, &f.model, NULL, NULL), FM_OK));
    const char *text = fm_buf_text(&out);
    cr_expect(ne(ptr, strstr(text, "| success | **75.0 %** [30.1, 95.4] 3/4 |"), NULL), "%s", text);
    cr_expect(ne(ptr, strstr(text, "&lt;b&gt;&#64;everyone&lt;/b&gt; \\`rm\\` \\|"), NULL), "%s",
              text);
    cr_expect(eq(ptr, strstr(text, "@everyone"), NULL));

    /* every row of the list has as many cells as its heading */
    const char *list = strstr(text, "| id |");
    cr_assert(ne(ptr, (char *)list, NULL));
    for (const char *line = list; *line == '|';) {
        size_t bars = 0;
        for (; *line != '\n'; line++)
            bars += *line == '|' && line[-1] != '\\';
        cr_expect(eq(sz, bars, 6));
        line++;
    }
    fm_buf_release(&out);
    fixture_release(&f);
}

#define HOSTILE_RESULTS                                                                            \
    "{\"task\": \"=1+1\", \"protocol\": \"\\\\input{x}\", \"suite\": \"a,\\\"b\\n\", \"n\": 1,"    \
    " \"adapter\": \"@SUM(A1)\", \"primary\": \"success\", \"counts\": {\"ok\": 1},"               \
    " \"aggregates\": {\"[x] & 5%\": {\"role\": \"mean\", \"value\": 1.5, \"unit\": \"$\"},"       \
    " \"none\": {\"role\": \"rate\", \"value\": null}}}"

static void write_text(report_fixture *f, fm_buf *out,
                       fm_status (*write)(fm_buf *, fm_report_model *, const fm_report_options *,
                                          fm_err *))
{
    fm_err err = {0};

    fixture_finish(f);
    cr_assert(eq(int, write(out, &f->model, NULL, &err), FM_OK), "%s", err.text);
}

static void expect_in(const fm_buf *out, const char *wanted)
{
    cr_expect(ne(ptr, strstr(fm_buf_text(out), wanted), NULL), "missing: %s\n%s", wanted,
              fm_buf_text(out));
}

Test(report_csv, has_a_row_a_number_with_full_precision)
{
    report_fixture f = {0};
    fm_buf out = {0};

    fixture_run(&f, "/runs/one", FIXTURE_RESULTS("jitter", "paper", "0.75"), lines, 2);
    write_text(&f, &out, fm_report_write_csv);
    expect_in(&out, "\r\njitter,tabletop,1,tabletop-3d,paper,1,true,success,rate,,higher,true,0.75,"
                    "0.301,0.954,3,4,0,\r\n");
    expect_in(&out, ",rmse,mean,m,lower,false,,,,0,0,4,\r\n");
    expect_in(&out, ",timeout,count,samples,,false,1,,,,4,,\r\n");
    fm_buf_release(&out);
    fixture_release(&f);
}

Test(report_csv, no_field_is_a_formula_and_none_leaves_its_row)
{
    report_fixture f = {0};
    fm_buf out = {0};
    size_t rows = 0;

    fixture_run(&f, "/runs/one", HOSTILE_RESULTS, lines, 0);
    write_text(&f, &out, fm_report_write_csv);
    expect_in(&out, "'@SUM(A1),");
    expect_in(&out, "'=1+1,");
    for (const char *p = fm_buf_text(&out); (p = strchr(p, '\n')); p++)
        rows++;
    cr_expect(eq(sz, rows, 4)); /* the head, two metrics, one status */
    fm_buf_release(&out);
    fixture_release(&f);
}

Test(report_latex, nothing_in_it_is_a_command_of_the_data)
{
    report_fixture f = {0};
    fm_buf out = {0};

    fixture_run(&f, "/runs/one", HOSTILE_RESULTS, lines, 0);
    write_text(&f, &out, fm_report_write_latex);
    cr_expect(eq(ptr, strstr(fm_buf_text(&out), "\\input"), NULL), "%s", fm_buf_text(&out));
    expect_in(&out, "{}[x] \\& 5\\% & 1.50");
    expect_in(&out, "\\begin{tabular}{ll}\n\\toprule\n");
    expect_in(&out, "\\bottomrule\n\\end{tabular}\n");
    fm_buf_release(&out);
    fixture_release(&f);
}

Test(report_latex, marks_what_ranks_and_gives_intervals)
{
    report_fixture f = {0};
    fm_buf out = {0};

    fixture_run(&f, "/runs/one", FIXTURE_RESULTS("jitter", "paper", "0.75"), lines, 2);
    write_text(&f, &out, fm_report_write_latex);
    expect_in(&out, "success $\\uparrow$ & \\textbf{75.0 \\%} {\\small [30.1, 95.4]} \\\\\n");
    expect_in(&out, "sees the truth: no result\n");
    fm_buf_release(&out);
    fixture_release(&f);
}

/* eval.schema.json 0.2.1: what it requires, and that what has no value is no result. */
Test(report_every_eval, has_what_the_schema_requires)
{
    static const char *const members[] = {
        "schema_version", "evaluation_id", "retrieved_timestamp", "source_metadata",
        "model_info",     "eval_library",  "evaluation_results"};
    report_fixture f = {0};
    fm_buf out = {0};

    fixture_run(&f, "/runs/one", FIXTURE_RESULTS("jitter", "paper", "0.75"), lines, 2);
    fixture_run(&f, "/runs/one", FIXTURE_RESULTS("jitter", "reference", "0.5"), lines, 2);
    write_text(&f, &out, fm_report_write_every_eval);
    cJSON *record = fixture_json(fm_buf_text(&out));
    for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++)
        cr_expect(ne(ptr, (void *)fm_json_get(record, members[i]), NULL), "%s", members[i]);
    cr_expect(eq(str, TEXT(fm_json_string(record, "schema_version")), "0.2.1"));
    cr_expect(
        eq(str, TEXT(fm_json_string(record, "evaluation_id")), "tabletop-3d/jitter/1795354800"));
    const cJSON *results = fm_json_get(record, "evaluation_results"), *result;
    cr_expect(eq(int, cJSON_GetArraySize(results), 2 * 3)); /* rmse is over nothing */
    cJSON_ArrayForEach(result, results)
    {
        const cJSON *config = fm_json_get(result, "metric_config");

        cr_expect(ne(ptr, (void *)fm_json_string(result, "evaluation_name"), NULL));
        cr_expect(ne(ptr, (void *)fm_json_get(result, "source_data"), NULL));
        cr_expect(lt(dbl, fm_json_number(config, "min_score", 0),
                     fm_json_number(config, "max_score", 0)));
        cr_expect(ne(ptr, (void *)fm_json_get(config, "lower_is_better"), NULL));
    }
    cJSON_Delete(record);
    fm_buf_release(&out);
    fixture_release(&f);
}

Test(report_every_eval, is_of_one_run)
{
    report_fixture f = {0};
    fm_buf out = {0};

    fixture_run(&f, "/runs/one", FIXTURE_RESULTS("jitter", "paper", "0.75"), lines, 2);
    fixture_run(&f, "/runs/two", FIXTURE_RESULTS("oracle", "paper", "1"), lines, 2);
    fixture_finish(&f);
    cr_expect(eq(int, fm_report_write_every_eval(&out, &f.model, NULL, NULL), FM_E_USAGE));
    fm_buf_release(&out);
    fixture_release(&f);
}
