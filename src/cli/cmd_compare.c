/* fathom compare: is the candidate worse? The statistics are core's, the words the report's. */
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "catalog.h"
#include "commands.h"
#include "gate.h"
#include "report/compare.h"
#include "run_folders.h"
#include "terminal.h"

/* ---- options ---- */

static fm_status read_cluster(const char *text, fm_cluster *out, fm_err *err)
{
    static const char *const names[] = {[FM_CLUSTER_AUTO] = "auto",
                                        [FM_CLUSTER_NONE] = "none",
                                        [FM_CLUSTER_PICTURE] = "picture",
                                        [FM_CLUSTER_CATEGORY] = "category"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(names[i], text) == 0) {
            *out = (fm_cluster)i;
            return FM_OK;
        }
    }
    return fm_fail(err, FM_E_USAGE,
                   "option '--cluster' wants auto, none, picture or category, not '%s'", text);
}

static fm_status read_allowed(const cli_args *args, fm_arena *arena, unsigned *bits, fm_err *err)
{
    const char *names[16];
    size_t n = 0;
    fm_status st = cli_take_names(args, "allow-different", arena, names, 16, &n, err);

    for (size_t i = 0; st == FM_OK && i < n; i++)
        if (!fm_compare_identity_from_name(names[i], bits))
            st = fm_fail(err, FM_E_USAGE,
                         "option '--allow-different' wants suite, protocol, prompt or data, not "
                         "'%s'",
                         names[i]);
    return st;
}

static fm_status read_options(const cli_args *args, fm_arena *arena, fm_compare_options *o,
                              fm_err *err)
{
    uint64_t jobs = 0, draws = 0;
    fm_status st = cli_number(args, "jobs", 0, CLI_MAX_JOBS, &jobs, err);

    if (st == FM_OK)
        st = cli_number(args, "draws", 100, 10000000, &draws, err);
    if (st == FM_OK)
        st = cli_number(args, "seed", 0, UINT64_C(1) << 53, &o->seed, err);
    if (st == FM_OK)
        st = read_cluster(cli_value(args, "cluster"), &o->cluster, err);
    if (st == FM_OK)
        st = read_allowed(args, arena, &o->allowed, err);
    if (st == FM_OK)
        st = cli_take_names(args, "only", arena, o->metrics, FM_MAX_METRICS, &o->n_metrics, err);
    if (st == FM_OK)
        st = cli_gate_read(args, "gate", arena, o, err);
    o->anytime = cli_has(args, "anytime");
    o->jobs = (int)jobs;
    o->draws = (size_t)draws;
    return st;
}

/* ---- what is written ---- */

/* A comparison a suite. */
typedef struct {
    fm_comparison *items;
    size_t n;
} outcome;

/* "-" is stdout. */
static fm_status put_file(const char *path, const fm_buf *text, fm_err *err)
{
    return strcmp(path, "-") == 0 ? cli_print(text, err)
                                  : fm_file_write_atomic(path, text->data, text->size, err);
}

static fm_status write_markdown(const char *path, const outcome *o, const fm_compare_style *style,
                                fm_err *err)
{
    fm_buf out = {0};
    fm_status st = fm_compare_markdown(&out, o->items, o->n, style, err);

    if (st == FM_OK)
        st = put_file(path, &out, err);
    fm_buf_release(&out);
    return st;
}

static fm_status write_junit(const char *path, const outcome *o, fm_err *err)
{
    fm_buf out = {0};
    fm_status st = fm_compare_junit(&out, o->items, o->n, err);

    if (st == FM_OK)
        st = put_file(path, &out, err);
    fm_buf_release(&out);
    return st;
}

/* Other steps of the job write to the same file. */
static fm_status append_summary(const char *path, const outcome *o, const fm_compare_style *style,
                                fm_err *err)
{
    fm_buf out = {0};
    FILE *file = NULL;
    fm_status st = fm_compare_markdown(&out, o->items, o->n, style, err);

    if (st == FM_OK && !(file = fopen(path, "ab")))
        st = fm_fail(err, FM_E_IO, "cannot append to the step summary '%s'", path);
    if (file) {
        bool written = fwrite(out.data, 1, out.size, file) == out.size;

        if (fclose(file) != 0 || !written)
            st = fm_fail(err, FM_E_IO, "cannot append to the step summary '%s'", path);
    }
    fm_buf_release(&out);
    return st;
}

