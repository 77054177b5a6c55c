/**
 * What a training is: a YAML file with everything that can change what comes out, but for the code.
 * Members that are left out have the values of tr_recipe_default(); unknown ones are refused.
 * docs/training.md lists them.
 */
#ifndef TR_RECIPE_H
#define TR_RECIPE_H

#include "base/arena.h"
#include "base/files.h"
#include "fathom/world.h"
#include "train/policy.h"

enum { TR_MOST_STAGES = 16 };

/* What is asked until a step: the curriculum. */
typedef struct {
    uint64_t until; /* steps; of the last stage: 0, until the end */
    int things[2];  /* in a scene, fewest and most */
    unsigned families, places, forms;
    int per_family;
    bool easy_names;
    bool only_look; /* nothing is asked but the auxiliary heads, and the language model stays out */
    double told;    /* share of pictures whose tokens are given to the language model as codes */
    double reasoning; /* the share of questions whose answer is preceded by its reasoning */
    /* Only what follows from the words before it is learnt: of reasoning, not what its steps see. */
    bool only_deduce;
} tr_stage;

enum { TR_MOST_SIZES = 8 };
typedef struct {
    int width, height; /* pixels */
} tr_size;

typedef struct {
    char model
        [FM_PATH_BYTES]; /* the folder with config.json and llm/: where the network's shape comes from */
    bool fresh;          /* begin from chance, else from that folder's weights */
    uint64_t seed, steps;
    int pictures, memory_mb;
    tr_mixture mixture;
    tr_optimiser optimiser; /* its steps are those above */

    char folder[FM_PATH_BYTES];   /* of scenes that were written; "": they are made in memory */
    tr_size sizes[TR_MOST_SIZES]; /* of pictures, each as often as the others */
    int n_sizes;
    bool in_space; /* points with depth are asked for as (x, y, z) in metres, not as (u, v, d) */
    bool noise, end_effector; /* end_effector: paths of the point between the fingers, too */
    double hard_ways; /* the share of scenes with something in the straight way of every path */
    /* Of all pictures, the shares that come without intrinsics, and with intrinsics but no depth. */
    double without_camera, without_depth;
    double brief;    /* the share of questions that do not say the form of the answer */
    double brackets; /* the share of choices whose options are "(A) left", and not "A. left" */
    int longest;     /* tokens of a question with its answer; longer ones are left out */
    tr_stage stages[TR_MOST_STAGES];
    int n_stages;

    bool rewarded; /* by `rft`, and not by the generator's answers */
    tr_rft rft;

    int save_every, judge_every, judge_pictures; /* steps; judge_every 0: never */
} tr_recipe;

tr_recipe tr_recipe_default(void);
/* Strings live in the arena; `model` is taken from the file's own folder. FM_E_INPUT names file and
 * member. */
FM_MUST_CHECK fm_status tr_recipe_read(tr_recipe *out, const char *path, fm_arena *arena,
                                       fm_err *err);

/* The stage that a step is in, and what the generator makes of picture `index` in it, for training. */
int tr_recipe_stage(const tr_recipe *recipe, uint64_t step);
fm_world_settings tr_recipe_scene(const tr_recipe *recipe, int stage, uint64_t index);

#endif
