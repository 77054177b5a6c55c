/* fathom report: graded runs as a table, Markdown, a page, pictures. Nothing is graded here. */
#include <string.h>

#include "base/files.h"
#include "base/json.h"
#include "catalog.h"
#include "commands.h"
#include "report/report.h"
#include "show.h"
#include "terminal.h"

static fm_status open_views(const cli_args *args, const fm_catalog *catalog, cli_views *views,
                            fm_err *err)
{
    const char *given = cli_value(args, "protocols");
    const char *const *names = NULL;
    fm_arena arena = {0};
    size_t n = 0;
    fm_status st = given ? cli_names(given, "protocols", &arena, &names, &n, err) : FM_OK;

    for (size_t i = 0; st == FM_OK && i < cli_operands(args); i++)
        st = cli_views_add(views, catalog, cli_operand(args, i), names, n, err);
    fm_arena_release(&arena);
    return st;
}

static fm_status print_json(const cli_views *views, fm_err *err)
{
    fm_buf out = {0};
    fm_json_writer w = {.out = &out, .pretty = true};

    fm_json_open(&w, NULL, '{');
    fm_json_put_string(&w, "schema", "fathom.report/1");
    fm_json_open(&w, "runs", '[');
    for (size_t i = 0; i < views->n; i++) {
        fm_json_open(&w, NULL, '{');
        fm_json_put_string(&w, "dir", fm_view_dir(views->items[i]));
        fm_json_put_tree(&w, "results", fm_view_results(views->items[i]));
        fm_json_close(&w, '}');
    }
    fm_json_close(&w, ']');
    fm_json_close(&w, '}');
    fm_buf_putc(&out, '\n');
    fm_status st = cli_print(&out, err);
    fm_buf_release(&out);
    return st;
}

/* The forms that are one text. */
static const struct {
    const char *option;
    fm_status (*write)(fm_buf *out, fm_view *const *views, size_t n,
                       const fm_report_options *options, fm_err *err);
} texts[] = {
    {"markdown", fm_report_markdown},
    {"csv", fm_report_csv},
    {"latex", fm_report_latex},
    {"every-eval-ever", fm_report_every_eval},
};

/* "-" is stdout. */
static fm_status write_texts(const cli_args *args, const cli_views *views,
                             const fm_report_options *options, fm_err *err)
{
    fm_status st = FM_OK;

    for (size_t i = 0; st == FM_OK && i < sizeof(texts) / sizeof(texts[0]); i++) {
        const char *path = cli_value(args, texts[i].option);
        fm_buf out = {0};

        if (!path)
            continue;
        st = texts[i].write(&out, views->items, views->n, options, err);
        if (st == FM_OK)
            st = strcmp(path, "-") == 0 ? cli_print(&out, err)
                                        : fm_file_write_atomic(path, out.data, out.size, err);
        fm_buf_release(&out);
    }
    return st;
}

/* One folder of pictures a run directory: several runs would overwrite each other's. */
static fm_status write_overlays(const char *dir, const cli_views *views,
                                const fm_report_options *options, fm_err *err)
{
    const char *first = fm_view_dir(views->items[0]);

    for (size_t i = 1; i < views->n; i++)
        if (strcmp(fm_view_dir(views->items[i]), first) != 0)
            return fm_fail(err, FM_E_USAGE, "option '--overlays' takes the pictures of one run");
    return fm_report_overlays(dir, views->items[0], options, NULL, err);
}

/* What was asked for besides the table. */
static fm_status write_files(const cli_args *args, const cli_views *views,
                             const fm_report_options *options, fm_err *err)
{
    const char *html = cli_value(args, "html");
    const char *overlays = cli_value(args, "overlays"), *plots = cli_value(args, "plots");
    fm_status st = write_texts(args, views, options, err);

    if (st == FM_OK && overlays)
        st = write_overlays(overlays, views, options, err);
    if (st == FM_OK && plots)
        st = fm_report_plots(plots, views->items, views->n, options, NULL, err);
    if (st == FM_OK && html)
        st = fm_report_html(html, views->items, views->n, options, err);
    return st;
}

