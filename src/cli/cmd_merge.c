/* fathom merge: the shards of a run become the run. The work is core's. */
#include <stdlib.h>

#include "catalog.h"
#include "commands.h"
#include "core/run.h"
#include "show.h"
#include "terminal.h"

static fm_status merge_folders(const fm_catalog *catalog, const cli_args *args,
                               const fm_run_options *options, fm_err *err)
{
    size_t n = cli_operands(args);
    const char **run_dirs = calloc(n, sizeof(*run_dirs));
    fm_status st;

    if (!run_dirs)
        return fm_fail(err, FM_E_NOMEM, "no memory for %zu shards", n);
    for (size_t i = 0; i < n; i++)
        run_dirs[i] = cli_operand(args, i);
    st = fm_run_merge(catalog, run_dirs, n, cli_has(args, "partial"), options, err);
    free(run_dirs);
    return st;
}

static fm_status merge_run(const cli_args *args, fm_err *err)
{
    fm_catalog catalog;
    uint64_t jobs = 0;
    fm_run_options options = {
        .data_dir = cli_value(args, "data"),
        .out_dir = cli_value(args, "out"),
        .notice = cli_notice,
    };
    fm_status st = cli_number(args, "jobs", 0, CLI_MAX_JOBS, &jobs, err);

    options.jobs = (int)jobs;
    if (st == FM_OK)
        st = cli_catalog(&catalog, err);
    if (st == FM_OK)
        st = merge_folders(&catalog, args, &options, err);
    return st == FM_OK ? cli_show_run(&catalog, options.out_dir, NULL, cli_has(args, "json"), err)
                       : st;
}

static const char *const description[] = {
    "Joins the run directories of the shards of one run and grades the whole: samples.jsonl and "
    "results.json are those of the same run on one machine, byte for byte. A SHARD is such a "
    "directory, or a folder that holds them as shard-I-of-N.",
    "The shards must be of the same run, each there once and finished. docs/cluster.md shows the "
    "jobs of a cluster that make them.",
    NULL,
};

static const cli_option options_table[] = {
    {.name = "out",
     .letter = 'o',
     .argument = "DIR",
     .help = "run directory to make",
     .kind = CLI_FOLDER,
     .required = true},
    {.name = "partial",
     .help = "merge though shards are missing or unfinished; what has no reply counts as skipped"},
    {.name = "data",
     .argument = "DIR",
     .help = "folder of the benchmark's data (default: where the first shard had it)",
     .kind = CLI_FOLDER},
    {.name = "jobs",
     .letter = 'j',
     .argument = "N",
     .help = "threads; results do not depend on it (default: one a processor)"},
    {.name = "json", .help = "print results.json instead of the table"},
    {0},
};

static const cli_example examples[] = {
    {"fathom merge runs/tabletop-3d-paper-jitter --out runs/merged", "all shards of a run"},
    {0},
};

const cli_command cli_command_merge = {
    .name = "merge",
    .summary = "join the shards of a run",
    .operands = "SHARD...",
    .operand_kind = CLI_RUN,
    .min_operands = 1,
    .max_operands = -1,
    .description = description,
    .options = options_table,
    .examples = examples,
    .run = merge_run,
};
