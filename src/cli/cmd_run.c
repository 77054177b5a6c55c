/* fathom run: ask, keep, grade, show. Owns the signals while it runs; the work is core's. */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "catalog.h"
#include "commands.h"
#include "core/gated_run.h"
#include "gate.h"
#include "progress.h"
#include "report/compare.h"
#include "run_options.h"
#include "show.h"
#include "terminal.h"

/* ---- signals ---- */

static volatile sig_atomic_t stop_asked, status_asked;

/* What the message of an interrupt says; kept up by the progress. */
static volatile sig_atomic_t in_flight, over_a_line;

/* In a handler there is no printf. */
static size_t put_text(char *out, size_t at, const char *text)
{
    while (*text)
        out[at++] = *text++;
    return at;
}

static size_t put_number(char *out, size_t at, int number)
{
    char digits[16];
    size_t n = 0;

    do
        digits[n++] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    while (n)
        out[at++] = digits[--n];
    return at;
}

/* Once: finish what is in flight and save. Twice: leave at once; every reply so far is in the
 * journal. */
static void on_interrupt(int signal_number)
{
    char text[160];
    size_t n = 0;

    (void)signal_number;
    if (stop_asked) {
        cli_kill_programs();
        _exit(130);
    }
    stop_asked = 1;
    n = put_text(text, n, over_a_line ? "\nfathom: " : "fathom: ");
    n = put_text(text, n, "stopping after what is in flight");
    if (in_flight > 0) {
        n = put_text(text, n, " (");
        n = put_number(text, n, (int)in_flight);
        n = put_text(text, n, ")");
    }
    n = put_text(text, n, "; once more to leave at once\n");
    (void)!write(STDERR_FILENO, text, n);
}

static void on_status(int signal_number)
{
    (void)signal_number;
    status_asked = 1;
}

static void catch_signals(void)
{
    struct sigaction stop = {.sa_handler = on_interrupt, .sa_flags = SA_RESTART};
    struct sigaction status = {.sa_handler = on_status, .sa_flags = SA_RESTART};

    sigemptyset(&stop.sa_mask);
    sigemptyset(&status.sa_mask);
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGUSR1, &status, NULL);
}

/* What stands on the screen: how far the opening of the adapter is, then the run. */
typedef struct {
    cli_amount_progress opening;
    cli_progress run;
} screen;

static void on_opening(void *context, uint64_t done_bytes, uint64_t all_bytes)
{
    screen *shown = context;

    if (!shown->run.json)
        cli_amount_progress_show(&shown->opening, done_bytes, all_bytes);
}

static void on_progress(void *context, const fm_run_progress *state)
{
    screen *shown = context;

    in_flight = (sig_atomic_t)state->in_flight;
    if (status_asked) {
        status_asked = 0;
        cli_progress_tell(&shown->run, state);
    }
    cli_progress_show(&shown->run, state);
}

/* ---- asked until a gate decides ---- */

/* The comparison that the run ended with: on the screen, and as gate.json in the run directory. */
static fm_status keep_verdict(const fm_catalog *catalog, const cli_run_plan *plan, bool json,
                              fm_err *err)
{
    const char *out_dir = plan->options.out_dir;
    cli_style terminal = cli_style_for(stdout);
    fm_compare_style style = {.width = terminal.given, .colour = terminal.colour, .listed = 10};
    fm_view *views[2] = {NULL};
    fm_comparison comparison = {0};
    fm_buf text = {0};
    char path[FM_PATH_BYTES];
    fm_status st = fm_run_gate_look(catalog, plan->gate_against, out_dir, &plan->gate, views,
                                    &comparison, err);

    if (st == FM_OK)
        st = fm_compare_json(&text, &comparison, 1, err);
    if (st == FM_OK)
        st = fm_path_join(path, out_dir, "gate.json", err);
    if (st == FM_OK)
        st = fm_file_write_atomic(path, text.data, text.size, err);
    if (st == FM_OK && !json) {
        fm_buf_clear(&text);
        st = fm_compare_table(&text, &comparison, 1, &style, err);
    }
    if (st == FM_OK)
        st = cli_print(&text, err);
    if (st == FM_OK)
        st = cli_gate_status(&comparison, 1, err);
    fm_buf_release(&text);
    fm_comparison_release(&comparison);
    fm_view_close(views[0]);
    fm_view_close(views[1]);
    return st;
}

