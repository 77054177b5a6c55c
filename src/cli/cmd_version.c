/* fathom version */
#include <stdio.h>

#include "commands.h"
#include "fathom/version.h"

static fm_status version_run(const cli_args *args, fm_err *err)
{
    (void)args;
    (void)err;
    puts("fathom " FM_VERSION);
    return FM_OK;
}

const cli_command cli_command_version = {
    .name = "version",
    .summary = "print the version",
    .operands = "",
    .run = version_run,
};
