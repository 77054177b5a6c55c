/**
 * Pictures to learn from: scenes of the generator (fathom/world.h), made in memory or read from a
 * folder, seen and framed as the engine sees and frames them, so that a model is asked while training what it is asked afterwards.
 * Picture i of a recipe is a pure function of recipe and i.
 */
#ifndef TR_DATA_H
#define TR_DATA_H

#include "engine/config.h"
#include "engine/prompt.h"
#include "train/recipe.h"
#include "train/scene_files.h"

typedef struct tr_data tr_data;

/* Borrows recipe and configuration. The vocabulary is the model folder's. threads: callers at once. */
FM_MUST_CHECK fm_status tr_data_new(tr_data **out, const tr_recipe *recipe, const rt_config *config,
                                    int threads, fm_err *err);
/* Whether the generator can make the first scene of every stage: FM_E_INPUT says which it cannot, of
 * which recipe (a path, for the message). */
FM_MUST_CHECK fm_status tr_data_check(tr_data *data, const char *recipe, fm_err *err);
void tr_data_free(tr_data *data); /* accepts NULL */

/* As tr_source_of_samples has it; the data are the context. Pictures that are held out are of the
 * validation split and of the last stage. */
fm_status tr_data_make(void *data, uint64_t index, int thread, tr_sample *out, fm_err *err);

/* Of the picture that this thread made last: its scene, and what its example's question asks. Borrowed
 * until it makes the next. */
const fm_world_scene *tr_data_scene(const tr_data *data, int thread);
const fm_world_question *tr_data_question(const tr_data *data, int thread, size_t question);
/* The vocabulary, and its token that ends an answer. */
const rt_tokenizer *tr_data_words(const tr_data *data);
int32_t tr_data_end(const tr_data *data);

#endif
