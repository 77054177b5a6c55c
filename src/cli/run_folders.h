/**
 * What `compare` is given: runs, or folders that hold runs of several suites, which are matched by task
 * and protocol, and by the name of their folder where one folder holds several of them.
 */
#ifndef FM_CLI_RUN_FOLDERS_H
#define FM_CLI_RUN_FOLDERS_H

#include "core/compare.h"
#include "show.h"

typedef struct {
    fm_compare_suite *suites; /* in the order of the base's runs; in the arena */
    size_t n;
    cli_views views; /* of all of them */
} cli_matched;

/* operands[0] is the base. protocol NULL: each run's own. partial: runs of the base that a candidate
 * lacks are left out with a notice, else refused with FM_E_USAGE. */
FM_MUST_CHECK fm_status cli_match_runs(const fm_catalog *catalog, const char *const *operands,
                                       size_t n, const char *protocol, bool partial,
                                       fm_arena *arena, cli_matched *out, fm_err *err);
void cli_matched_release(cli_matched *matched); /* accepts {0} */

#endif
