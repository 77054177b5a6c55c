/* Cells, outcome counts and comparisons: what the reports say, before anybody lays it out. */
#include "report_fixture.h"

static const char *const paper_lines[] = {
    "{\"id\": \"a\", \"status\": \"ok\", \"metrics\": {\"start_ok\": true, \"success\": true}}",
    ("{\"id\": \"b\", \"status\": \"ok\", \"metrics\": {\"start_ok\": true, \"success\": false},"
     " \"reason\": \"no surface\"}"),
    "{\"id\": \"c\", \"status\": \"ok\", \"metrics\": {\"start_ok\": false, \"success\": false}}",
    "{\"id\": \"d\", \"status\": \"timeout\", \"metrics\": {\"success\": false}}",
};
/* another order on purpose: items are joined by id */
static const char *const reference_lines[] = {
    "{\"id\": \"b\", \"status\": \"ok\", \"metrics\": {\"start_ok\": true, \"success\": true}}",
    "{\"id\": \"a\", \"status\": \"ok\", \"metrics\": {\"start_ok\": null, \"success\": true}}",
    "{\"id\": \"d\", \"status\": \"timeout\", \"metrics\": {\"success\": false}}",
    "{\"id\": \"c\", \"status\": \"ok\", \"metrics\": {\"success\": false}}",
};

static void both_protocols(report_fixture *f)
{
    fixture_run(f, "/runs/one", FIXTURE_RESULTS("jitter", "paper", "0.75"), paper_lines, 4);
    fixture_run(f, "/runs/one", FIXTURE_RESULTS("jitter", "reference", "0.5"), reference_lines, 4);
    fixture_finish(f);
}

Test(report_summary, a_rate_shows_percent_interval_and_both_counts)
{
    report_fixture f = {0};
    fm_report_cell cell;

    both_protocols(&f);
    fm_report_cell_make(&f.model.runs[0], "success", &cell);
    cr_expect(eq(str, cell.value, "75.0 %"));
    cr_expect(eq(str, cell.interval, "[30.1, 95.4]"));
    cr_expect(eq(str, cell.count, "3/4"));
    cr_expect(cell.primary);
    fm_report_cell_make(&f.model.runs[0], "start_ok", &cell);
    cr_expect(eq(str, cell.count, "2/2 (2 left out)"));
    cr_expect(not(cell.primary));
    fixture_release(&f);
}

Test(report_summary, a_mean_has_as_many_digits_as_its_interval_supports)
{
    report_fixture f = {0};
    fm_report_cell cell;

    both_protocols(&f);
    fm_report_cell_make(&f.model.runs[0], "dfd", &cell);
    cr_expect(eq(str, cell.value, "0.0313 m"));
    cr_expect(eq(str, cell.interval, "[0.0260, 0.0371]"));
    cr_expect(eq(str, cell.count, "n=2 (2 left out)"));
    fixture_release(&f);
}

Test(report_summary, the_methods_of_intervals_are_those_that_were_used)
{
    static const char *const line[] = {"{\"id\": \"a\", \"status\": \"ok\", \"metrics\": {}}"};
    report_fixture f = {0};
    fm_buf text = {0};

    fixture_run(&f, "/runs/one",
                "{\"schema\": \"fathom.results/1\", \"n\": 1, \"headline\": \"accuracy_macro\", "
                "\"aggregates\": {\"accuracy\": {\"role\": \"rate\", \"ci_method\": \"wilson\"}, "
                "\"off\": {\"role\": \"mean\", \"ci_method\": \"cornish-fisher\"}, "
                "\"accuracy_macro\": {\"role\": \"rate\", \"ci_method\": \"price-bonett\"}}}",
                line, 1);
    fixture_finish(&f);
    fm_report_put_methods(&text, &f.model);
    cr_expect(eq(str, (char *)fm_buf_text(&text),
                 "Wilson for rates, Cornish and Fisher for means, Price and Bonett for "
                 "accuracy_macro"));
    fm_buf_release(&text);
    fixture_release(&f);
}

Test(report_summary, a_mean_over_no_sample_is_a_dash_not_a_zero)
{
    report_fixture f = {0};
    fm_report_cell cell;

    both_protocols(&f);
    fm_report_cell_make(&f.model.runs[0], "rmse", &cell);
    cr_expect(cell.present);
    cr_expect(eq(str, cell.value, "\xE2\x80\x93"));
    cr_expect(eq(str, cell.interval, ""));
    fm_report_cell_make(&f.model.runs[0], "no such metric", &cell);
    cr_expect(not(cell.present));
    cr_expect(eq(str, cell.value, ""));
    fixture_release(&f);
}

