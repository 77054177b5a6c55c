/* Owns the views that a command has open, and how they reach stdout. */
#include "show.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "report/report.h"
#include "report/usage.h"
#include "terminal.h"

fm_status cli_views_add_one(cli_views *views, const fm_catalog *catalog, const char *run_dir,
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
        st = cli_views_add_one(views, catalog, run_dir, names[i], err);
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

static fm_status show_table(fm_view *const *views, size_t n, size_t differing, fm_err *err)
{
    cli_style style = cli_style_for(stdout);
    fm_report_options options = {
        .width = style.given,
        .colour = style.colour,
        .differing = differing,
        .notice = cli_notice,
    };
    fm_buf out = {0};
    fm_status st = fm_report_table(&out, views, n, &options, err);

    if (st == FM_OK)
        st = cli_print(&out, err);
    fm_buf_release(&out);
    return st;
}

fm_status cli_show_table(fm_view *const *views, size_t n, fm_err *err)
{
    return show_table(views, n, 0, err);
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

static fm_status show_table_and_usage(fm_view *view, const char *run_dir, fm_err *err)
{
    fm_buf out = {0};
    fm_status st = cli_show_table(&view, 1, err);

    if (st == FM_OK) {
        fm_buf_putc(&out, '\n');
        fm_report_put_usage(&out, fm_view_usage(view),
                            fm_json_number(fm_view_results(view), "n", 0), "\n     ");
        if (out.size > 1)
            fm_buf_putc(&out, '\n');
        fm_buf_puts(&out, "results in ");
        fm_text_for_terminal(&out, run_dir, strlen(run_dir));
        fm_buf_puts(&out, "\nlook at them: fathom report ");
        fm_text_for_shell(&out, run_dir, strlen(run_dir));
        fm_buf_puts(&out, " --html report.html\n");
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

fm_status cli_show_protocols(const fm_catalog *catalog, const char *run_dir,
                             const char *const *names, size_t n, size_t flips, bool json,
                             fm_err *err)
{
    cli_views views = {0};
    fm_buf out = {0};
    fm_status st = cli_views_add(&views, catalog, run_dir, names, n, err);

    if (st == FM_OK && !json)
        st = show_table(views.items, views.n, flips, err);
    else if (st == FM_OK)
        st = fm_report_protocols(&out, views.items, views.n, err);
    if (st == FM_OK)
        st = cli_print(&out, err);
    fm_buf_release(&out);
    cli_views_release(&views);
    return st;
}

/* ---- what a run would take ---- */

/* Whether the replies have a longest length; what has none is null in JSON. */
static bool bounded(const fm_run_estimate *e)
{
    return e->output_tokens > 0 || e->requests == 0;
}

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
        fm_json_put_number(&w, "output_tokens", bounded(e) ? (double)e->output_tokens : NAN);
        fm_json_put_number(&w, "cost_low_usd", e->cost_low);
        fm_json_put_number(&w, "cost_high_usd", bounded(e) ? e->cost_high : NAN);
    }
    fm_json_close(&w, '}');
    fm_buf_putc(out, '\n');
}

/* "  requests            950" */
static void put_row(fm_buf *out, const char *name, const char *before, double value)
{
    fm_buf_printf(out, "  %-20s%s", name, before);
    fm_report_put_count(out, value);
    fm_buf_putc(out, '\n');
}

static void put_costs(fm_buf *out, const fm_run_estimate *e)
{
    fm_buf_printf(out, "  %-20s", "cost");
    if (isnan(e->cost_low)) {
        fm_buf_puts(out, "not known: no prices are set\n");
        return;
    }
    fm_report_put_money(out, e->cost_low);
    if (!bounded(e)) {
        fm_buf_puts(out, " and the output, which has no bound\n");
    } else {
        fm_buf_puts(out, " to ");
        fm_report_put_money(out, e->cost_high);
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
