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

/* "r_of" as an option is "r-of". */
static void option_name(const char *name, char out[16])
{
    snprintf(out, 16, "%s", name);
    for (char *c = out; *c; c++)
        *c = *c == '_' ? '-' : *c;
}

static fm_status read_switch(const cli_args *args, size_t index, fm_reward_rules *rules,
                             fm_err *err)
{
    const fm_reward_switch *s = fm_reward_switch_at(index);
    size_t n = 0;
    char name[16];

    option_name(s->name, name);
    const char *given = cli_value(args, name);
    for (; s->words[n]; n++) {
        if (given && strcmp(given, s->words[n]) == 0) {
            fm_reward_switch_set(rules, index, n);
            return FM_OK;
        }
    }
    if (!given)
        return FM_OK;
    const char *near = fm_text_nearest(given, s->words, n);
    return fm_fail(err, FM_E_USAGE, "option '--%s' knows no '%s'%s%s%s", name, given,
                   near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static fm_status read_switches(const cli_args *args, fm_reward_rules *rules, fm_err *err)
{
    fm_status st = FM_OK;

    for (size_t i = 0; st == FM_OK && fm_reward_switch_at(i); i++)
        st = read_switch(args, i, rules, err);
    return st;
}

/* "r_of=1,r_pf=0.5": the others stay as they are. */
static fm_status read_weights(const char *text, fm_reward_rules *rules, fm_err *err)
{
    while (text && *text) {
        size_t size = strcspn(text, ",");
        char item[64], *equals;
        double value, *weight;

        snprintf(item, sizeof(item), "%.*s", (int)(size < sizeof(item) ? size : sizeof(item) - 1),
                 text);
        equals = strchr(item, '=');
        if (equals)
            *equals = '\0';
        weight = fm_reward_weight(rules, item);
        if (!equals || !weight || !fm_text_to_double(equals + 1, &value))
            return fm_fail(err, FM_E_USAGE,
                           "option '--weights' wants r_of=, r_p=, r_t=, r_a=, r_pf= or r_acc= "
                           "with a number, and commas between");
        *weight = value;
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
     .help = "of the sum (default: r_of=1,r_p=1,r_t=1,r_a=1,r_pf=0.25,r_acc=0.25)"},
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
