/**
 * Scenes to learn and to be tested on: a picture with exact geometry, and questions about it whose
 * answers are known: the TraceSpatial generator in miniature (arXiv 2512.13660v3, section 4).
 *
 * A scene is a pure function of (split, seed, index, settings): the same bytes on every machine,
 * compiler and optimisation level. Scenes of two splits share no stream of chance, whatever their
 * seeds: training data cannot hold a test's scene. Nothing is read or written; thread-safe, as long
 * as each fm_world_scene belongs to one thread. docs/world.md has the questions and their rules.
 */
#ifndef FATHOM_WORLD_H
#define FATHOM_WORLD_H

#include <stdint.h>

#include "fathom/box.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Raised whenever a pixel, a number or a word of any scene changes: it names the data that a score is
 * over. */
#define FM_WORLD_VERSION 5

#define FM_WORLD_MIN_SIDE  32
#define FM_WORLD_MAX_SIDE  4096
#define FM_WORLD_MAX_COUNT 100000

typedef enum { FM_WORLD_TRAIN, FM_WORLD_VALIDATION, FM_WORLD_TEST, FM_WORLD_SPLITS } fm_world_split;

typedef enum {
    FM_WORLD_TABLETOP, /* household goods on a table, 0.5 to 2.5 m away */
    FM_WORLD_INDOOR,   /* furniture and large goods on a floor between walls, 1.5 to 6 m */
    FM_WORLD_OUTDOOR,  /* a yard under the sky, 3 to 20 m */
    FM_WORLD_PLACES
} fm_world_place;

/* code, stable name, what is asked */
#define FM_WORLD_FAMILY_MAP(X)                                                                     \
    X(RELATION, "relation", "how two things stand to one another, as the camera sees them")        \
    X(COMPARISON, "comparison", "which thing is taller, wider, nearer or next to another")         \
    X(REFERRING, "referring", "where a thing is that one or more constraints single out")          \
    X(PLACING, "placing", "where a free spot is that a metric constraint singles out")             \
    X(MEASURING, "measuring", "a distance, a depth or a size, in a unit that the question states") \
    X(TRACE_2D, "trace2d", "the way of a thing through the picture")                               \
    X(TRACE_3D, "trace3d", "the way of a thing through space")                                     \
    X(LIFTING, "lifting", "the depths of a way that is given in the picture")

typedef enum {
#define FM_WORLD_FAMILY_ENUM(code, name, text) FM_WORLD_FAMILY_##code,
    FM_WORLD_FAMILY_MAP(FM_WORLD_FAMILY_ENUM)
#undef FM_WORLD_FAMILY_ENUM
        FM_WORLD_FAMILIES
} fm_world_family;

FM_API const char *fm_world_family_name(fm_world_family family);
FM_API const char *fm_world_place_name(fm_world_place place); /* "tabletop", "indoor", "outdoor" */
FM_API const char *fm_world_split_name(fm_world_split split); /* "train", "validation", "test" */

typedef struct {
    fm_world_split split;
    uint64_t seed;
    int width, height;    /* pixels, FM_WORLD_MIN_SIDE .. FM_WORLD_MAX_SIDE, at most 3 to 1 */
    unsigned places;      /* bits 1 << fm_world_place; a scene is of one of them */
    unsigned families;    /* bits 1 << fm_world_family; a scene has a question of each */
    unsigned forms;       /* bits 1 << fm_world_form that questions may have */
    bool no_end_effector; /* paths of the thing alone */
    bool hard_ways;   /* something stands in the straight way of every path, and a thing that stays
                             where it is does not pass for moved */
    int per_family;   /* questions of each family, 1 .. 8; as many as the scene is good for */
    int fewest, most; /* things that can be named, 1 .. FM_WORLD_OBJECTS_MAX */
    bool noise;       /* depth with the sensor's noise and holes, or exact */
    bool easy_names;  /* no two things of one name: each is known by colour and kind */
} fm_world_settings;

/* Every family and form, all places, 128 x 128, 2 to 8 things, 1 question a family, noise. */
FM_API fm_world_settings fm_world_default_settings(void);

#define FM_WORLD_OBJECTS_MAX   24
#define FM_WORLD_QUESTIONS_MAX 64
#define FM_WORLD_POINTS_MAX    12
#define FM_WORLD_STEPS_MAX     9
#define FM_WORLD_OPTIONS_MAX   4
#define FM_WORLD_NAME_BYTES    112

