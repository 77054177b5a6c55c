/**
 * Models of random weights: the folder of a configuration, made from a seed, with a tokenizer of
 * bytes. A value depends on the seed, its tensor's part and name and its place there alone, so that a
 * model is the same on every machine and for every number of threads.
 */
#ifndef RT_ENGINE_INIT_H
#define RT_ENGINE_INIT_H

#include <signal.h>

#include "engine/tensor.h"

typedef struct {
    const char *config; /* the text of its config.json, parts as "<part>_cfg" (presets.h) */
    size_t config_size;
    const char *config_name; /* for messages */
    uint64_t seed;
    rt_kind kind;       /* RT_BF16, RT_F16 or RT_F32 */
    int threads;        /* 0: as many as this process may use */
    size_t shard_bytes; /* 0: RT_SHARD_BYTES */

    const volatile sig_atomic_t *stop; /* NULL, or what ends the work with FM_E_INTERRUPTED */
    void (*progress)(void *context, uint64_t done_bytes, uint64_t all_bytes); /* or NULL */
    void *context;
} rt_init;

typedef struct {
    uint64_t parameters, bytes; /* of weights */
} rt_init_totals;

/* The folder appears whole or not at all. FM_E_USAGE where there is something of that name already. */
FM_MUST_CHECK fm_status rt_init_folder(const char *folder, const rt_init *init,
                                       rt_init_totals *totals, fm_err *err);

#endif
