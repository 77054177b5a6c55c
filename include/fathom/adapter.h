/**
 * An adapter is anything that answers a request: a model behind an API, a program, a file of old
 * replies, a baseline.
 *
 * Adapters are `const` tables; callers go through the wrappers below, which check the slots, time
 * the call and see to it that only adapters flagged FM_CAP_SEES_TRUTH are ever given the truth. One
 * state serves one thread.
 */
#ifndef FATHOM_ADAPTER_H
#define FATHOM_ADAPTER_H

#include <stdint.h>

#include "fathom/sample.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    FM_CAP_IMAGES = 1 << 0,     /* takes the picture */
    FM_CAP_DEPTH = 1 << 1,      /* takes a depth map */
    FM_CAP_INTRINSICS = 1 << 2, /* takes the camera */
    FM_CAP_SEES_TRUTH = 1 << 3, /* a baseline: marks the scale of the numbers, never a result */
    FM_CAP_OFFLINE = 1 << 4,    /* answers from what is on this machine */
};

/* What is asked. Borrowed for the duration of the call; holds no part of the truth. */
typedef struct {
    const char *id;
    const char *task;    /* "tracespatial-3d" */
    fm_answer_kind kind; /* what the task asks for */
    const char *prompt;
    const char *image_path, *depth_path; /* absolute, NULL where there is none */
    const fm_camera *camera;             /* NULL where there is none */
} fm_request;

/* What came back. `text` is any bytes; the texts live until the next call on the same state or its
 * close. */
typedef struct {
    fm_sample_status status; /* FM_SAMPLE_OK, or why there is no answer to grade */
    const char *text;        /* NULL: no reply at all */
    size_t size;
    const char *finish_reason; /* the provider's own word, or NULL */
    const char *detail;        /* one line about a failure, free of secrets, or NULL */
    double latency_s;          /* filled by fm_adapter_generate() */
} fm_reply;

/* Settings from the command line and, later, from an adapter's YAML file: key=value strings. */
typedef struct {
    const char *key, *value;
} fm_setting;

typedef struct {
    const fm_setting *settings;
    size_t n_settings;
    uint64_t seed;
    double timeout_s;    /* for one reply; 0: the adapter's default */
    const char *answers; /* "tuples" or "json": the form in which the prompt asks for a trace */
} fm_adapter_config;

typedef struct {
    const char *name; /* e.g. "noise_px"; unknown keys are refused with a suggestion */
    const char *summary;
    const char *fallback; /* default as text, or NULL: none */
} fm_adapter_option;

typedef struct {
    const char *name;    /* stable id, lower case: used on the command line and in results */
    const char *summary; /* one line for `fathom list` */
    unsigned caps;       /* FM_CAP_... */
    const fm_adapter_option *options; /* ends with a NULL name; NULL: takes none */

    fm_status (*open)(void **state, const fm_adapter_config *config, fm_err *err);
    /* truth is NULL unless the table says FM_CAP_SEES_TRUTH. A failure that belongs to this one
     * sample is FM_OK with a status in the reply; a returned error ends the run. */
    fm_status (*generate)(void *state, const fm_request *request, const fm_sample *truth,
                          fm_reply *reply, fm_err *err);
    void (*close)(void *state);
    /* Optional: make a running generate() return soon. Called from a signal-safe place of another
     * thread. */
    void (*cancel)(void *state);
} fm_adapter_ops;

typedef struct fm_adapter fm_adapter;

/* Checks the settings against the table's options, then opens. The caller closes *out with
 * fm_adapter_close(). */
FM_API FM_MUST_CHECK fm_status fm_adapter_open(fm_adapter **out, const fm_adapter_ops *ops,
                                               const fm_adapter_config *config, fm_err *err);
FM_API FM_MUST_CHECK fm_status fm_adapter_generate(fm_adapter *adapter, const fm_request *request,
                                                   const fm_sample *sample, fm_reply *reply,
                                                   fm_err *err);
FM_API void fm_adapter_cancel(fm_adapter *adapter);
FM_API void fm_adapter_close(fm_adapter *adapter); /* accepts NULL */

/* The value of a setting, the option's fallback, or NULL. */
FM_API const char *fm_adapter_setting(const fm_adapter_ops *ops, const fm_adapter_config *config,
                                      const char *key);

#ifdef __cplusplus
}
#endif
#endif