static fm_status read_pictures(const cli_args *args, fm_report_pictures *out, fm_err *err)
{
    static const char *const names[] = {
        [FM_REPORT_EMBED] = "embed", [FM_REPORT_LINK] = "link", [FM_REPORT_NO_PICTURES] = "none"};
    const char *given = cli_value(args, "pictures");

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (!given || strcmp(given, names[i]) == 0) {
            *out = (fm_report_pictures)i;
            return FM_OK;
        }
    }
    return fm_fail(err, FM_E_USAGE, "option '--pictures' takes embed, link or none, not '%s'",
                   given);
}

static fm_status report_run(const cli_args *args, fm_err *err)
{
    static const char *const files[] = {"html", "overlays", "plots"};
    fm_catalog catalog;
    cli_views views = {0};
    fm_report_options options = {.notice = cli_notice};
    uint64_t jobs = 0;
    bool only_files = false;
    fm_status st = cli_number(args, "jobs", 0, CLI_MAX_JOBS, &jobs, err);

    options.jobs = (int)jobs;
    options.steps = cli_has(args, "steps");
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        only_files = only_files || cli_has(args, files[i]);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        only_files = only_files || cli_has(args, texts[i].option);
    if (st == FM_OK)
        st = read_pictures(args, &options.pictures, err);
    if (st == FM_OK)
        st = cli_catalog(&catalog, err);
    if (st == FM_OK)
        st = open_views(args, &catalog, &views, err);
    if (st == FM_OK)
        st = write_files(args, &views, &options, err);
    if (st == FM_OK && cli_has(args, "json"))
        st = print_json(&views, err);
    else if (st == FM_OK && !only_files)
        st = cli_show_table(views.items, views.n, err);
    cli_views_release(&views);
    return st;
}

static const char *const description[] = {
    "Shows graded runs side by side, each under all protocols that it was graded by, or under "
    "those that are named. Without an option that writes a file, the table goes to standard "
    "output.",
    "Where two protocols of one run judge a sample differently, it is listed. Plots need "
    "gnuplot; without it they are left out with a notice.",
    NULL,
};

static const cli_option options_table[] = {
    {.name = "protocols",
     .argument = "P,...",
     .help = "only these, in this order (default: all that the runs hold)",
     .kind = CLI_PROTOCOL},
    {.name = "html",
     .argument = "FILE",
     .help = "one self-contained page: table, plots, every sample with its picture",
     .kind = CLI_FILE},
    {.name = "pictures",
     .argument = "HOW",
     .help = "of the page: embed (thumbnails), link (to the data's files) or none (default: embed)",
     .kind = CLI_WORDS,
     .words = "embed link none"},
    {.name = "steps",
     .help = "in the page: where each trace and its reasoning go wrong (grades each trace again)"},
    {.name = "markdown",
     .argument = "FILE",
     .help = "the table as Markdown; - for standard output",
     .kind = CLI_FILE},
    {.name = "csv",
     .argument = "FILE",
     .help = "every number as CSV, a row each; - for standard output",
     .kind = CLI_FILE},
    {.name = "latex",
     .argument = "FILE",
     .help = "the table for a paper (package booktabs); - for standard output",
     .kind = CLI_FILE},
    {.name = "every-eval-ever",
     .argument = "FILE",
     .help = "one run as a record of Every Eval Ever (schema 0.2.1); - for standard output",
     .kind = CLI_FILE},
    {.name = "overlays",
     .argument = "DIR",
     .help = "a picture a sample: traces, mask outline and destination box (PNG)",
     .kind = CLI_FOLDER},
    {.name = "plots",
     .argument = "DIR",
     .help = "rates and distributions; by category and steps, over depth, length, way, tasks and "
             "time (SVG, PNG, and the data with a script to draw them again); 3D views (SVG)",
     .kind = CLI_FOLDER},
    {.name = "json", .help = "the results of all runs as JSON (schema fathom.report/1)"},
    {.name = "jobs",
     .letter = 'j',
     .argument = "N",
     .help = "threads that draw (default: one a processor)"},
    {0},
};

static const cli_example examples[] = {
    {"fathom report runs/*", "every run in one table"},
    {"fathom report runs/tabletop-3d-paper-oracle --html report.html",
     "a page to look at failures"},
    {0},
};

const cli_command cli_command_report = {
    .name = "report",
    .summary = "show graded runs as a table, Markdown, a page, plots and pictures",
    .operands = "RUN...",
    .operand_kind = CLI_RUN,
    .min_operands = 1,
    .max_operands = -1,
    .description = description,
    .options = options_table,
    .examples = examples,
    .run = report_run,
};
