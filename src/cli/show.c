/* Owns the views that a command has open, and how they reach stdout. */
#include "show.h"

#include <stdlib.h>

#include "base/json.h"
#include "report/report.h"
#include "terminal.h"

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

fm_status cli_show_run(const fm_catalog *catalog, const char *run_dir, const char *protocol,
                       bool json, fm_err *err)
{
    fm_view *view = NULL;
    fm_status st = fm_view_open(&view, catalog, run_dir, protocol, err);

    if (st == FM_OK && json) {
        st = show_results(view, err);
    } else if (st == FM_OK) {
        st = cli_show_table(&view, 1, err);
        if (st == FM_OK)
            printf("\nresults in %s\nlook at them: fathom report %s --html report.html\n", run_dir,
                   run_dir);
    }
    fm_view_close(view);
    return st;
}
