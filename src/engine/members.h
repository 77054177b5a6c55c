/* Members of a configuration that stands in several JSON objects, of which the first that has a member
 * counts: config.json of a part before the root's "<part>_cfg". Failures stick: after the first,
 * nothing more is read and everything keeps its value, so that a caller looks once, at the end. */
#ifndef RT_ENGINE_MEMBERS_H
#define RT_ENGINE_MEMBERS_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "fathom/status.h"

enum { RT_MAX_SOURCES = 3 };

typedef struct {
    const cJSON *object; /* NULL: none */
    const char *file;    /* for messages */
    const char *within;  /* "llm_cfg", or NULL where the object is the file's root */
} rt_source;

typedef struct {
    rt_source sources[RT_MAX_SOURCES];
    size_t n;
    fm_status st;
    fm_err *err;
} rt_members;

/* NULL where it is nowhere, or null. */
const cJSON *rt_members_find(const rt_members *m, const char *key, const rt_source **source);

/* Put the member into *out where it is there. FM_E_INPUT "<file>: '<within>.<key>' wants ...". */
void rt_members_whole(rt_members *m, const char *key, int low, int high, int *out);
/* Null is refused here: NaN and infinities become that when JSON is read. */
void rt_members_number(rt_members *m, const char *key, double low, double high, double *out);
/* Borrowed from the object. */
void rt_members_text(rt_members *m, const char *key, const char **out);
void rt_members_bool(rt_members *m, const char *key, bool *out);
/* Exactly n whole numbers. */
void rt_members_list(rt_members *m, const char *key, int low, int high, int *out, size_t n);
/* One of the n names: its index. */
void rt_members_choice(rt_members *m, const char *key, const char *const *names, size_t n,
                       int *out);
/* The same as whole and number, but that it has to be there. */
void rt_members_need(rt_members *m, const char *key, int low, int high, int *out);

/* Where nothing has failed yet: "<file of the member, else of the first source>: <the rest>". */
void rt_members_fail(rt_members *m, const char *key, const char *fmt, ...) FM_PRINTF(3, 4);

#endif
