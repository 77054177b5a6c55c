/**
 * How the hub is reached and where its files are kept: the variables that every tool of the hub
 * reads (docs/fetching.md lists them), so that what one of them has downloaded is found by all.
 */
#ifndef FM_HUB_SETTINGS_H
#define FM_HUB_SETTINGS_H

#include <stdbool.h>

#include "base/files.h"

typedef struct {
    char endpoint[512];        /* HF_ENDPOINT; no slash at its end */
    char cache[FM_PATH_BYTES]; /* HF_HUB_CACHE; HF_HOME/hub; below XDG_CACHE_HOME; below HOME */
    char own[FM_PATH_BYTES];   /* this program's: what was fetched, files from elsewhere, folders
                                  that join several sources */
    char token[512];           /* "": none. Never printed, and sent to the endpoint alone */
    char token_from[FM_PATH_BYTES]; /* the variable or the file that it comes from */
    bool offline;                   /* HF_HUB_OFFLINE */
} fm_hub_settings;

/* `own` is the caller's folder. FM_E_USAGE names the variable that is wrong. */
FM_MUST_CHECK fm_status fm_hub_settings_read(fm_hub_settings *out, const char *own, fm_err *err);

#endif
