/* How a command opens a model of the engine: its options, which `ask` and `bench` share, where packed weights
 * are kept, and what is shown meanwhile. */
#ifndef FM_CLI_OPEN_MODEL_H
#define FM_CLI_OPEN_MODEL_H

#include "base/files.h"
#include "options.h"
#include "robotracer.h"

/* Rows of an option table; heading: of the group that they make, or NULL. */
#define CLI_MODEL_OPTIONS(heading)                                                                 \
    {.name = "weights",                                                                            \
     .argument = "KIND",                                                                           \
     .fallback = "as_stored",                                                                      \
     .help = "how weights are held: as_stored, f32, bf16, q8 or q4",                               \
     .words = "as_stored f32 bf16 q8 q4",                                                          \
     .group = heading,                                                                             \
     .kind = CLI_WORDS},                                                                           \
        {.name = "no-int8",                                                                        \
         .help = "matrices of 8 and 4 bits multiply in f32, not in integers: closer, and slower"}, \
        {.name = "threads", .argument = "N", .help = "threads (default: all that may be used)"},   \
        {.name = "isa",                                                                            \
         .argument = "NAME",                                                                       \
         .help = "kernels: generic, avx2, avx512, neon or onednn (default: the best of "           \
                 "this machine)"},                                                                 \
    {                                                                                              \
        .name = "packed-dir", .argument = "DIR",                                                   \
        .help = "packed weights for the next opening (default: packed in $FATHOM_CACHE); none: "   \
                "nowhere",                                                                         \
        .kind = CLI_FOLDER                                                                         \
    }

/* The folder that --packed-dir means, or the adapter's packed_dir (NULL: not given); "" where nothing is to
 * be kept, or there is no place for it. */
void cli_packed_folder(const char *given, char out[FM_PATH_BYTES]);

/* Where a model is that is given by its path, or by its name where it comes with fathom. */
FM_MUST_CHECK fm_status cli_model_path(char out[FM_PATH_BYTES], const char *given, fm_err *err);

typedef struct {
    rt_model *model;            /* NULL until it is open */
    bool packed;                /* its weights were packed, and may be on their way to the disk */
    char folder[FM_PATH_BYTES]; /* or GGUF file; where a name that was given leads to */
} cli_model;

/* path: of a model, or the name of one that comes with fathom. Settings are read from the options. Ctrl-C
 * ends the packing, and then the call that is under way, which may take minutes; a call that it came just
 * before does not know of it. */
FM_MUST_CHECK fm_status cli_model_open(cli_model *out, const cli_args *args, const char *path,
                                       fm_err *err);
/* st, or FM_E_INTERRUPTED where that is why. */
fm_status cli_unless_interrupted(fm_status st, fm_err *err);
void cli_model_close(cli_model *model); /* accepts {0} */

#endif
