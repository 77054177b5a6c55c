/* fathom help: the tables as text, as man pages, as the page of the documentation. */
#include "help.h"

static const cli_option options[] = {
    {.name = "man", .help = "print a man page (roff) instead"},
    {.name = "markdown", .help = "print docs/command-line.md: all commands in one page"},
    {0},
};

static fm_status help_run(const cli_args *args, fm_err *err)
{
    const char *name = cli_operand(args, 0);
    const cli_command *command = NULL;
    cli_style style = cli_style_for(stdout);
    fm_buf out = {0};
    fm_status st = name ? cli_command_find(name, &command, err) : FM_OK;

    if (st != FM_OK)
        return st;
    if (cli_has(args, "markdown"))
        cli_markdown(&out);
    else if (cli_has(args, "man") && command)
        cli_man_command(&out, command);
    else if (cli_has(args, "man"))
        cli_man_program(&out);
    else if (command)
        cli_help_command(&out, &style, command);
    else
        cli_help_program(&out, &style);
    st = cli_print(&out, err);
    fm_buf_release(&out);
    return st;
}

static const cli_example examples[] = {
    {"fathom help run", "the options of a command"},
    {"fathom help --man run | man -l -", "the same as a man page"},
    {0},
};

const cli_command cli_command_help = {
    .name = "help",
    .summary = "show what a command does and its options",
    .operands = "[COMMAND]",
    .operand_kind = CLI_COMMAND,
    .max_operands = 1,
    .options = options,
    .examples = examples,
    .run = help_run,
};
