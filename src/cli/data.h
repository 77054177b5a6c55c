/**
 * The data of suites that are published on a hub, for the commands that need it, fetch it or look at
 * it: which files a suite or one of its tasks takes, and where they are on this machine.
 */
#ifndef FM_CLI_DATA_H
#define FM_CLI_DATA_H

#include "core/catalog.h"
#include "hub/plan.h"

/* A suite, or one task of it: what an operand names. */
typedef struct {
    const fm_suite *suite;
    const fm_task *task; /* NULL: all of the suite */
} cli_subject;
FM_MUST_CHECK fm_status cli_subject_find(const fm_catalog *catalog, const char *name,
                                         fm_arena *arena, cli_subject *out, fm_err *err);

/* The hub's settings, with a folder in this program's cache. */
FM_MUST_CHECK fm_status cli_hub_settings(fm_hub_settings *out, fm_err *err);

/* Begin the plan of a suite that has a mapping `hub`. */
FM_MUST_CHECK fm_status cli_plan_begin(fm_hub_plan *out, const fm_hub_settings *settings,
                                       const fm_suite *suite, fm_err *err);
/* Want what the subject takes, as far as it fits one of `only`. */
FM_MUST_CHECK fm_status cli_plan_want(fm_hub_plan *plan, const cli_subject *subject,
                                      const char *const *only, size_t n_only, fm_err *err);

/* What is here of the subject, without asking anybody: the plan as it was fetched, looked at by size
 * or (verify) by hash. *known false: nothing was fetched. */
FM_MUST_CHECK fm_status cli_plan_recall(fm_hub_plan *plan, const cli_subject *subject, bool verify,
                                        int jobs, bool *known, fm_err *err);

/* What there is to say of a subject's data. */
typedef enum {
    CLI_DATA_HERE,
    CLI_DATA_PARTLY,
    CLI_DATA_ABSENT,
    CLI_DATA_DAMAGED,
    CLI_DATA_BY_HAND,   /* it cannot be fetched */
    CLI_DATA_GENERATED, /* at its first run */
    CLI_DATA_OWN,       /* the suite does not state where it is published */
} cli_data_state;

/* The state and, where the suite has a mapping `hub`, the plan as cli_plan_recall() leaves it, else
 * {0}. The caller releases the plan, after a failure too. Without settings (NULL) nothing of a hub's is
 * here. */
FM_MUST_CHECK fm_status cli_data_look(fm_hub_plan *plan, const fm_hub_settings *settings,
                                      const cli_subject *subject, bool verify, int jobs,
                                      cli_data_state *out, fm_err *err);

/* As fm_catalog.locate. */
FM_MUST_CHECK fm_status cli_locate_data(const fm_suite *suite, const fm_task *task, char *dir,
                                        size_t dir_bytes, fm_err *err);

#endif
