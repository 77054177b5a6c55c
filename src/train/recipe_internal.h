/* What the readers of a recipe's file share. */
#ifndef TR_RECIPE_INTERNAL_H
#define TR_RECIPE_INTERNAL_H

#include "base/json.h"
#include "engine/members.h"
#include "train/recipe.h"

typedef struct {
    const char *path;
    fm_arena *arena;
    tr_recipe *out;
    fm_err *err;
} tr_reading;

/* An object with no members but those named; NULL there is one without any. */
rt_members tr_members_open(const tr_reading *r, const cJSON *object, const char *within,
                           const char *const *names, size_t n);

/* The member `rft`, before all others, for what they are when nothing is said depends on whether it is
 * there; NULL: it is not. */
FM_MUST_CHECK fm_status tr_recipe_read_rft(const tr_reading *r, const cJSON *object);

#endif
