/* Members that records of every layout have. */
#ifndef FM_WORLD_RECORDS_H
#define FM_WORLD_RECORDS_H

#include "base/json.h"
#include "fathom/world.h"

/* A matrix of `size` x `size`, 3 or 4. */
void fm_record_intrinsics(fm_json_writer *w, const char *key, const fm_camera *camera, size_t size);

void fm_record_rotation(fm_json_writer *w, const char *key, const fm_box *box);

/* (x, y, d) with x and y from 0 to 1000, as RoboTracer writes them; `deep`: with d. */
void fm_record_point(fm_json_writer *w, const char *key, const double place[3], bool deep);

/* The list "key_steps", as `fathom reward` reads it (docs/rewards.md). */
void fm_record_key_steps(fm_json_writer *w, const fm_world_question *question);

#endif