/* A thing that is shown well enough to be spoken of: at least FM_WORLD_SEEN_SHARE of it. */
#define FM_WORLD_SEEN_SHARE 0.5

typedef struct {
    char name[FM_WORLD_NAME_BYTES]; /* "the red mug"; fits no other thing in the picture */
    const char *kind, *colour;      /* static; colour NULL: spoken of without one */
    int pixels;                     /* visible */
    double share;                   /* of what it would cover if nothing stood before it */
    double centre[3]; /* the visible pixel nearest to the centroid of all visible ones: x, y in
                         [0, 1] (pixel / side) and its true depth in metres */
    fm_box box;       /* the tightest upright box, camera frame; its third axis points up */
    bool round;       /* it fills the box's ellipse seen from above, not its corners */
} fm_world_object;

typedef enum {
    FM_WORLD_CHOICE, /* one of the options */
    FM_WORLD_YESNO,
    FM_WORLD_FACT,     /* a sentence */
    FM_WORLD_POINT_2D, /* one (u, v) */
    FM_WORLD_POINT,    /* one (u, v, d) */
    FM_WORLD_LENGTH,
    FM_WORLD_PATH, /* 6 to 12 of (u, v) or (u, v, d) */
    FM_WORLD_FORMS
} fm_world_form;

FM_API const char *fm_world_form_name(fm_world_form form); /* "choice", "yesno", ... */

typedef enum { FM_WORLD_SCALE, FM_WORLD_REFERRING, FM_WORLD_MEASURING } fm_world_key_kind;

/* A step of reasoning and its true value. */
typedef struct {
    fm_world_key_kind kind;
    char target[FM_WORLD_NAME_BYTES + 48]; /* as the question names it; the scale's is "Scene" */
    double value[3]; /* REFERRING: x, y in [0, 1], depth in metres; MEASURING: metres; SCALE: s* */
    /* MEASURING: the unit that it is written in; static. NULL: meters, with three decimals, of lengths
     * that are compared. */
    const char *unit;
    int option; /* CHOICE: 1 + index of the option that it looks at; 0: of none */
} fm_world_step;

/* Text is UTF-8 and of one line. Fields that a form has no use for are zero. */
typedef struct {
    fm_world_family family;
    fm_world_form form;
    bool end_effector;  /* PATH: of the point between the fingers, not of the thing */
    char question[640]; /* bare; PATH: the task. fm_world_prompt() says it as a model is asked */
    char answer[320];   /* what a right reply says, without reasoning */
    char options[FM_WORLD_OPTIONS_MAX][FM_WORLD_NAME_BYTES];
    int n_options, right; /* CHOICE: index of the right one */
    bool yes;             /* YESNO */
    double length_m;      /* LENGTH */
    const char *unit; /* LENGTH: as asked for: "centimeters", "inches", "meters", "feet"; static */
    double points[FM_WORLD_POINTS_MAX][3]; /* POINT, PATH: x, y in [0, 1], depth in metres */
    int n_points;
    int subject;                      /* index of the object that is sought or moved; -1: none */
    fm_box box;                       /* PLACING, PATH: where the last point shall be */
    char target[FM_WORLD_NAME_BYTES]; /* PATH: the thing moved */
    char destination[2 * FM_WORLD_NAME_BYTES + 48]; /* PLACING, PATH: in words */
    bool push;                                      /* PATH: along the ground */
    fm_world_step steps[FM_WORLD_STEPS_MAX];        /* of the reasoning, in order; 2 .. 9 */
    int n_steps;
    /* RELATION, COMPARISON: what follows from the steps, in lines: the numbers that are compared, two at a
     * time and each with three decimals (the x of places in widths of the picture), and what they come to. */
    char conclusion[1024];
    bool in_space;    /* points with depth are said in metres of the camera's frame: see below */
    fm_camera camera; /* in_space: of a picture whose sides are 1 */
} fm_world_question;