static fm_status tell_github(const outcome *o, const fm_compare_style *style, fm_err *err)
{
    const char *summary = getenv("GITHUB_STEP_SUMMARY");
    fm_buf out = {0};
    fm_status st = fm_compare_github(&out, o->items, o->n, err);

    if (st == FM_OK)
        st = cli_print(&out, err);
    if (st == FM_OK && summary && summary[0])
        st = append_summary(summary, o, style, err);
    fm_buf_release(&out);
    return st;
}

static fm_status show(const cli_args *args, const outcome *o, const fm_compare_style *style,
                      fm_err *err)
{
    fm_buf out = {0};
    fm_status st = cli_has(args, "json") ? fm_compare_json(&out, o->items, o->n, err)
                                         : fm_compare_table(&out, o->items, o->n, style, err);

    if (st == FM_OK)
        st = cli_print(&out, err);
    fm_buf_release(&out);
    return st;
}

static bool is_stdout(const char *path)
{
    return path && strcmp(path, "-") == 0;
}

static fm_status write_all(const cli_args *args, const outcome *o, fm_err *err)
{
    cli_style terminal = cli_style_for(stdout);
    const char *markdown = cli_value(args, "markdown"), *junit = cli_value(args, "junit");
    uint64_t listed = 0;
    fm_status st = cli_number(args, "list", 0, 1000000, &listed, err);
    fm_compare_style style = {
        .width = terminal.given, .colour = terminal.colour, .listed = (size_t)listed};

    if (st == FM_OK && markdown)
        st = write_markdown(markdown, o, &style, err);
    if (st == FM_OK && junit)
        st = write_junit(junit, o, err);
    if (st == FM_OK && !is_stdout(markdown) && !is_stdout(junit))
        st = show(args, o, &style, err);
    if (st == FM_OK && cli_has(args, "github"))
        st = tell_github(o, &style, err);
    return st;
}

/* ---- the command ---- */

/* Without the data nobody knows which samples share a picture. */
static void tell_unclustered(const fm_comparison *comparison)
{
    const char *notice = fm_view_notice(comparison->views[0]);
    char text[FM_ERR_TEXT_BYTES + 64];

    if (comparison->options->cluster != FM_CLUSTER_AUTO || !notice)
        return;
    snprintf(text, sizeof(text), "samples count as independent (--cluster): %s", notice);
    cli_notice(NULL, text);
}

static fm_status match_runs(const cli_args *args, const fm_compare_options *options,
                            fm_arena *arena, cli_matched *out, fm_err *err)
{
    size_t n = cli_operands(args);
    const char **operands = fm_arena_alloc(arena, n, sizeof(*operands));
    fm_catalog catalog;
    fm_status st =
        operands ? cli_catalog(&catalog, err) : fm_fail(err, FM_E_NOMEM, "no memory for the runs");

    for (size_t i = 0; st == FM_OK && i < n; i++)
        operands[i] = cli_operand(args, i);
    if (st == FM_OK)
        st = cli_match_runs(&catalog, operands, n, cli_value(args, "protocol"),
                            (options->allowed & FM_COMPARE_SUITE) != 0, arena, out, err);
    return st;
}

static fm_status compare_matched(const cli_args *args, const cli_matched *matched,
                                 const fm_compare_options *options, fm_err *err)
{
    outcome o = {.items = calloc(matched->n, sizeof(*o.items)), .n = matched->n};

    if (!o.items)
        return fm_fail(err, FM_E_NOMEM, "no memory for a comparison");
    fm_status st = fm_compare_suites(matched->suites, matched->n, options, o.items, err);
    if (st == FM_OK) {
        for (size_t i = 0; i < o.n; i++)
            tell_unclustered(&o.items[i]);
        st = write_all(args, &o, err);
    }
    if (st == FM_OK)
        st = cli_gate_status(o.items, o.n, err);
    for (size_t i = 0; i < o.n; i++)
        fm_comparison_release(&o.items[i]);
    free(o.items);
    return st;
}

static fm_status compare_run(const cli_args *args, fm_err *err)
{
    fm_compare_options options = {0};
    cli_matched matched = {0};
    fm_arena arena = {0};
    fm_status st = read_options(args, &arena, &options, err);

    if (st == FM_OK && cli_has(args, "github") &&
        (cli_has(args, "json") || is_stdout(cli_value(args, "markdown")) ||
         is_stdout(cli_value(args, "junit"))))
        st = fm_fail(err, FM_E_USAGE,
                     "option '--github' writes to standard output: nothing else can be read there");
    if (st == FM_OK)
        st = match_runs(args, &options, &arena, &matched, err);
    if (st == FM_OK)
        st = compare_matched(args, &matched, &options, err);
    cli_matched_release(&matched);
    fm_arena_release(&arena);
    return st;
}

