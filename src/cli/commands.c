/* Owns the list of commands. */
#include "commands.h"

#include <string.h>

#include "base/size.h"
#include "base/text.h"

const cli_command *const cli_commands[] = {
    &cli_command_run,
    &cli_command_score,
    &cli_command_merge,
    &cli_command_report,
    &cli_command_leaderboard,
    &cli_command_compare,
    &cli_command_power,
    &cli_command_steps,
    &cli_command_reward,
    &cli_command_fetch,
    &cli_command_check,
    &cli_command_cache,
    &cli_command_list,
    &cli_command_world,
    &cli_command_init,
    &cli_command_quantize,
    &cli_command_ask,
    &cli_command_bench,
    &cli_command_train,
    &cli_command_ablate,
    &cli_command_mock,
    &cli_command_help,
    &cli_command_completion,
    &cli_command_version,
    NULL,
};

fm_status cli_command_find(const char *name, const cli_command **out, fm_err *err)
{
    const char *names[FM_COUNT_OF(cli_commands)] = {0};
    size_t n = 0;

    for (; cli_commands[n]; n++) {
        if (strcmp(cli_commands[n]->name, name) == 0) {
            *out = cli_commands[n];
            return FM_OK;
        }
        names[n] = cli_commands[n]->name;
    }
    const char *near = fm_text_nearest(name, names, n);
    if (near)
        return fm_fail(err, FM_E_USAGE, "unknown command '%s'; did you mean '%s'?", name, near);
    return fm_fail(err, FM_E_USAGE, "unknown command '%s'", name);
}
