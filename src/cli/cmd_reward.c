/* fathom reward: replies in, rewards out, as a co-process of a trainer. The rewards are metrics', the
 * lines are core's. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "base/threads.h"
#include "catalog.h"
#include "commands.h"
#include "coprocess.h"
#include "core/rewarding.h"
#include "terminal.h"

/* ---- the switches ---- */

/* The position of an option's value in its words. */
static fm_status choice_of(const cli_args *args, const char *name, const char *const *words,
                           size_t n, int *out, fm_err *err)
{
    const char *given = cli_value(args, name);

    for (size_t i = 0; given && i < n; i++) {
        if (strcmp(given, words[i]) == 0) {
            *out = (int)i;
            return FM_OK;
        }
    }
    if (!given)
        return FM_OK;
    const char *near = fm_text_nearest(given, words, n);
    return fm_fail(err, FM_E_USAGE, "option '--%s' knows no '%s'%s%s%s", name, given,
                   near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

#define CHOICE(args, name, words, out, err)                                                        \
    choice_of(args, name, words, sizeof(words) / sizeof((words)[0]), out, err)

static fm_status read_switches(const cli_args *args, fm_reward_rules *rules, fm_err *err)
{
    static const char *const r_of[] = {"follows", "whole"};
    static const char *const r_t[] = {"off", "dtw", "dtw-sum", "frechet"};
    static const char *const over[] = {"keys", "steps", "sum"};
    int of = (int)rules->r_of, t = (int)rules->r_t, pf = (int)rules->r_pf_over,
        acc = (int)rules->r_acc_over;
    fm_status st = CHOICE(args, "r-of", r_of, &of, err);

    if (st == FM_OK)
        st = CHOICE(args, "r-t", r_t, &t, err);
    if (st == FM_OK)
        st = CHOICE(args, "r-pf", over, &pf, err);
    if (st == FM_OK && cli_has(args, "r-pf") && pf == FM_STEPS_MEAN_KEYS)
        st = fm_fail(err, FM_E_USAGE, "option '--r-pf' wants steps or sum");
    if (st == FM_OK)
        st = CHOICE(args, "r-acc", over, &acc, err);
    rules->r_of = (fm_r_of)of;
    rules->r_t = (fm_r_t)t;
    rules->r_pf_over = (fm_steps_over)pf;
    rules->r_acc_over = (fm_steps_over)acc;
    return st;
}

/* "r_of=1,r_pf=0.5": the others stay as they are. */
static fm_status read_weights(const char *text, fm_reward_rules *rules, fm_err *err)
{
    const struct {
        const char *name;
        double *weight;
    } terms[] = {{"r_of", &rules->w_of},
                 {"r_p", &rules->w_p},
                 {"r_t", &rules->w_t},
                 {"r_pf", &rules->w_pf},
                 {"r_acc", &rules->w_acc}};

    while (text && *text) {
        size_t size = strcspn(text, ","), k = 0;
        char item[64], *equals;
        double value;

        snprintf(item, sizeof(item), "%.*s", (int)(size < sizeof(item) ? size : sizeof(item) - 1),
                 text);
        equals = strchr(item, '=');
        if (equals)
            *equals = '\0';
        while (k < 5 && strcmp(terms[k].name, item) != 0)
            k++;
        if (!equals || k == 5 || !fm_text_to_double(equals + 1, &value))
            return fm_fail(err, FM_E_USAGE,
                           "option '--weights' wants r_of=, r_p=, r_t=, r_pf= or r_acc= with a "
                           "number, and commas between");
        *terms[k].weight = value;
        text += size + (text[size] == ',');
    }
    return FM_OK;
}

static fm_status read_rules(const cli_args *args, fm_reward_rules *rules, fm_err *err)
{
    const char *variant = cli_value(args, "variant");
    const fm_reward_rules *found = fm_reward_rules_find(variant);

    if (!found)
        return fm_fail(err, FM_E_USAGE,
                       "unknown variant '%s': there are 'robotracer' and 'roborefer'", variant);
    *rules = *found;
    fm_status st = read_switches(args, rules, err);
    return st == FM_OK ? read_weights(cli_value(args, "weights"), rules, err) : st;
}

/* ---- the command ---- */

static bool answer(const void *context, const char *line, size_t size, fm_arena *arena, fm_buf *out)
{
    return fm_rewarding_line(context, line, size, arena, out);
}

static fm_status load_suite(const cli_args *args, fm_rewarding *rewarding, fm_err *err)
{
    const char *suite = cli_value(args, "suite"), *data = cli_value(args, "data");
    fm_catalog catalog;

    if (!suite && data)
        return fm_fail(err, FM_E_USAGE, "option '--data' goes with --suite");
    if (!suite)
        return FM_OK;
    fm_status st = cli_catalog(&catalog, err);
    return st == FM_OK ? fm_rewarding_load(rewarding, &catalog, suite, data, err) : st;
}

static fm_status serve(const fm_rewarding *rewarding, int jobs, fm_err *err)
{
    cli_coprocess process = {.answer = answer,
                             .context = rewarding,
                             .line_bytes = FM_REWARDING_LINE_BYTES,
                             .jobs = jobs > 0 ? jobs : fm_threads_available()};
    size_t lines, errors;
    fm_status st = cli_coprocess_serve(&process, STDIN_FILENO, STDOUT_FILENO, &lines, &errors, err);

    if (st == FM_OK && errors > 0)
        st = fm_fail(err, FM_E_INPUT, "%zu of %zu lines have an error in place of a reward", errors,
                     lines);
    return st;
}

static fm_status reward_run(const cli_args *args, fm_err *err)
{
    fm_reward_rules rules;
    fm_rewarding *rewarding = NULL;
    uint64_t jobs = 0;
    fm_status st = cli_number(args, "jobs", 0, CLI_MAX_JOBS, &jobs, err);

    if (st == FM_OK)
        st = read_rules(args, &rules, err);
    if (st == FM_OK && !(rewarding = fm_rewarding_new(&rules, cli_has(args, "verdicts"))))
        st = fm_fail(err, FM_E_NOMEM, "no memory for the rewards");
    if (st == FM_OK)
        st = load_suite(args, rewarding, err);
    if (st == FM_OK)
        st = serve(rewarding, (int)jobs, err);
    fm_rewarding_free(rewarding);
    return st;
}

static const char *const description[] = {
    "Reads a JSON object a line, {\"id\": ..., \"reply\": \"...\", \"truth\": {...}}, and writes "
    "one "
    "a line, {\"id\": ..., \"reward\": ..., \"r_of\": ..., ...}, in the same order. Each line is "
    "answered before the next one is waited for. With --suite the truth is that of the sample with "
    "the line's id, unless it stands in the line.",
    "A line that earns no reward because it cannot be judged is answered by {\"error\": {\"type\": "
    "..., \"message\": ...}}; the exit code is then 4 at the end of the input. docs/rewards.md has "
    "the terms, the members, and examples for trainers.",
    NULL,
};

static const cli_option options_table[] = {
    {.name = "suite",
     .argument = "SUITE",
     .help = "suite or task whose samples the ids name",
     .kind = CLI_SUITE},
    {.name = "data",
     .argument = "DIR",
     .help = "folder of its data (default: generated, where the suite can be)",
     .kind = CLI_FOLDER},
    {.name = "variant",
     .argument = "NAME",
     .fallback = "robotracer",
     .help = "robotracer or roborefer",
     .kind = CLI_WORDS,
     .words = "robotracer roborefer"},
    {.name = "verdicts", .help = "list how each step was judged"},
    {.name = "jobs",
     .letter = 'j',
     .argument = "N",
     .help = "threads for lines that arrive together (default: one a processor)"},
    {.name = "r-of",
     .argument = "HOW",
     .help = "R_OF: <answer> follows <think>, or they are the whole reply (default: follows)",
     .kind = CLI_WORDS,
     .words = "follows whole",
     .group = "what the paper leaves open"},
    {.name = "r-t",
     .argument = "HOW",
     .help = "R_T: off as in Eq. 7, or the distance: dtw, dtw-sum, frechet (default: dtw; "
             "roborefer: off)",
     .kind = CLI_WORDS,
     .words = "off dtw dtw-sum frechet"},
    {.name = "r-pf",
     .argument = "HOW",
     .help = "R_PF: mean over the reply's steps, or sum (default: steps)",
     .kind = CLI_WORDS,
     .words = "steps sum"},
    {.name = "r-acc",
     .argument = "HOW",
     .help = "R_Acc: over the annotated steps, the reply's steps, or sum (default: keys)",
     .kind = CLI_WORDS,
     .words = "keys steps sum"},
    {.name = "weights",
     .argument = "LIST",
     .help = "of the sum (default: r_of=1,r_p=1,r_t=1,r_pf=0.25,r_acc=0.25)"},
    {0},
};

static const cli_example examples[] = {
    {"fathom reward --suite tabletop < replies.jsonl", "truth by id"},
    {"fathom reward --r-t off --verdicts < replies.jsonl", "Eq. 7 as printed, with every step"},
    {0},
};

const cli_command cli_command_reward = {
    .name = "reward",
    .summary = "turn replies into rewards for fine-tuning, line by line",
    .operands = "",
    .description = description,
    .options = options_table,
    .examples = examples,
    .run = reward_run,
};
