/**
 * A line of scenes.jsonl (docs/world.md, `--layout training`) as the scene that the generator had in
 * memory, but for its pixels and for what no learning needs.
 *
 * What it says is not believed: names, counts and numbers are checked, and FM_E_INPUT names the member.
 * Pure, thread-safe.
 */
#ifndef TR_SCENE_RECORD_H
#define TR_SCENE_RECORD_H

#include "base/json.h"
#include "fathom/world.h"

/* What a question is put by and answered with, where the generator is not there to say it. */
typedef struct {
    const char *prompt, *reasoning; /* reasoning "": there is none */
} tr_scene_words;

/* Camera, scale, farthest depth, objects (kind, colour, centre) and questions (family, form, answer,
 * truth, steps) into `scene`, and words[FM_WORLD_QUESTIONS_MAX]; texts live in the arena. `name` is for
 * messages. */
FM_MUST_CHECK fm_status tr_scene_record_read(const cJSON *root, const char *name, fm_arena *arena,
                                             fm_world_scene *scene, tr_scene_words *words,
                                             fm_err *err);

#endif
