/* How things are spoken of. */
#ifndef FM_WORLD_NAMES_H
#define FM_WORLD_NAMES_H

#include "world/sight.h"

typedef struct {
    char text[FM_WORLD_NAME_BYTES];
    int steps; /* what it takes to find the thing beyond looking for its kind */
} fm_name;

/* "red mug", "potted plant". */
void fm_name_plain(const fm_thing *thing, char *out, size_t size);

/* "the red mug", "the second red mug from the left": a name that fits no other thing in the picture.
 * False where there is none that a viewer would be sure of. seen: [n_things]. */
bool fm_name_thing(const fm_scene *scene, const fm_visibility *seen, int index, fm_rng *rng,
                   fm_name *out);

#endif
