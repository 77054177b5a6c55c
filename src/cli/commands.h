/* The commands: one file each (cmd_<name>.c), listed in commands.c in the order of the help. */
#ifndef FM_CLI_COMMANDS_H
#define FM_CLI_COMMANDS_H

#include "options.h"

extern const cli_command cli_command_run;
extern const cli_command cli_command_score;
extern const cli_command cli_command_merge;
extern const cli_command cli_command_report;
extern const cli_command cli_command_compare;
extern const cli_command cli_command_power;
extern const cli_command cli_command_steps;
extern const cli_command cli_command_reward;
extern const cli_command cli_command_leaderboard;
extern const cli_command cli_command_fetch;
extern const cli_command cli_command_check;
extern const cli_command cli_command_world;
extern const cli_command cli_command_init;
extern const cli_command cli_command_quantize;
extern const cli_command cli_command_ask;
extern const cli_command cli_command_bench;
extern const cli_command cli_command_cache;
extern const cli_command cli_command_train;
extern const cli_command cli_command_ablate;
extern const cli_command cli_command_mock;
extern const cli_command cli_command_list;
extern const cli_command cli_command_help;
extern const cli_command cli_command_completion;
extern const cli_command cli_command_version;

extern const cli_command *const cli_commands[]; /* ends with NULL */

/* FM_E_USAGE with a suggestion where there is no such command. */
FM_MUST_CHECK fm_status cli_command_find(const char *name, const cli_command **out, fm_err *err);

#endif
