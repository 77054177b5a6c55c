/* Owns the views that a command has open, and how they reach stdout. */
#include "show.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/json.h"
#include "base/size.h"
#include "base/text.h"
#include "report/report.h"
#include "terminal.h"

enum { MAX_USAGE_BYTES = 1 << 20 };

static fm_status add_one(cli_views *views, const fm_catalog *catalog, const char *run_dir,
                         const char *protocol, fm_err *err)
{
    if (views->n == views->capacity) {
        size_t want = views->capacity ? views->capacity * 2 : 8;
        fm_view **grown = realloc(views->items, want * sizeof(fm_view *));

        if (!grown)
            return fm_fail(err, FM_E_NOMEM, "no memory for the runs");
        views->items = grown;
        views->capacity = want;
    }
    fm_status st = fm_view_open(&views->items[views->n], catalog, run_dir, protocol, err);
    if (st == FM_OK)
        views->n++;
    return st;
}

fm_status cli_views_add(cli_views *views, const fm_catalog *catalog, const char *run_dir,
                        const char *const *names, size_t n_names, fm_err *err)
{
    fm_arena arena = {0};
    const char **found = NULL;
    fm_status st = FM_OK;

    if (!names) {
        st = fm_view_protocols(run_dir, &arena, &found, &n_names, err);
        names = found;
    }
    for (size_t i = 0; st == FM_OK && i < n_names; i++)
        st = add_one(views, catalog, run_dir, names[i], err);
    fm_arena_release(&arena);
    return st;
}

void cli_views_release(cli_views *views)
{
    for (size_t i = 0; i < views->n; i++)
        fm_view_close(views->items[i]);
    free(views->items);
    *views = (cli_views){0};
}

fm_status cli_show_table(fm_view *const *views, size_t n, fm_err *err)
{
    cli_style style = cli_style_for(stdout);
    fm_report_options options = {
        .width = style.terminal ? style.width : 0,
        .colour = style.colour,
        .notice = cli_notice,
    };
    fm_buf out = {0};
    fm_status st = fm_report_table(&out, views, n, &options, err);

    if (st == FM_OK)
        st = cli_print(&out, err);
    fm_buf_release(&out);
    return st;
}

static fm_status show_results(const fm_view *view, fm_err *err)
{
    fm_buf out = {0};
    fm_json_writer w = {.out = &out, .pretty = true};

    fm_json_put_tree(&w, NULL, fm_view_results(view));
    fm_buf_putc(&out, '\n');
    fm_status st = cli_print(&out, err);
    fm_buf_release(&out);
    return st;
}

/* ---- what a run took ---- */

/* "812", "23.1k", "1.24M" */
static void put_count(fm_buf *out, double count)
{
    static const char *const units[] = {"", "k", "M", "G", "T"};
    size_t i = 0;

    while (count >= 10000 - 0.5 && i + 1 < FM_COUNT_OF(units)) {
        count /= 1000;
        i++;
    }
    if (i == 0)
        fm_buf_printf(out, "%.0f", count);
    else
        fm_buf_printf(out, "%.*f%s", count < 10 ? 2 : count < 100 ? 1 : 0, count, units[i]);
}

static void put_money(fm_buf *out, double cost)
{
    fm_buf_printf(out, "$%.*f", cost < 1 ? 4 : 2, cost);
}

static void put_seconds(fm_buf *out, double seconds)
{
    if (seconds < 0.9995)
        fm_buf_printf(out, "%.0f ms", seconds * 1000);
    else
        fm_buf_printf(out, "%.*f s", seconds < 10 ? 2 : seconds < 100 ? 1 : 0, seconds);
}

