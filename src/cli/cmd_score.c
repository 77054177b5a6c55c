/* fathom score: grade a run again, under one protocol or several, or replies that were made elsewhere. No model is asked. */
#include <string.h>

#include "catalog.h"
#include "commands.h"
#include "progress.h"
#include "show.h"
#include "terminal.h"

/* Options that make a run directory of somebody else's replies; with a RUN they have no meaning. */
static const char *const import_options[] = {"suite", "predictions", "out", "answers"};

static fm_status check_form(const cli_args *args, fm_err *err)
{
    bool run = cli_operands(args) > 0;

    for (size_t i = 0; i < sizeof(import_options) / sizeof(import_options[0]); i++)
        if (run && cli_has(args, import_options[i]))
            return fm_fail(err, FM_E_USAGE,
                           "option '--%s' belongs to replies from elsewhere, not to the run '%s'",
                           import_options[i], cli_operand(args, 0));
    if (run)
        return FM_OK;
    if (cli_has(args, "protocol"))
        return fm_fail(err, FM_E_USAGE,
                       "option '--protocol' goes with a RUN; write --suite SUITE@%s",
                       cli_value(args, "protocol"));
    for (size_t i = 0; i < 2; i++)
        if (!cli_has(args, import_options[i]))
            return fm_fail(err, FM_E_USAGE,
                           "'fathom score' needs a RUN, or --suite and --predictions");
    if (!cli_has(args, "out"))
        return fm_fail(err, FM_E_USAGE, "'fathom score --predictions' needs --out DIR");
    return FM_OK;
}

/* The replies of a run under one protocol or several: each is graded, then they stand side by
 * side. */
static fm_status score_again(const cli_args *args, const fm_catalog *catalog,
                             const fm_run_options *options, cli_progress *progress, fm_err *err)
{
    const char *run_dir = cli_operand(args, 0), *given = cli_value(args, "protocol");
    const char *const *names = NULL;
    fm_arena arena = {0};
    uint64_t flips = 10;
    size_t n = 0;
    fm_status st = cli_number(args, "flips", 1, SIZE_MAX, &flips, err);

    if (st == FM_OK && given && strcmp(given, "all") == 0)
        st = fm_run_protocols(catalog, run_dir, &arena, &names, &n, err);
    else if (st == FM_OK && given)
        st = cli_names(given, "protocol", &arena, &names, &n, err);
    if (st == FM_OK)
        st = fm_run_score(catalog, run_dir, names, n, options, err);
    cli_progress_end(progress);
    if (st == FM_OK && n > 1)
        st = cli_show_protocols(catalog, run_dir, names, n, (size_t)flips, cli_has(args, "json"),
                                err);
    else if (st == FM_OK)
        st = cli_show_run(catalog, run_dir, n ? names[0] : NULL, cli_has(args, "json"), err);
    fm_arena_release(&arena);
    return st;
}

static fm_status score_run(const cli_args *args, fm_err *err)
{
    fm_catalog catalog;
    cli_progress progress = {.label = "grading"};
    uint64_t jobs = 0;
    fm_run_options options = {
        .target = cli_value(args, "suite"),
        .data_dir = cli_value(args, "data"),
        .out_dir = cli_value(args, "out"),
        .answers = cli_value(args, "answers"),
        .progress = cli_progress_show,
        .notice = cli_notice,
        .context = &progress,
    };
    fm_status st = check_form(args, err);

    if (st == FM_OK)
        st = cli_number(args, "jobs", 0, CLI_MAX_JOBS, &jobs, err);
    options.jobs = (int)jobs;
    if (st == FM_OK)
        st = cli_catalog(&catalog, err);
    if (st != FM_OK)
        return st;
    if (cli_operands(args) > 0)
        return score_again(args, &catalog, &options, &progress, err);
    st = fm_run_import(&catalog, cli_value(args, "predictions"), &options, err);
    cli_progress_end(&progress);
    return st == FM_OK ? cli_show_run(&catalog, options.out_dir, NULL, cli_has(args, "json"), err)
                       : st;
}

static const char *const description[] = {
    "With a RUN, grades its replies again: to identical bytes under its own protocol, or beside "
    "it under others. Several protocols are shown side by side: how far their numbers lie apart, "
    "and which samples flip, with what each of them read in the reply.",
    "With --predictions, makes a run directory of replies from elsewhere and grades them. The "
    "file holds upstream records (question_id, model_prediction) or a journal of fathom, one "
    "JSON object a line. Annotations inside the records are used where the data folder has none.",
    NULL,
};

static const cli_option options_table[] = {
    {.name = "protocol",
     .argument = "P,...",
     .help = "other protocols of the run's task, or all of them: 'all'",
     .kind = CLI_PROTOCOL},
    {.name = "flips",
     .argument = "N",
     .fallback = "10",
     .help = "how many verdicts that differ between protocols are listed"},
    {.name = "suite",
     .argument = "SUITE[@P]",
     .help = "what the replies from elsewhere answer",
     .kind = CLI_SUITE},
    {.name = "predictions", .argument = "FILE", .help = "replies from elsewhere", .kind = CLI_FILE},
    {.name = "data",
     .argument = "DIR",
     .help = "folder of the benchmark's data (default: where the RUN had it; generated, where the "
             "suite can be)",
     .kind = CLI_FOLDER},
    {.name = "out",
     .letter = 'o',
     .argument = "DIR",
     .help = "run directory to make",
     .kind = CLI_FOLDER},
    {.name = "answers",
     .argument = "FORM",
     .help = "how the replies write a trace: tuples, json or xyz (default: the task's)",
     .kind = CLI_WORDS,
     .words = "tuples json xyz"},
    {.name = "jobs",
     .letter = 'j',
     .argument = "N",
     .help = "threads; results do not depend on it (default: one a processor)"},
    {.name = "json",
     .help = "print results.json instead of the table; of several protocols, all that is shown and "
             "every sample that flips (schema fathom.protocols/1)"},
    {0},
};

static const cli_example examples[] = {
    {"fathom score runs/tabletop-3d-paper-oracle", "grade a run again"},
    {"fathom score runs/tabletop-3d-paper-oracle --protocol all",
     "under every protocol: the spread, and the samples that flip"},
    {"fathom score --suite tracespatial-3d --data DIR --predictions FILE --out RUN",
     "somebody else's replies"},
    {0},
};

const cli_command cli_command_score = {
    .name = "score",
    .summary = "grade a run again, or replies that were made elsewhere",
    .operands = "[RUN]",
    .other_form = "--suite SUITE[@P] --predictions FILE --out RUN",
    .operand_kind = CLI_RUN,
    .max_operands = 1,
    .description = description,
    .options = options_table,
    .examples = examples,
    .run = score_run,
};