static void tell_gated(const fm_gated_run *gated)
{
    char text[192];

    snprintf(text, sizeof(text),
             gated->all ? "asked all %zu samples, looked at %zu times"
                        : "asked %zu samples, a random part of the suite: the gate was decided at "
                          "look %zu",
             gated->samples, gated->looks);
    cli_notice(NULL, text);
}

/* ---- the command ---- */

static fm_status execute(const fm_catalog *catalog, cli_run_plan *plan, bool json, fm_err *err)
{
    screen shown = {.opening.label = "packing weights",
                    .run = {.label = plan->label, .json = json}};
    fm_run_options *o = &plan->options;
    fm_gated_run gated;

    over_a_line = cli_style_for(stderr).terminal;
    o->progress = on_progress;
    o->opening = on_opening;
    o->context = &shown;
    o->stop = &stop_asked;
    catch_signals();
    fm_status st = plan->gate_against
                       ? fm_run_gated(catalog, o, plan->gate_against, &plan->gate, &gated, err)
                       : fm_run_execute(catalog, o, err);
    cli_progress_end(&shown.run);
    if (st == FM_OK && plan->gate_against) {
        tell_gated(&gated);
        return keep_verdict(catalog, plan, json, err);
    }
    return st == FM_OK ? cli_show_run(catalog, o->out_dir, NULL, json, err) : st;
}

static fm_status estimate(const fm_catalog *catalog, cli_run_plan *plan, bool json, fm_err *err)
{
    fm_run_estimate made;
    fm_status st = fm_run_dry(catalog, &plan->options, &made, err);

    return st == FM_OK ? cli_show_estimate(&made, plan->label, plan->options.out_dir, json, err)
                       : st;
}

static fm_status run_run(const cli_args *args, fm_err *err)
{
    fm_catalog catalog;
    cli_run_plan plan = {0};
    bool json = cli_has(args, "json");
    fm_status st = cli_catalog(&catalog, err);

    if (st == FM_OK)
        st = cli_run_plan_make(&plan, &catalog, args, err);
    if (st == FM_OK)
        st = cli_has(args, "dry-run") ? estimate(&catalog, &plan, json, err)
                                      : execute(&catalog, &plan, json, err);
    cli_run_plan_release(&plan);
    return st;
}

static const char *const description[] = {
    "Asks the adapter about every sample of the suite, keeps each reply in the run directory "
    "before it is graded, grades everything and shows the table. A run that was stopped goes on "
    "where it was: give the same command again, and only what is missing is asked.",
    "SUITE is a suite or one of its tasks; 'fathom list' shows them with their protocols. Ctrl-C "
    "or SIGTERM finishes what is in flight, saves and leaves with exit code 130; a second one "
    "leaves at once, and loses nothing that was answered. SIGUSR1 prints how far the run is.",
    "With --gate-against the samples are asked in random order (--shuffle-seed), and the run is "
    "looked "
    "at as it grows by tests that allow it; it ends, with the exit codes of 'fathom compare', when "
    "the gate is decided. It is a run of a part of the suite then, and says so.",
    "Keys of providers come from the environment alone: docs/adapters.md names the variables.",
    NULL,
};

static const cli_example examples[] = {
    {"fathom run tabletop --adapter jitter --set noise_px=8", "a baseline on the bundled suite"},
    {"fathom run tabletop --adapter command --set command='python3 model.py'", "a model of yours"},
    {"fathom run tracespatial@paper --data DIR -a replay -s file=replies.jsonl",
     "replies that were saved before"},
    {"fathom run tracespatial --data DIR --config model.yaml --max-errors 5% --max-cost 2.50",
     "a model behind an API"},
    {"fathom run tracespatial --data DIR --config model.yaml --dry-run", "what that would take"},
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
    .options = cli_run_option_table,
    .examples = examples,
    .run = run_run,
};