/* "1020 requests, 20 of them again, 30 from the cache, $0.1234" */
static void put_requests(fm_buf *out, const cJSON *usage, double samples)
{
    double attempts = fm_json_number(usage, "attempts", 0);
    double cached = fm_json_number(usage, "cached", 0);
    double cost = fm_json_number(usage, "cost_usd", -1);

    fm_buf_puts(out, "took ");
    put_count(out, attempts - cached);
    fm_buf_puts(out, attempts - cached == 1 ? " request" : " requests");
    if (attempts > samples) {
        fm_buf_puts(out, ", ");
        put_count(out, attempts - samples);
        fm_buf_puts(out, " of them again");
    }
    if (cached > 0) {
        fm_buf_puts(out, ", ");
        put_count(out, cached);
        fm_buf_puts(out, " from the cache");
    }
    if (cost >= 0) {
        fm_buf_puts(out, ", ");
        put_money(out, cost);
    }
}

/* ", 812k tokens in (3.1k cached), 23.1k out, 4.0k thought" */
static void put_tokens(fm_buf *out, const cJSON *tokens)
{
    double cached = fm_json_number(tokens, "cached", 0);
    double thought = fm_json_number(tokens, "thought", 0);

    if (fm_json_number(tokens, "attempts", 0) <= 0)
        return;
    fm_buf_puts(out, "\n     ");
    put_count(out, fm_json_number(tokens, "input", 0));
    fm_buf_puts(out, " tokens in");
    if (cached > 0) {
        fm_buf_puts(out, " (");
        put_count(out, cached);
        fm_buf_puts(out, " of them from the provider's cache)");
    }
    fm_buf_puts(out, ", ");
    put_count(out, fm_json_number(tokens, "output", 0));
    fm_buf_puts(out, " out");
    if (thought > 0) {
        fm_buf_puts(out, ", ");
        put_count(out, thought);
        fm_buf_puts(out, " thought");
    }
}

static void put_latency(fm_buf *out, const cJSON *latency)
{
    static const char *const names[] = {"p50", "p95", "p99"};

    if (!cJSON_IsObject(latency))
        return;
    fm_buf_puts(out, "\n     a reply after ");
    for (size_t i = 0; i < FM_COUNT_OF(names); i++) {
        fm_buf_puts(out, i ? ", " : "");
        put_seconds(out, fm_json_number(latency, names[i], 0));
        fm_buf_printf(out, " (%s)", names[i]);
    }
}

/* Of a run without usage.json nothing is known; of one that answered by itself, at once and at the
 * first attempt, there is nothing to tell. */
static void put_usage(fm_buf *out, const char *run_dir, double samples)
{
    char path[FM_PATH_BYTES];
    cJSON *usage = NULL;

    if (fm_path_join(path, run_dir, "usage.json", NULL) != FM_OK || !fm_file_exists(path) ||
        fm_json_load(path, MAX_USAGE_BYTES, &usage, NULL) != FM_OK)
        return;
    const cJSON *tokens = fm_json_get(usage, "tokens"), *latency = fm_json_get(usage, "latency_s");
    bool worth =
        fm_json_number(usage, "attempts", 0) > samples || fm_json_number(usage, "cached", 0) > 0 ||
        fm_json_number(tokens, "attempts", 0) > 0 || fm_json_number(latency, "p50", 0) >= 1e-3;
    if (worth) {
        put_requests(out, usage, samples);
        put_tokens(out, tokens);
        put_latency(out, latency);
        fm_buf_putc(out, '\n');
    }
    cJSON_Delete(usage);
}

static fm_status show_table_and_usage(fm_view *view, const char *run_dir, fm_err *err)
{
    fm_buf out = {0};
    fm_status st = cli_show_table(&view, 1, err);

    if (st == FM_OK) {
        fm_buf_putc(&out, '\n');
        put_usage(&out, run_dir, fm_json_number(fm_view_results(view), "n", 0));
        fm_buf_printf(&out, "results in %s\nlook at them: fathom report %s --html report.html\n",
                      run_dir, run_dir);
        st = cli_print(&out, err);
    }
    fm_buf_release(&out);
    return st;
}