static const char *const description[] = {
    "Holds each CAND against BASE, sample by sample: the difference of every metric with its "
    "interval and p, the samples that changed sides, and what failed replies could hide.",
    "With --gate the answer is pass (exit code 0), fail (10) or inconclusive (11). --alpha bounds "
    "the chance of a wrong pass and of a wrong fail, over all gated metrics and candidates "
    "together. An inconclusive gate says how many samples would decide it.",
    "BASE and CAND may be folders that hold runs of several suites: each is held against the run "
    "of "
    "its task and protocol, and one gate is over all of them.",
    "Runs of another suite, protocol, prompt or data are refused unless --allow-different names "
    "what may differ. docs/comparing.md explains the numbers and shows the jobs of CI servers.",
    NULL,
};

static const cli_option options_table[] = {
    {.name = "gate",
     .argument = "KIND",
     .help = "noninferior: is the candidate not worse by the margin? superior: is it better by "
             "more than the margin?",
     .group = "the gate",
     .kind = CLI_WORDS,
     .words = "noninferior superior"},
    {.name = "margin",
     .argument = "X",
     .help = "3pp for a rate, or a number in the metric's unit (superior: default 0)"},
    {.name = "metric",
     .argument = "M,...",
     .help = "metrics that the gate is on (default: the protocol's headline)",
     .repeats = true},
    {.name = "alpha", .argument = "A", .fallback = "0.05", .help = "chance of a wrong verdict"},
    {.name = "anytime",
     .help = "a verdict that holds though the run was looked at before and may be asked further"},
    {.name = "only",
     .argument = "M,...",
     .help = "compare these metrics alone (default: all)",
     .group = "what is compared",
     .repeats = true},
    {.name = "protocol",
     .argument = "P",
     .help = "grades of this protocol (default: each run's own)",
     .kind = CLI_PROTOCOL},
    {.name = "cluster",
     .argument = "BY",
     .fallback = "auto",
     .help = "samples that belong together: auto (by picture, where several share one), none, "
             "picture or category",
     .kind = CLI_WORDS,
     .words = "auto none picture category"},
    {.name = "allow-different",
     .argument = "WHAT,...",
     .help = "compare though these differ: suite, protocol, prompt, data",
     .repeats = true},
    {.name = "draws",
     .argument = "N",
     .fallback = "10000",
     .help = "draws of bootstrap and permutation"},
    {.name = "seed",
     .argument = "N",
     .fallback = "20251213660",
     .help = "of the draws; it is written into the JSON"},
    {.name = "markdown",
     .argument = "FILE",
     .help = "as Markdown for a pull request; - for standard output",
     .group = "what is written",
     .kind = CLI_FILE},
    {.name = "junit",
     .argument = "FILE",
     .help = "as JUnit XML; - for standard output",
     .kind = CLI_FILE},
    {.name = "github",
     .help = "annotations for GitHub Actions, and the Markdown into $GITHUB_STEP_SUMMARY"},
    {.name = "json", .help = "everything as JSON (schema fathom.compare/1) instead of the table"},
    {.name = "list",
     .argument = "N",
     .fallback = "10",
     .help = "changed samples to list, of either kind"},
    {.name = "jobs",
     .letter = 'j',
     .argument = "N",
     .help = "threads; results do not depend on it (default: one a processor)"},
    {0},
};

static const cli_example examples[] = {
    {"fathom compare runs/base runs/new", "what changed, and is it real"},
    {"fathom compare runs/base runs/new --gate noninferior --margin 3pp",
     "fail a build when the new run is worse by 3 points"},
    {"fathom compare nightly/base nightly/new --gate noninferior --margin 3pp --junit gate.xml",
     "the same over all suites that were run"},
    {0},
};

const cli_command cli_command_compare = {
    .name = "compare",
    .summary = "hold runs against each other, and gate on the difference",
    .operands = "BASE CAND...",
    .operand_kind = CLI_RUN,
    .min_operands = 2,
    .max_operands = -1,
    .description = description,
    .options = options_table,
    .examples = examples,
    .run = compare_run,
};