/* Start it as {0}; buffers are reused by the next fm_world_scene_make() on the same struct. */
typedef struct {
    size_t index;
    fm_world_place place;
    int width, height;
    uint8_t *rgb;    /* [height][width][3] */
    float *depth;    /* [height][width] metres along the camera's axis; 0: no measurement */
    uint8_t *ids;    /* [height][width] 1 + index of the object shown; 0: none of them */
    size_t capacity; /* pixels that the buffers hold */
    fm_camera camera;
    double scale;       /* s*: mean distance in metres of what the depth map shows */
    double max_depth_m; /* the farthest that it shows */
    fm_world_object objects[FM_WORLD_OBJECTS_MAX];
    int n_objects;
    fm_world_question questions[FM_WORLD_QUESTIONS_MAX];
    int n_questions;
} fm_world_scene;

/* Make scene `index`. FM_E_USAGE for settings out of bounds, or that no scene was found for (as
 * relations among a single thing); FM_E_NOMEM. */
FM_API FM_MUST_CHECK fm_status fm_world_scene_make(const fm_world_settings *settings, size_t index,
                                                   fm_world_scene *out, fm_err *err);
FM_API void fm_world_scene_release(fm_world_scene *scene); /* accepts NULL and {0} */

/* How a question is put; 0: "A. left", and the form of the answer. */
enum {
    FM_WORLD_BRIEF =
        1, /* without the form, as there is much of it to read; a unit is said all the same */
    FM_WORLD_BRACKETS = 2 /* options as "(A) left", as BLINK and those after it write them */
};

/* The question as a model is asked it: with its options, lettered, and the form of the answer; a lifting
 * question with the way in the picture. Returns the length, cut at size - 1 bytes. */
FM_API size_t fm_world_prompt(const fm_world_question *question, unsigned manner, char *out,
                              size_t size);

/* The reasoning as RoboTracer writes it, a step a line, into out: "[Referring] [the red mug]: [(310,
 * 522, 1.204)]"; then the conclusion, where there is one: "The red mug is nearest to the camera." Likewise. */
FM_API size_t fm_world_reasoning(const fm_world_question *question, char *out, size_t size);

/* Ask this question of the scene for points in space as (x, y, z), metres of the camera's frame, in place of
 * (u, v, d): prompt, answer and reasoning say them so from here on. The truth stays, and so does what is said
 * of the picture alone. */
FM_API void fm_world_ask_in_space(const fm_world_scene *scene, fm_world_question *question);

/* ---- files ---- */

typedef enum {
    FM_WORLD_TRAINING, /* scenes.jsonl, a scene a line with all its questions; images/, depth/, ids/ */
    FM_WORLD_QUESTIONS, /* understanding.jsonl, measuring.jsonl, referring.jsonl, a question a line, in the
                           manner of the public suites; images/, depth/, masks/ */
    FM_WORLD_BENCHMARK, /* TraceSpatial-Bench's, an object-centric trace a scene:
                           trajectory_dataset.json, raw_data/<index>/{image,gt_depth,mask}.png */
    FM_WORLD_LAYOUTS
} fm_world_layout;

FM_API const char *fm_world_layout_name(fm_world_layout layout); /* "training", "questions", ... */

/* What a layout is made of unless somebody wishes otherwise: of FM_WORLD_BENCHMARK the suite `tabletop`, of
 * FM_WORLD_QUESTIONS `tabletop-questions`; both are of the test split. *count: scenes. */
FM_API fm_world_settings fm_world_layout_settings(fm_world_layout layout, size_t *count);

/**
 * Write scenes 0 .. count - 1. FM_WORLD_QUESTIONS has room for relations, comparisons, measuring and
 * referring as choice, length and point2d, FM_WORLD_BENCHMARK for one object-centric path in space a
 * scene; other families and forms of the settings are left out. Depths are 16-bit PNG in millimetres. jobs
 * < 1: a thread a processor; they do not change a byte. docs/world.md has the members of the records.
 *
 * Everything is written to a folder beside `dir` which is renamed when complete, so that `dir` is
 * whole or absent. A folder that this function made of the same by the same version is left as it is;
 * any other folder that is not empty is refused with FM_E_USAGE.
 */
FM_API FM_MUST_CHECK fm_status fm_world_scenes_write(const fm_world_settings *settings,
                                                     fm_world_layout layout, size_t count, int jobs,
                                                     const char *dir, fm_err *err);

#ifdef __cplusplus
}
#endif
#endif
