/**
 * One item of a benchmark, as every part of the harness sees it, and the outcome of asking a model
 * about it.
 *
 * A sample is made by a suite, borrowed by everybody else, and lives in the arena that the suite
 * was given for it. The truth is for graders and for adapters that are flagged as seeing it, never
 * for a request.
 */
#ifndef FATHOM_SAMPLE_H
#define FATHOM_SAMPLE_H

#include "fathom/box.h"
#include "fathom/steps.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a sample can end in: exactly one of these. The group says whether there was an answer to
 * judge. */
#define FM_SAMPLE_STATUS_MAP(X)                                                                    \
    X(OK, "ok", SCORED, "the reply was parsed")                                                    \
    X(PARSE_ERROR, "parse_error", UNPARSED, "a reply without a readable answer")                   \
    X(TRUNCATED, "truncated", UNPARSED, "the reply was cut at the output limit")                   \
    X(REFUSED, "refused", UNPARSED, "the model declined")                                          \
    X(EMPTY, "empty", UNPARSED, "a reply without text")                                            \
    X(BLOCKED, "blocked", ERRORED, "a filter of the provider stopped request or reply")            \
    X(API_ERROR, "api_error", ERRORED, "the adapter failed")                                       \
    X(TIMEOUT, "timeout", ERRORED, "no reply within the time limit")                               \
    X(QUOTA, "quota", ERRORED, "the provider's quota is used up")                                  \
    X(SKIPPED, "skipped", SKIPPED, "never asked, or no reply in the file")

typedef enum {
#define FM_SAMPLE_STATUS_ENUM(code, name, group, text) FM_SAMPLE_##code,
    FM_SAMPLE_STATUS_MAP(FM_SAMPLE_STATUS_ENUM)
#undef FM_SAMPLE_STATUS_ENUM
        FM_SAMPLE_STATUS_COUNT
} fm_sample_status;

typedef enum {
    FM_OUTCOME_SCORED,
    FM_OUTCOME_UNPARSED,
    FM_OUTCOME_ERRORED,
    FM_OUTCOME_SKIPPED
} fm_outcome;

FM_API const char *fm_sample_status_name(fm_sample_status status);
FM_API const char *fm_sample_status_meaning(fm_sample_status status);
FM_API fm_outcome fm_sample_status_outcome(fm_sample_status status);
FM_API bool fm_sample_status_from_name(const char *name, fm_sample_status *out);

/* The kind of answer that a task asks for, by its name in suite.yaml. */
#define FM_ANSWER_KIND_MAP(X)                                                                      \
    X(TRACE2D, "trace2d", "a 2D trace whose truth lies in space")                                  \
    X(TRACE3D, "trace3d", "a 3D trace")                                                            \
    X(PATH2D, "path2d", "a 2D trace whose truth lies in the picture")                              \
    X(CHOICE, "choice", "one of several options")                                                  \
    X(YESNO, "yesno", "yes or no")                                                                 \
    X(QUANTITY, "quantity", "one or more numbers with a unit")                                     \
    X(POINTS, "points", "points in a region of the picture")                                       \
    X(TEXT, "text", "words that a judge holds against a reference")

typedef enum {
#define FM_ANSWER_KIND_ENUM(code, name, text) FM_ANSWER_##code,
    FM_ANSWER_KIND_MAP(FM_ANSWER_KIND_ENUM)
#undef FM_ANSWER_KIND_ENUM
        FM_ANSWER_KINDS
} fm_answer_kind;

FM_API const char *fm_answer_kind_name(fm_answer_kind kind);
FM_API bool fm_answer_kind_from_name(const char *name, fm_answer_kind *out);

/* Truths by kind. Pointers are into the sample's arena. */

typedef struct {
    const char *const *options; /* option 0 is "A" */
    size_t n;                   /* at most 26 */
    size_t index;
} fm_truth_choice;

typedef struct {
    bool yes;
} fm_truth_yesno;

#define FM_MAX_QUANTITIES 8

typedef struct {
    double values[FM_MAX_QUANTITIES];
    size_t n;         /* 0: the data's words hold none */
    const char *unit; /* "cm", "m", "ft", "in", "mm", "count", "clock"; one for all values */
} fm_truth_quantity;

/* Where points should lie: in the sample's mask, in a polygon, or in a box; what the data has. */
typedef struct {
    double (*polygon)[2]; /* NULL: none */
    size_t n_polygon;
    bool has_box;
    double box[4];   /* x0, y0, x1, y1 */
    bool normalised; /* polygon and box in [0, 1] of the picture, else in its pixels */
    size_t expected; /* points that the answer must have; 0: any number */
} fm_truth_region;

typedef struct {
    double (*points)[2]; /* [n][2] pixels of the picture */
    size_t n;
} fm_truth_path;

typedef struct {
    const char *reference;
} fm_truth_text;

/* Of a trace in space. */
typedef struct {
    double (*points)[3]; /* [n][3] camera frame, metres */
    size_t n;
    bool has_box;
    fm_box box; /* the destination */
} fm_truth_trace;

typedef struct {
    const char *id;       /* unique in its suite, printable, at most FM_SAMPLE_ID_BYTES - 1 bytes */
    const char *category; /* NULL where the data has none; likewise the texts below */
    int steps;            /* reasoning steps that the data states; 0: not stated */
    const char *instruction; /* what is asked, in the data's words */
    const char *target, *destination;

    /* Absolute paths of rasters inside the data folder; NULL where the data names none. Files may
     * be missing. */
    const char *image_path, *depth_path, *mask_path;
    /* Pictures shown after the first one, in order. */
    const char *const *more_images;
    size_t n_more_images;
    int width, height;     /* of the first picture where the data states it, else 0 */
    double max_depth_m;    /* of the scene where the data states it, else 0 */
    const char *source;    /* where the data says that the item comes from; NULL: nowhere */
    const char *judgement; /* a judge's word on a reply, stored beside the data, or NULL */

    bool has_camera;
    fm_camera camera;

    /* Steps that reasoning about the item takes, with their true values; part of the truth. */
    const fm_key_step *key_steps;
    size_t n_key_steps;

    fm_answer_kind kind;
    union {
        fm_truth_trace trace; /* FM_ANSWER_TRACE2D, FM_ANSWER_TRACE3D */
        fm_truth_path path;
        fm_truth_choice choice;
        fm_truth_yesno yesno;
        fm_truth_quantity quantity;
        fm_truth_region region; /* FM_ANSWER_POINTS */
        fm_truth_text text;
    } truth;
} fm_sample;

#define FM_SAMPLE_ID_BYTES 128

/* The picture's size in pixels: read from the header of the RGB file (trace2d) or of the depth map
 * (trace3d), else taken from the intrinsics: the nearest of 640x480, 512x384 and 384x512 whose
 * centre is (cx, cy). *source becomes "image", "depth" or "intrinsics". FM_E_INPUT where none is
 * known. */
FM_API FM_MUST_CHECK fm_status fm_sample_picture_size(const fm_sample *sample, int *width,
                                                      int *height, const char **source,
                                                      fm_err *err);

#ifdef __cplusplus
}
#endif
#endif
