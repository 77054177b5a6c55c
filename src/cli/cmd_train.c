/* fathom train: a model from a recipe. The work is train's. */
#include <string.h>

#include "commands.h"
#include "interrupt.h"
#include "progress.h"
#include "report/curve.h"
#include "terminal.h"
#include "train/session.h"
#include "train/vocabulary.h"

static fm_status draw_curve(const char *folder, fm_err *err)
{
    bool found;
    fm_status st = fm_curve_write(folder, &found, err);

    if (st == FM_OK && !found)
        cli_notice(NULL, "no curve.svg: there is no gnuplot");
    return st;
}

static fm_status learn(const cli_args *args, bool rewarded, fm_err *err)
{
    const char *folder = cli_value(args, "out");
    cli_train_progress progress = {.label = folder};
    tr_session session = {.recipe = cli_value(args, "config"),
                          .folder = folder,
                          .rewarded = rewarded,
                          .stop = &cli_interrupted,
                          .progress = cli_train_progress_show,
                          .context = &progress};
    uint64_t jobs = 0;
    fm_status st = cli_number(args, "steps", 1, UINT64_MAX, &session.most_steps, err);

    if (st == FM_OK)
        st = cli_number(args, "jobs", 0, CLI_MAX_JOBS, &jobs, err);
    if (st != FM_OK)
        return st;
    session.threads = (int)jobs;
    cli_catch_interrupt();
    st = tr_session_run(&session, err);
    cli_line_clear();
    if (st == FM_E_INTERRUPTED)
        (void)draw_curve(folder, NULL); /* what it was stopped for is said already */
    if (st == FM_OK)
        st = draw_curve(folder, err);
    return st == FM_OK ? cli_print_folder(folder, err) : st;
}

static fm_status make_words(const cli_args *args, fm_err *err)
{
    const char *folder = cli_value(args, "out");
    uint64_t tokens = 0, pictures = 0;
    fm_status st = cli_number(args, "tokens", 1, TR_MOST_TOKENS, &tokens, err);

    if (st == FM_OK)
        st = cli_number(args, "pictures", 1, 1000000, &pictures, err);
    if (st == FM_OK)
        st = tr_session_words(cli_value(args, "config"), (size_t)pictures, (size_t)tokens, folder,
                              err);
    return st == FM_OK ? cli_print_folder(folder, err) : st;
}

static fm_status train_run(const cli_args *args, fm_err *err)
{
    const char *what = cli_operand(args, 0);

    if (strcmp(what, "sft") == 0)
        return learn(args, false, err);
    if (strcmp(what, "rft") == 0)
        return learn(args, true, err);
    if (strcmp(what, "words") == 0)
        return make_words(args, err);
    return fm_fail(err, FM_E_USAGE, "nothing to train by the name '%s': sft, rft or words", what);
}

static const char *const description[] = {
    "sft trains a model of the engine's architecture on scenes of the generator, by the loss of "
    "the "
    "next token, of the metric scale, and, while it is young, of what each patch shows. The recipe "
    "is a YAML file with everything that can change what comes out (docs/training.md); it names "
    "the "
    "folder with config.json and vocabulary that the network is shaped by.",
    "rft goes on from such a model by reinforcement: it draws replies to the generator's "
    "questions, "
    "rewards them as 'fathom reward' does (docs/rewards.md), and follows the better ones of each "
    "group "
    "(GRPO). Its recipe has a member 'rft'.",
    "The folder gets recipe.yaml, checkpoint.safetensors, steps.tsv, curve.svg, and model/, which "
    "the engine opens. "
    "The same command goes on where the last one stopped, to the same bits; Ctrl-C saves first. "
    "What comes out depends on recipe, code and the processor's instructions, never on the number "
    "of threads.",
    "words learns a vocabulary of byte pairs from what the recipe's scenes say, and writes it as "
    "vocab.json, merges.txt and tokenizer_config.json.",
    NULL,
};

static const cli_option options[] = {
    {.name = "config",
     .letter = 'c',
     .argument = "FILE",
     .help = "the recipe",
     .required = true,
     .kind = CLI_FILE},
    {.name = "out",
     .letter = 'o',
     .argument = "DIR",
     .help = "folder to make, or to go on in",
     .required = true,
     .kind = CLI_FOLDER},
    {.name = "steps",
     .argument = "N",
     .help = "sft, rft: stop after so many more (default: at the recipe's end)"},
    {.name = "jobs",
     .letter = 'j',
     .argument = "N",
     .help = "sft, rft: threads (default: one a processor)"},
    {.name = "tokens", .argument = "N", .fallback = "1024", .help = "words: tokens in all"},
    {.name = "pictures",
     .letter = 'n',
     .argument = "N",
     .fallback = "1000",
     .help = "words: scenes whose questions are read"},
    {0},
};

static const cli_example examples[] = {
    {"fathom train words --config sft.yaml --out start/llm", "a vocabulary"},
    {"fathom train sft --config sft.yaml --out runs/sft", "train, or go on"},
    {"fathom train sft --config sft.yaml --out runs/sft --steps 500", "five hundred steps more"},
    {"fathom train rft --config rft.yaml --out runs/rft", "by rewards, from the model in runs/sft"},
    {0},
};

const cli_command cli_command_train = {
    .name = "train",
    .summary = "train a small model on the generator's scenes",
    .operands = "sft|rft|words",
    .operand_kind = CLI_WORDS,
    .operand_words = "sft rft words",
    .min_operands = 1,
    .max_operands = 1,
    .description = description,
    .options = options,
    .examples = examples,
    .run = train_run,
};