fm_status cli_show_run(const fm_catalog *catalog, const char *run_dir, const char *protocol,
                       bool json, fm_err *err)
{
    fm_view *view = NULL;
    fm_status st = fm_view_open(&view, catalog, run_dir, protocol, err);

    if (st == FM_OK)
        st = json ? show_results(view, err) : show_table_and_usage(view, run_dir, err);
    fm_view_close(view);
    return st;
}

/* ---- what a run would take ---- */

static void estimate_json(fm_buf *out, const fm_run_estimate *e, const char *label,
                          const char *run_dir)
{
    fm_json_writer w = {.out = out, .pretty = true};

    fm_json_open(&w, NULL, '{');
    fm_json_put_string(&w, "schema", "fathom.estimate/1");
    fm_json_put_string(&w, "label", label);
    fm_json_put_string(&w, "run_dir", run_dir);
    fm_json_put_int(&w, "samples", (int64_t)e->samples);
    fm_json_put_int(&w, "settled", (int64_t)e->settled);
    fm_json_put_int(&w, "cached", (int64_t)e->cached);
    fm_json_put_int(&w, "requests", (int64_t)e->requests);
    if (e->known) {
        fm_json_put_int(&w, "request_bytes", (int64_t)e->request_bytes);
        fm_json_put_int(&w, "input_tokens", (int64_t)e->input_tokens);
        fm_json_put_int(&w, "output_tokens", (int64_t)e->output_tokens);
        fm_json_put_number(&w, "cost_low_usd", e->cost_low);
        fm_json_put_number(&w, "cost_high_usd", e->cost_high);
    }
    fm_json_close(&w, '}');
    fm_buf_putc(out, '\n');
}

/* "  requests            950" */
static void put_row(fm_buf *out, const char *name, const char *before, double value)
{
    fm_buf_printf(out, "  %-20s%s", name, before);
    put_count(out, value);
    fm_buf_putc(out, '\n');
}

static void put_costs(fm_buf *out, const fm_run_estimate *e)
{
    fm_buf_printf(out, "  %-20s", "cost");
    if (isnan(e->cost_low)) {
        fm_buf_puts(out, "not known: no prices are set\n");
        return;
    }
    put_money(out, e->cost_low);
    if (e->output_tokens == 0) {
        fm_buf_puts(out, " and the output, which has no bound\n");
    } else {
        fm_buf_puts(out, " to ");
        put_money(out, e->cost_high);
        fm_buf_putc(out, '\n');
    }
}

static void estimate_text(fm_buf *out, const fm_run_estimate *e, const char *label,
                          const char *run_dir)
{
    fm_text_for_terminal(out, label, strlen(label));
    fm_buf_puts(out, ": nothing was sent or written\n");
    put_row(out, "samples", "", (double)e->samples);
    if (e->settled) {
        fm_buf_printf(out, "  %-20s%zu, in ", "answered already", e->settled);
        fm_text_for_terminal(out, run_dir, strlen(run_dir));
        fm_buf_putc(out, '\n');
    }
    if (e->cached)
        put_row(out, "in the cache", "", (double)e->cached);
    put_row(out, "requests", "", (double)e->requests);
    if (!e->known)
        return;
    put_row(out, "bytes", "", (double)e->request_bytes);
    put_row(out, "tokens in", "about ", (double)e->input_tokens);
    if (e->output_tokens)
        put_row(out, "tokens out", "at most ", (double)e->output_tokens);
    put_costs(out, e);
}

fm_status cli_show_estimate(const fm_run_estimate *estimate, const char *label, const char *run_dir,
                            bool json, fm_err *err)
{
    fm_buf out = {0};

    if (json)
        estimate_json(&out, estimate, label, run_dir);
    else
        estimate_text(&out, estimate, label, run_dir);
    fm_status st = cli_print(&out, err);
    fm_buf_release(&out);
    return st;
}
