/* A gate on the command line: what `compare` and `run` share of it. */
#ifndef FM_CLI_GATE_H
#define FM_CLI_GATE_H

#include "core/compare.h"
#include "options.h"

/* Every value of an option that may be repeated, and may hold several with commas between, appended to
 * names[most]; strings in the arena. */
FM_MUST_CHECK fm_status cli_take_names(const cli_args *args, const char *option, fm_arena *arena,
                                       const char **names, size_t most, size_t *n, fm_err *err);

/* A difference of 0 or more: "3pp" and "3%" are 0.03, "0.03" is itself, in the metric's unit. */
FM_MUST_CHECK fm_status cli_margin(const char *text, const char *option, double *out, fm_err *err);

/* --gate, --margin, --metric and --alpha. No gate, and none of them, unless the option `switch_on` was
 * given; with it, and without --gate, one for non-inferiority. */
FM_MUST_CHECK fm_status cli_gate_read(const cli_args *args, const char *switch_on, fm_arena *arena,
                                      fm_compare_options *out, fm_err *err);

/* FM_OK where there is no gate or it passed, else FM_E_REGRESSION or FM_E_INCONCLUSIVE with why. */
FM_MUST_CHECK fm_status cli_gate_status(const fm_comparison *comparisons, size_t n, fm_err *err);

#endif
