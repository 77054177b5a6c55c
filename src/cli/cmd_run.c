/* fathom run: ask, keep, grade, show. Owns the signals while it runs; the work is core's. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/size.h"
#include "catalog.h"
#include "commands.h"
#include "show.h"
#include "terminal.h"

enum { MAX_SETTINGS = 64 };

static volatile sig_atomic_t stop_asked;

/* Once: finish the sample in flight and save. Twice: leave at once; every reply so far is in the
 * journal. */
static void on_interrupt(int signal_number)
{
    static const char text[] =
        "\nfathom: stopping after the sample in flight; once more to leave at once\n";

    (void)signal_number;
    if (stop_asked)
        _exit(130);
    stop_asked = 1;
    (void)!write(STDERR_FILENO, text, sizeof(text) - 1);
}

static void catch_interrupts(void)
{
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = SA_RESTART};

    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

/* key=value words into settings; the keys are cut out of copies in the arena. */
static fm_status read_settings(const cli_args *args, fm_arena *arena, fm_setting *out, size_t *n,
                               fm_err *err)
{
    *n = 0;
    for (size_t i = 0; i < args->n; i++) {
        const cli_given *given = &args->given[i];

        if (!given->option || strcmp(given->option->name, "set") != 0)
            continue;
        size_t key = strcspn(given->value, "=");
        if (key == 0 || given->value[key] == '\0')
            return fm_fail(err, FM_E_USAGE, "option '--set' wants KEY=VALUE, not '%s'",
                           given->value);
        if (*n == MAX_SETTINGS)
            return fm_fail(err, FM_E_USAGE, "more than %d settings", MAX_SETTINGS);
        const char *copy = fm_arena_memdup(arena, given->value, key);
        if (!copy)
            return fm_fail(err, FM_E_NOMEM, "no memory for the settings");
        out[(*n)++] = (fm_setting){copy, given->value + key + 1};
    }
    return FM_OK;
}

static fm_status read_numbers(const cli_args *args, fm_run_options *options, fm_err *err)
{
    uint64_t limit = 0, jobs = 0;
    fm_status st = cli_number(args, "limit", 1, SIZE_MAX, &limit, err);

    if (st == FM_OK)
        st = cli_number(args, "jobs", 0, CLI_MAX_JOBS, &jobs, err);
    if (st == FM_OK)
        st = cli_number(args, "seed", 0, UINT64_MAX, &options->seed, err);
    if (st == FM_OK)
        st = cli_seconds(args, "timeout", &options->timeout_s, err);
    options->selection.limit = limit;
    options->jobs = (int)jobs;
    return st;
}

static fm_status run_run(const cli_args *args, fm_err *err)
{
    fm_catalog catalog;
    fm_arena arena = {0};
    fm_target target;
    fm_setting settings[MAX_SETTINGS];
    char out[FM_PATH_BYTES], label[192];
    cli_progress progress = {.label = label};
    fm_run_options options = {
        .target = cli_operand(args, 0),
        .data_dir = cli_value(args, "data"),
        .out_dir = cli_value(args, "out"),
        .adapter = cli_value(args, "adapter"),
        .settings = settings,
        .answers = cli_value(args, "answers"),
        .progress = cli_progress_show,
        .notice = cli_notice,
        .context = &progress,
        .stop = &stop_asked,
    };
    const fm_adapter_ops *adapter;
    fm_status st = read_numbers(args, &options, err);

    if (st == FM_OK)
        st = read_settings(args, &arena, settings, &options.n_settings, err);
    if (st == FM_OK)
        st = cli_catalog(&catalog, err);
    if (st == FM_OK)
        st = fm_catalog_target(&catalog, options.target, &arena, &target, err);
    if (st == FM_OK)
        st = fm_catalog_adapter(&catalog, options.adapter, &adapter, err);
    if (st != FM_OK)
        goto done;

    if (!options.out_dir) {
        snprintf(out, sizeof(out), "runs/%s-%s-%s", target.task->name, target.protocol->name,
                 adapter->name);
        options.out_dir = out;
    }
    snprintf(label, sizeof(label), "%s@%s, %s", target.task->name, target.protocol->name,
             adapter->name);
    catch_interrupts();
    st = fm_run_execute(&catalog, &options, err);
    cli_progress_clear(&progress);
    if (st == FM_OK)
        st = cli_show_run(&catalog, options.out_dir, NULL, cli_has(args, "json"), err);
done:
    fm_arena_release(&arena);
    return st;
}

static const char *const description[] = {
    "Asks the adapter about every sample of the suite, keeps each reply in the run directory "
    "before it is graded, grades everything and shows the table. A run that was stopped goes on "
    "where it was: give the same command again, and only what is missing is asked.",
    "SUITE is a suite or one of its tasks; 'fathom list' shows them with their protocols. Ctrl-C "
    "finishes the sample in flight, saves and leaves with exit code 130; a second one leaves at "
    "once, and loses nothing that was answered.",
    NULL,
};

static const cli_option options_table[] = {
    {.name = "adapter",
     .letter = 'a',
     .argument = "A",
     .help = "what answers: 'fathom list adapters'",
     .required = true,
     .kind = CLI_ADAPTER},
    {.name = "set",
     .letter = 's',
     .argument = "KEY=VALUE",
     .help = "a setting of the adapter",
     .repeats = true},
    {.name = "data",
     .argument = "DIR",
     .help = "folder of the benchmark's data (default: generated, where the suite can be)",
     .kind = CLI_FOLDER},
    {.name = "out",
     .letter = 'o',
     .argument = "DIR",
     .help = "run directory (default: runs/TASK-PROTOCOL-ADAPTER)",
     .kind = CLI_FOLDER},
    {.name = "answers",
     .argument = "FORM",
     .help = "form in which the prompt asks for a trace: tuples or json (default: the task's)",
     .kind = CLI_WORDS,
     .words = "tuples json"},
    {.name = "limit", .letter = 'n', .argument = "N", .help = "only the first N samples"},
    {.name = "jobs",
     .letter = 'j',
     .argument = "N",
     .help = "threads that grade; results do not depend on it (default: one a processor)"},
    {.name = "seed",
     .argument = "N",
     .fallback = "1",
     .help = "seed of adapters that draw numbers"},
    {.name = "timeout",
     .argument = "SECONDS",
     .help = "longest wait for one reply (default: the adapter's)"},
    {.name = "json", .help = "print results.json instead of the table"},
    {0},
};

static const cli_example examples[] = {
    {"fathom run tabletop --adapter jitter --set noise_px=8", "a baseline on the bundled suite"},
    {"fathom run tabletop --adapter command --set command='python3 model.py'", "a model of yours"},
    {"fathom run tracespatial@paper --data DIR -a replay -s file=replies.jsonl",
     "replies that were saved before"},
    {0},
};

const cli_command cli_command_run = {
    .name = "run",
    .summary = "ask about every sample of a suite, then grade the replies",
    .operands = "SUITE[@PROTOCOL]",
    .operand_kind = CLI_SUITE,
    .min_operands = 1,
    .max_operands = 1,
    .description = description,
    .options = options_table,
    .examples = examples,
    .run = run_run,
};
