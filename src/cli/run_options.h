/* The words of `fathom run` as fm_run_options: the command line, over the adapter's file, over what
 * job engines state in the environment. */
#ifndef FM_CLI_RUN_OPTIONS_H
#define FM_CLI_RUN_OPTIONS_H

#include "base/files.h"
#include "core/compare.h"
#include "core/run.h"
#include "options.h"

/* Zeroed by the caller, released with cli_run_plan_release(). Everything that `options` points to
 * lives here, in argv or in the catalogue. */
typedef struct {
    fm_arena arena;
    fm_run_options options; /* progress, context and stop are left to the caller */
    fm_target target;
    const fm_adapter_ops *adapter;
    const char *gate_against; /* run directory; NULL: no gate */
    fm_compare_options gate;
    char out_dir[FM_PATH_BYTES];
    char label[192]; /* "tabletop-3d@paper, openai some-model" */
} cli_run_plan;

FM_MUST_CHECK fm_status cli_run_plan_make(cli_run_plan *plan, const fm_catalog *catalog,
                                          const cli_args *args, fm_err *err);
void cli_run_plan_release(cli_run_plan *plan); /* accepts {0}; closes the cache */

/* The option table of the command. */
extern const cli_option cli_run_option_table[];

#endif