Test(report_summary, outcomes_group_the_statuses_and_name_the_failures)
{
    report_fixture f = {0};
    fm_report_outcome outcomes[4];

    both_protocols(&f);
    fm_report_outcomes(&f.model.runs[0], outcomes);
    cr_expect(eq(sz, outcomes[FM_OUTCOME_SCORED].n, 2));
    cr_expect(eq(str, outcomes[FM_OUTCOME_SCORED].detail, ""));
    cr_expect(eq(sz, outcomes[FM_OUTCOME_UNPARSED].n, 1));
    cr_expect(eq(str, outcomes[FM_OUTCOME_UNPARSED].detail, "parse_error 1"));
    cr_expect(eq(str, outcomes[FM_OUTCOME_ERRORED].detail, "timeout 1"));
    cr_expect(eq(sz, outcomes[FM_OUTCOME_SKIPPED].n, 0));
    fixture_release(&f);
}

Test(report_summary, protocols_of_one_run_are_compared_by_id_with_the_primary_metric_first)
{
    report_fixture f = {0};
    fm_report_metric *metrics;
    fm_report_comparison *c;
    size_t n_metrics, n;

    both_protocols(&f);
    cr_assert(eq(int, fm_report_metrics(&f.model, &metrics, &n_metrics, NULL), FM_OK));
    cr_assert(eq(sz, n_metrics, 4));
    cr_assert(eq(int, fm_report_compare(&f.model, metrics, n_metrics, &c, &n, NULL), FM_OK));
    cr_assert(eq(sz, n, 1));
    cr_assert(eq(sz, c->n_items, 3));
    cr_expect(eq(sz, c->n_samples, 3));

    cr_expect(eq(str, TEXT(metrics[c->items[0].metric].name), "success"));
    cr_expect(eq(sz, c->items[0].sample, 1));
    cr_expect(eq(int, c->items[0].verdicts[0], FM_REPORT_NO));
    cr_expect(eq(int, c->items[0].verdicts[1], FM_REPORT_YES));
    cr_expect(eq(str, TEXT(c->items[0].reason), "no surface"));

    cr_expect(eq(str, TEXT(metrics[c->items[1].metric].name), "start_ok"));
    cr_expect(eq(int, c->items[1].verdicts[1], FM_REPORT_UNKNOWN));
    cr_expect(eq(sz, c->items[2].sample, 2));
    cr_expect(eq(int, c->items[2].verdicts[1], FM_REPORT_ABSENT));
    fixture_release(&f);
}

#define RESULTS_OF(protocol, headline, aggregates)                                                 \
    "{\"schema\": \"fathom.results/1\", \"task\": \"t\", \"protocol\": \"" protocol "\","          \
    " \"n\": 2, \"primary\": \"rmse\"" headline ", \"aggregates\": {" aggregates "}}"
#define MEAN(name, value)                                                                          \
    "\"" name "\": {\"value\": " value ", \"denominator\": 2, \"role\": \"mean\", \"unit\": "      \
    "\"px\"}"

