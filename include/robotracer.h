/**
 * librobotracer: the RoboTracer network on a CPU, from a folder of weights to text and a metric
 * scale.
 *
 *     rt_model *model;
 *     rt_scene *scene;
 *     rt_answer answer = {0};
 *     rt_err err;
 *
 *     if (rt_model_open(&model, "models/robotracer-nano", NULL, &err) == RT_OK &&
 *         rt_scene_new(&scene, model, &picture, 1, &err) == RT_OK &&
 *         rt_ask(scene, &(rt_question){.text = "Point the 3D ..."}, 1, NULL, &answer, &err) == RT_OK)
 *         puts(answer.text);
 *
 * A model is opened once, and any number of scenes are made from it; a scene holds what its pictures
 * became (vision tokens, spatial tokens, the decoder's memory of them), so that every question after
 * the first costs its own words alone. Answers depend on the model's files, the question and its
 * seed, never on the number of threads.
 *
 * Ownership: `_new` and `_open` give objects that `_free` and `_close` take back (NULL is accepted);
 * scenes are freed before their model is closed; everything passed in is borrowed for the length of
 * the call. Threads: one call at a time on a model and its scenes, but for rt_cancel(). Files are
 * hostile: whatever is wrong with a folder or a picture is an error with one clear line, never a
 * crash; but weights are mapped, and a file that somebody cuts while its model is open ends the program
 * (SIGBUS). Pointers are not NULL but where it is said that they may be.
 *
 * Source of the architecture: RoboTracer, arXiv 2512.13660, section 3 and its figure 3; NVILA,
 * arXiv 2412.04468; MapAnything, arXiv 2509.13414; SigLIP, arXiv 2303.15343; Qwen2, arXiv 2407.10671.
 */
#ifndef ROBOTRACER_H
#define ROBOTRACER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define RT_API        __attribute__((visibility("default")))
#define RT_MUST_CHECK __attribute__((warn_unused_result))
#else
#define RT_API
#define RT_MUST_CHECK
#endif

/* ---- errors ---- */

typedef enum {
    RT_OK,
    RT_E_INTERNAL,  /* a fault of the engine itself */
    RT_E_NOMEM,     /* out of memory, or over the limit that the caller set */
    RT_E_IO,        /* a file cannot be read or written */
    RT_E_USAGE,     /* the call itself: a question too long, a picture without a size */
    RT_E_INPUT,     /* a file of the model is malformed, truncated or of another shape */
    RT_E_CANCELLED, /* by rt_cancel() before there was anything of an answer, or while opening */
} rt_status;

/* Filled where a call fails; one line, lower case, always terminated. May be NULL everywhere. */
typedef struct {
    rt_status code;
    char text[512];
} rt_err;

/* ---- a model ---- */

typedef struct rt_model rt_model;

/* How the large matrices are kept in memory. Every kind but AS_STORED converts while loading, or
 * takes the packed file that lies beside the model. */
typedef enum {
    RT_WEIGHTS_AS_STORED, /* bf16, f16 and f32 stay what they are */
    RT_WEIGHTS_F32,
    RT_WEIGHTS_BF16,
    RT_WEIGHTS_Q8, /* 8 bits in blocks of 32, scale f16 */
    RT_WEIGHTS_Q4, /* 4 bits in blocks of 32, scale f16 */
} rt_weight_kind;

typedef struct {
    int threads;            /* 0: as many as this process may use, cgroup limits included */
    rt_weight_kind weights; /* of the language model and the towers */
    bool int8_activations;  /* matrices of 8 and 4 bits multiply in integers */
    uint64_t
        max_memory_bytes; /* refused at opening, and by scenes, where more would be needed; 0: none */
    int max_tokens;       /* positions of a scene with question and answer; 0: the model's own */
    int max_picture_pixels; /* larger pictures are refused; 0: 64 million */
    const char
        *isa; /* "generic", "avx2", "avx512", "neon", "onednn"; NULL: the best of this machine */
    /* Folder where packed weights are kept between openings, those of models under 16 MiB left out; NULL:
     * nowhere. Closing waits until what the opening put there is on the disk. */
    const char *packed_dir;
    /* Called while weights are packed, which an opening that finds them in packed_dir does not do; false ends
     * the opening (RT_E_CANCELLED). May be NULL. */
    bool (*progress)(void *context, uint64_t done_bytes, uint64_t all_bytes);
    void *progress_context;
} rt_model_options;

/* `options` NULL: the defaults, all zero. */
RT_API RT_MUST_CHECK rt_status rt_model_open(rt_model **out, const char *folder,
                                             const rt_model_options *options, rt_err *err);
RT_API void rt_model_close(rt_model *model);

/* What a folder holds; strings live as long as the model. */
typedef struct {
    const char *name;         /* of the folder's configuration, else the folder's own name */
    const char *architecture; /* one line for people: "Qwen2 1.54 B, SigLIP 0.40 B, ..." */
    const char *weights;      /* "bf16", "q8", ... as held in memory */
    const char *isa;          /* of rt_model_options: what was taken */
    const char *isa_version;  /* of the library behind it; NULL: there is none */
    uint64_t parameters, weight_bytes;
    int vocabulary, max_tokens;
    bool sees;    /* takes pictures */
    bool depth;   /* has a depth tower of RoboRefer's kind */
    bool spatial; /* has a spatial encoder, which takes depth, intrinsics and pose */
    bool scale;   /* has a scale decoder */
    int threads;
} rt_description;
RT_API void rt_model_describe(const rt_model *model, rt_description *out);

