/* fathom completion: what the shells need to complete command lines. */
#include "help.h"

static fm_status completion_run(const cli_args *args, fm_err *err)
{
    fm_buf out = {0};
    fm_status st = cli_completion(&out, cli_operand(args, 0), err);

    if (st == FM_OK)
        st = cli_print(&out, err);
    fm_buf_release(&out);
    return st;
}

static const char *const description[] = {
    "An installation puts these scripts where the shells look for them. From a build tree, load "
    "one by hand.",
    NULL,
};

static const cli_example examples[] = {
    {"source <(fathom completion bash)", "bash, in ~/.bashrc"},
    {"source <(fathom completion zsh)", "zsh, in ~/.zshrc after compinit"},
    {"fathom completion fish | source", "fish, in ~/.config/fish/config.fish"},
    {0},
};

const cli_command cli_command_completion = {
    .name = "completion",
    .summary = "print the completion script of a shell",
    .operands = "bash|zsh|fish",
    .operand_kind = CLI_WORDS,
    .operand_words = "bash zsh fish",
    .min_operands = 1,
    .max_operands = 1,
    .description = description,
    .examples = examples,
    .run = completion_run,
};