/* Numbers flip too where they rank a protocol; what a protocol does not judge by is no difference. */
Test(report_summary, a_headline_that_is_a_mean_has_its_spread_and_its_flips)
{
    static const char *const one[] = {
        "{\"id\": \"a\", \"answer\": {\"points\": [[0.1, 0.2], [1, 1]]}, \"metrics\": {\"rmse\": "
        "1.5}}",
        "{\"id\": \"b\", \"metrics\": {\"rmse\": 0.1, \"extra\": true}}"};
    static const char *const two[] = {
        "{\"id\": \"a\", \"answer\": {\"points\": [[0.2, 0.1], [1, 1]]}, \"metrics\": {\"rmse\": "
        "4}}",
        "{\"id\": \"b\", \"metrics\": {\"rmse\": 0.10000000000000001}}"};
    report_fixture f = {0};
    fm_report_metric *metrics;
    fm_report_comparison *c;
    size_t n_metrics, n;
    fm_buf text = {0};

    fixture_run(&f, "/runs/one",
                RESULTS_OF("first", "",
                           MEAN("rmse", "0.8") ", \"extra\": {\"value\": 1, \"numerator\": 1,"
                                               " \"denominator\": 1, \"role\": \"rate\"}"),
                one, 2);
    fixture_run(&f, "/runs/one",
                RESULTS_OF("second", ", \"headline\": \"rmse_macro\"",
                           MEAN("rmse", "2.05") ", " MEAN("rmse_macro", "3")),
                two, 2);
    fixture_finish(&f);
    cr_assert(eq(int, fm_report_metrics(&f.model, &metrics, &n_metrics, NULL), FM_OK));
    cr_assert(eq(int, fm_report_compare(&f.model, metrics, n_metrics, &c, &n, NULL), FM_OK));

    cr_assert(eq(sz, c->n_spreads, 2));
    cr_expect(eq(ptr, (char *)c->spreads[0].metric, NULL));
    cr_expect(eq(dbl, c->spreads[0].highest, 3));
    cr_expect(eq(str, TEXT(c->spreads[1].metric), "rmse"));
    cr_expect(eq(sz, c->spreads[1].high, 1));
    cr_expect(eq(sz, c->spreads[1].flips, 1));

    cr_assert(eq(sz, c->n_items, 1));
    cr_expect(c->items[0].answers);
    fm_report_put_verdict(&text, c->items[0].samples[0], "rmse");
    fm_report_put_answer(&text, c->items[0].samples[1]);
    cr_expect(eq(str, TEXT(fm_buf_text(&text)), "1.5(0.2, 0.1) \xE2\x80\xA6"));
    fm_buf_release(&text);
    fixture_release(&f);
}

Test(report_summary, different_runs_are_not_compared_item_by_item)
{
    report_fixture f = {0};
    fm_report_comparison *c;
    size_t n;

    fixture_run(&f, "/runs/one", FIXTURE_RESULTS("jitter", "paper", "0.75"), paper_lines, 4);
    fixture_run(&f, "/runs/two", FIXTURE_RESULTS("oracle", "paper", "1"), reference_lines, 4);
    fixture_finish(&f);
    cr_assert(eq(int, fm_report_compare(&f.model, NULL, 0, &c, &n, NULL), FM_OK));
    cr_expect(eq(sz, n, 0));
    cr_expect(eq(str, TEXT(f.model.runs[1].name), "oracle"));
    fixture_release(&f);
}

Test(report_summary, runs_of_the_same_adapter_are_named_by_their_directory)
{
    report_fixture f = {0};

    fixture_run(&f, "/runs/one", FIXTURE_RESULTS("jitter", "paper", "0.75"), NULL, 0);
    fixture_run(&f, "/runs/two", FIXTURE_RESULTS("jitter", "paper", "0.5"), NULL, 0);
    fixture_run(&f, "/runs/gemini", FIXTURE_RESULTS("predictions", "paper", "0.5"), NULL, 0);
    fixture_finish(&f);
    cr_expect(eq(str, TEXT(f.model.runs[0].name), "one"));
    cr_expect(eq(str, TEXT(f.model.runs[1].name), "two"));
    cr_expect(eq(str, TEXT(f.model.runs[2].name), "gemini"));
    fixture_release(&f);
}

Test(report_summary, counts_that_are_no_counts_do_not_break_the_summary)
{
    report_fixture f = {0};
    fm_report_outcome outcomes[4];
    fm_report_cell cell;

    fixture_run(&f, "/runs/odd",
                "{\"task\": 5, \"n\": -3, \"counts\": {\"ok\": 1e300, \"quota\": \"x\"},"
                " \"aggregates\": {\"m\": {\"value\": 1e308, \"ci_low\": -1e308,"
                "   \"ci_high\": 1e308, \"denominator\": -1, \"role\": \"mean\","
                "   \"unit\": \"a unit that is much too long\"}, \"s\": 7}}",
                NULL, 0);
    fixture_finish(&f);
    fm_report_outcomes(&f.model.runs[0], outcomes);
    cr_expect(eq(sz, outcomes[0].n, 0));
    cr_expect(eq(sz, fm_report_run_n(&f.model.runs[0]), 0));
    fm_report_cell_make(&f.model.runs[0], "m", &cell);
    cr_expect(eq(str, cell.value, "1e+308 a unit"));
    fm_report_cell_make(&f.model.runs[0], "s", &cell);
    cr_expect(eq(str, cell.value, "\xE2\x80\x93"));
    fixture_release(&f);
}