/* ---- a scene ---- */

typedef struct {
    const uint8_t *rgb; /* [height][width][3] */
    int width, height;

    /* What else is known of it; any of these may be missing. Models without a spatial encoder leave
     * them unused but for depth, which a depth tower takes; the spatial encoder uses depth where there
     * are intrinsics, and poses where the first picture has one. */
    const float *depth_m; /* [height][width] metres along the optical axis, 0 where unknown */
    bool has_intrinsics;
    double fx, fy, cx, cy; /* pixels; pixel centres at whole numbers */
    bool has_pose;
    double rotation[4];    /* camera to world, unit quaternion x, y, z, w */
    double translation[3]; /* metres */

    bool rgb_alone; /* neither a depth tower nor the spatial encoder looks at it */
} rt_picture;

typedef struct rt_scene rt_scene;

/* n may be 0: questions of text alone. */
RT_API RT_MUST_CHECK rt_status rt_scene_new(rt_scene **out, rt_model *model,
                                            const rt_picture *pictures, size_t n, rt_err *err);
RT_API void rt_scene_free(rt_scene *scene);

/* ---- questions ---- */

#define RT_MAX_TOGETHER 16 /* questions that one call decodes side by side */

typedef enum {
    RT_FORM_FREE,
    RT_FORM_TRACE2D, /* only [(x, y), ...] can be generated */
    RT_FORM_TRACE3D, /* only [(x, y, d), ...] */
    RT_FORM_CHOICE,  /* only one of the question's options */
} rt_form;

typedef struct {
    const char *text;      /* UTF-8, without media tokens */
    const char *system;    /* NULL: the model's own; "": none */
    const char *beginning; /* that the answer is made to begin with, or NULL */

    rt_form form;
    const char *const *options; /* RT_FORM_CHOICE; also scored, see log_probabilities */
    size_t n_options; /* an option's tokens are scored as the whole answer, its end left out */

    const char *const *stops; /* strings at which the answer ends, not part of it */
    size_t n_stops;
    int max_answer_tokens; /* 0: 512; fewer where the model's own limit comes first */

    /* temperature 0: the likeliest token each time, and the rest is not looked at. */
    double temperature;
    double top_p; /* 0 or 1: off */
    int top_k;    /* 0: off */
    uint64_t seed;
} rt_question;

typedef enum {
    RT_FINISH_STOP,      /* the model ended, or a stop string came */
    RT_FINISH_LENGTH,    /* max_answer_tokens, or the model's own limit */
    RT_FINISH_CANCELLED, /* what there was until then is in the answer */
} rt_finish;

/* Start it as {0}; rt_answer_release() gives back what rt_ask() put there. */
typedef struct {
    char *text; /* UTF-8, whole characters, terminated */
    size_t size;
    rt_finish finish;

    bool has_scale;
    double scale; /* metric scale factor at the <SCALE> token, over 0 */

    double *log_probabilities; /* [n_options] sums over each option's tokens, or NULL */

    int prompt_tokens; /* pictures included */
    int reused_tokens; /* of them taken from the scene's memory */
    int answer_tokens;
    /* vision and spatial: of the scene's making; prefill: until the questions of the call were read;
     * decode: from then until this answer ended. */
    double vision_s, spatial_s, prefill_s, decode_s;
} rt_answer;
RT_API void rt_answer_release(rt_answer *answer);

/* Called with whole UTF-8 characters as they come; question is the index in the call. False ends
 * that answer (RT_FINISH_CANCELLED). */
typedef bool (*rt_token_sink)(void *context, size_t question, const char *text, size_t size);

typedef struct {
    rt_token_sink sink;
    void *context;
} rt_listener;

/* Ask n <= RT_MAX_TOGETHER questions about one scene, decoded together; they have the same system
 * message. answers[n] are filled, in the order of the questions; on failure all of them are as they
 * were. listener may be NULL.
 *
 * The first call about a scene reads its pictures and system message into memory, which later calls
 * with the same message find there (reused_tokens). An answer is the same in either case, and for any
 * number of threads and of questions in the call. */
RT_API RT_MUST_CHECK rt_status rt_ask(rt_scene *scene, const rt_question *questions, size_t n,
                                      const rt_listener *listener, rt_answer *answers, rt_err *err);

/* Ends the call that is under way on this model; from any thread or a signal handler. rt_ask() then
 * gives what there is of the answers, with RT_FINISH_CANCELLED, or fails with RT_E_CANCELLED where
 * there is nothing yet; rt_scene_new() fails. Where no call is under way nothing happens. */
RT_API void rt_cancel(rt_model *model);

/* ---- looking inside, for tests ---- */

/* Called with what each stage gives, by name ("vision.layer.3", "spatial.fused", "llm.layer.0",
 * "logits"): values[rows][columns], valid during the call. NULL takes it off. */
typedef void (*rt_probe)(void *context, const char *stage, const float *values, size_t rows,
                         size_t columns);
RT_API void rt_model_probe(rt_model *model, rt_probe probe, void *context);

#ifdef __cplusplus
}
#endif
#endif
