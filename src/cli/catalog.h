/* The catalogue of this program: catalog.c is the one file that names concrete loaders, protocols
 * and adapters. */
#ifndef FM_CLI_CATALOG_H
#define FM_CLI_CATALOG_H

#include "base/files.h"
#include "core/catalog.h"

/* Tables of code and the folder of suites: $FATHOM_SUITES, else share/fathom/suites beside the
 * program's folder. What it points to lives as long as the program. */
FM_MUST_CHECK fm_status cli_catalog(fm_catalog *out, fm_err *err);

/* Programs that answer as adapters are killed: for the handler of a signal after which the process leaves. */
void cli_kill_programs(void);

/* A folder that comes with the program: "suites", "published". */
FM_MUST_CHECK fm_status cli_shared_folder(const char *name, char out[FM_PATH_BYTES], fm_err *err);

/* A folder in the cache of this program: $FATHOM_CACHE, else fathom/ in the user's cache. "data":
 * generated data; "replies": the response cache; "pictures": those that stand in tables, as files. */
FM_MUST_CHECK fm_status cli_cache_folder(const char *name, char out[FM_PATH_BYTES], fm_err *err);

#endif
