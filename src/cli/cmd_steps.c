/* fathom steps: why graded runs fail. The analysis is core's, its text report's. */
#include <string.h>

#include "catalog.h"
#include "commands.h"
#include "report/steps.h"
#include "show.h"
#include "terminal.h"

static fm_status read_rules(const cli_args *args, const fm_process_rules **out, fm_err *err)
{
    static const fm_process_rules *const table[] = {&fm_process_robotracer, &fm_process_roborefer};
    const char *name = cli_value(args, "variant");

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (strcmp(table[i]->name, name) == 0) {
            *out = table[i];
            return FM_OK;
        }
    }
    return fm_fail(err, FM_E_USAGE, "unknown variant '%s': there are 'robotracer' and 'roborefer'",
                   name);
}

/* One view a run: its own protocol, or the one that is named. */
static fm_status open_views(const cli_args *args, const fm_catalog *catalog, cli_views *views,
                            fm_err *err)
{
    const char *protocol = cli_value(args, "protocol");
    fm_status st = FM_OK;

    for (size_t i = 0; st == FM_OK && i < cli_operands(args); i++) {
        const char *names[] = {protocol};

        st = cli_views_add(views, catalog, cli_operand(args, i), names, 1, err);
    }
    return st;
}

static fm_status steps_run(const cli_args *args, fm_err *err)
{
    cli_style style = cli_style_for(stdout);
    fm_report_options options = {
        .width = style.given, .colour = style.colour, .notice = cli_notice};
    fm_report_form form = cli_has(args, "json")       ? FM_REPORT_STEPS_JSON
                          : cli_has(args, "markdown") ? FM_REPORT_STEPS_MARKDOWN
                                                      : FM_REPORT_STEPS_TEXT;
    const fm_process_rules *rules = NULL;
    fm_catalog catalog;
    cli_views views = {0};
    fm_buf out = {0};
    uint64_t jobs = 0;
    fm_status st = cli_number(args, "jobs", 0, CLI_MAX_JOBS, &jobs, err);

    options.jobs = (int)jobs;
    if (st == FM_OK && cli_has(args, "json") && cli_has(args, "markdown"))
        st = fm_fail(err, FM_E_USAGE, "either --json or --markdown");
    if (st == FM_OK)
        st = read_rules(args, &rules, err);
    if (st == FM_OK)
        st = cli_catalog(&catalog, err);
    if (st == FM_OK)
        st = open_views(args, &catalog, &views, err);
    if (st == FM_OK)
        st = fm_report_steps(&out, views.items, views.n, rules, form, cli_value(args, "plots"),
                             &options, err);
    if (st == FM_OK)
        st = cli_print(&out, err);
    fm_buf_release(&out);
    cli_views_release(&views);
    return st;
}

static const char *const description[] = {
    "Shows where graded runs fail: the first stage of a trace that is wrong (complete, frame, "
    "start, depth, path, end), how its depth error splits into scale, offset and the rest, and "
    "what success would be with the true start, depth, scale or end in its place, graded again "
    "each time.",
    "Where the data annotates key steps, the steps of each reply's reasoning are matched to them "
    "and judged, and an early error is followed to later steps and to the outcome. docs/steps.md "
    "has the rules.",
    NULL,
};

static const cli_option options_table[] = {
    {.name = "protocol",
     .argument = "P",
     .help = "graded by this one (default: each run's own)",
     .kind = CLI_PROTOCOL},
    {.name = "variant",
     .argument = "NAME",
     .fallback = "robotracer",
     .help = "rules of the steps: robotracer or roborefer",
     .kind = CLI_WORDS,
     .words = "robotracer roborefer"},
    {.name = "markdown", .help = "the table as Markdown"},
    {.name = "plots",
     .argument = "DIR",
     .help = "figures too: the first stage that fails, and steps of reasoning by their place",
     .kind = CLI_FOLDER},
    {.name = "json", .help = "everything, every sample included (schema fathom.steps/1)"},
    {.name = "jobs",
     .letter = 'j',
     .argument = "N",
     .help = "threads that grade; results do not depend on it (default: one a processor)"},
    {0},
};

static const cli_example examples[] = {
    {"fathom steps runs/tabletop-3d-paper-jitter", "why a run fails"},
    {"fathom steps runs/a runs/b --markdown", "two runs beside each other"},
    {0},
};

const cli_command cli_command_steps = {
    .name = "steps",
    .summary = "show which step fails, and what fixing it is worth",
    .operands = "RUN...",
    .operand_kind = CLI_RUN,
    .min_operands = 1,
    .max_operands = -1,
    .description = description,
    .options = options_table,
    .examples = examples,
    .run = steps_run,
};
