/**
 * What exists: loaders, protocols, adapters (code) and suites (folders). The program makes one
 * catalogue from its tables (cli/catalog.c, the only file that names concrete things) and hands it
 * down; core can name none of them.
 */
#ifndef FM_CORE_CATALOG_H
#define FM_CORE_CATALOG_H

#include "base/arena.h"
#include "fathom/suite.h"

typedef struct {
    const fm_loader_ops *const *loaders; /* each list ends with NULL */
    const fm_protocol *const *protocols; /* those that are code, rules and all */
    const fm_grader_ops *const *graders; /* those that take their rules from suite.yaml */
    const fm_adapter_ops *const *adapters;
    const char *suites_dir;   /* folder of suite folders */
    const char *pictures_dir; /* where pictures of tables are laid out; NULL: nowhere */
    /* Make the data of a suite whose suite.yaml names a generator; writes the folder with the
     * data into dir. */
    fm_status (*generate)(const char *generator, const fm_suite *suite, char *dir, size_t dir_bytes,
                          fm_err *err);
    /* The folder of a task's data where that was fetched before; FM_E_USAGE says what is missing and
     * what to do. NULL: data is always given. */
    fm_status (*locate)(const fm_suite *suite, const fm_task *task, char *dir, size_t dir_bytes,
                        fm_err *err);
} fm_catalog;

/* Unknown names: FM_E_USAGE with a suggestion ("unknown adapter 'orcle'; did you mean
 * 'oracle'?"). */
FM_MUST_CHECK fm_status fm_catalog_adapter(const fm_catalog *catalog, const char *name,
                                           const fm_adapter_ops **out, fm_err *err);
FM_MUST_CHECK fm_status fm_catalog_loader(const fm_catalog *catalog, const char *name,
                                          const fm_loader_ops **out, fm_err *err);

/* All suites of suites_dir, by name; strings live in the arena. A folder whose suite.yaml is
 * broken is an error that names the file. */
FM_MUST_CHECK fm_status fm_catalog_suites(const fm_catalog *catalog, fm_arena *arena,
                                          fm_suite **out, size_t *n, fm_err *err);

/* A parsed "<suite or task>[@<protocol>]": "tracespatial-3d@paper", "tabletop" (its default task
 * and protocol). */
typedef struct {
    const fm_suite *suite;
    const fm_task *task;
    const fm_protocol *protocol;
} fm_target;
FM_MUST_CHECK fm_status fm_catalog_target(const fm_catalog *catalog, const char *spec,
                                          fm_arena *arena, fm_target *out, fm_err *err);

/* The absolute folder of a target's data, in out[FM_PATH_BYTES]: the one that is given, or, where that
 * is NULL, the one that the suite's generator makes or its hub has filled; FM_E_USAGE where it has
 * neither. */
FM_MUST_CHECK fm_status fm_catalog_data(const fm_catalog *catalog, const fm_target *target,
                                        const char *given, char *out, fm_err *err);

/* Another protocol of the same task. */
FM_MUST_CHECK fm_status fm_catalog_protocol(const fm_catalog *catalog, const fm_task *task,
                                            const char *name, const fm_protocol **out, fm_err *err);

#endif
