/* The same tables in four shapes: help on a terminal, man pages, the page docs/command-line.md, and
 * completions. Everything is appended to `out`. */
#ifndef FM_CLI_HELP_H
#define FM_CLI_HELP_H

#include "commands.h"
#include "terminal.h"

void cli_help_program(fm_buf *out, const cli_style *style);
void cli_help_command(fm_buf *out, const cli_style *style, const cli_command *command);

/* roff: fathom(1), or fathom-<command>(1). */
void cli_man_program(fm_buf *out);
void cli_man_command(fm_buf *out, const cli_command *command);

void cli_markdown(fm_buf *out);

/* "bash", "zsh" or "fish". */
FM_MUST_CHECK fm_status cli_completion(fm_buf *out, const char *shell, fm_err *err);

#endif
