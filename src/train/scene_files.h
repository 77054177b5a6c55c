/**
 * Scenes from a folder that `fathom world --layout training` wrote, or that somebody else wrote in that
 * layout (docs/world.md), in place of those that the generator makes in memory.
 *
 * What the files say is not believed: sizes, paths, names and numbers are checked, and FM_E_INPUT names
 * file, line and member. One caller a thread; what a thread is given is its own until it reads again.
 */
#ifndef TR_SCENE_FILES_H
#define TR_SCENE_FILES_H

#include "train/scene_record.h"

typedef struct tr_scene_files tr_scene_files;

typedef struct {
    const fm_world_scene *scene; /* of its questions: family, form, answer, truth and steps */
    const tr_scene_words *words; /* [scene->n_questions] */
} tr_scene_read;

/* Finds the lines of scenes.jsonl, which hold at most 4 MiB each; reads none of them. */
FM_MUST_CHECK fm_status tr_scene_files_open(tr_scene_files **out, const char *folder, int threads,
                                            fm_err *err);
void tr_scene_files_close(tr_scene_files *files); /* accepts NULL */
size_t tr_scene_files_count(const tr_scene_files *files);

/* Scene `index`, below the count. Texts live in the arena. */
FM_MUST_CHECK fm_status tr_scene_files_read(tr_scene_files *files, size_t index, int thread,
                                            fm_arena *arena, tr_scene_read *out, fm_err *err);

#endif
