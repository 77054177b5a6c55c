/* fathom world: synthetic scenes with exact geometry, in the layout of TraceSpatial-Bench. */
#include <string.h>

#include "base/text.h"
#include "commands.h"
#include "fathom/world.h"
#include "terminal.h"

/* "480x360" */
static fm_status read_size(const char *text, fm_world_config *config, fm_err *err)
{
    const char *x = strchr(text, 'x');
    char width[16] = {0};
    uint64_t w, h;

    if (x && (size_t)(x - text) < sizeof(width))
        memcpy(width, text, (size_t)(x - text));
    if (!x || !fm_text_to_uint64(width, &w) || !fm_text_to_uint64(x + 1, &h) ||
        w < FM_WORLD_MIN_SIDE || w > FM_WORLD_MAX_SIDE || h < FM_WORLD_MIN_SIDE ||
        h > FM_WORLD_MAX_SIDE)
        return fm_fail(err, FM_E_USAGE,
                       "option '--size' wants WIDTHxHEIGHT with sides from %d to %d, not '%s'",
                       FM_WORLD_MIN_SIDE, FM_WORLD_MAX_SIDE, text);
    config->width = (int)w;
    config->height = (int)h;
    return FM_OK;
}

static fm_status world_run(const cli_args *args, fm_err *err)
{
    fm_world_config config = fm_world_default_config();
    const char *dir = cli_value(args, "out"), *size = cli_value(args, "size");
    uint64_t count = config.count, jobs = 0;
    fm_status st = cli_number(args, "seed", 0, UINT64_MAX, &config.seed, err);

    if (st == FM_OK)
        st = cli_number(args, "count", 1, FM_WORLD_MAX_COUNT, &count, err);
    if (st == FM_OK)
        st = cli_number(args, "jobs", 0, CLI_MAX_JOBS, &jobs, err);
    if (st == FM_OK && size)
        st = read_size(size, &config, err);
    if (st != FM_OK)
        return st;
    config.count = (size_t)count;
    config.jobs = (int)jobs;
    st = fm_world_generate(&config, dir, err);
    if (st == FM_OK)
        printf("%s\n", dir);
    return st;
}

static const char *const description[] = {
    "Writes trajectory_dataset.json and raw_data/<id>/{image,gt_depth,mask}.png: the layout that "
    "the suites tabletop and tracespatial read. An item depends on seed, its number and the size "
    "alone, so that a larger count adds items and changes none. A folder that already holds the "
    "same scenes is left as it is; any other folder must be empty or absent.",
    NULL,
};

static const cli_option options[] = {
    {.name = "out",
     .letter = 'o',
     .argument = "DIR",
     .help = "folder to make",
     .required = true,
     .kind = CLI_FOLDER},
    {.name = "seed",
     .argument = "N",
     .help = "which scenes (default: those of the suite tabletop)"},
    {.name = "count",
     .letter = 'n',
     .argument = "N",
     .help = "how many (default: as many as tabletop)"},
    {.name = "size", .argument = "WxH", .help = "size of the pictures, pixels (default: 480x360)"},
    {.name = "jobs", .letter = 'j', .argument = "N", .help = "threads (default: one a processor)"},
    {0},
};

static const cli_example examples[] = {
    {"fathom world --seed 7 --count 500 --out scenes", "five hundred scenes"},
    {"fathom run tabletop --data scenes --adapter straight", "run the suite on them"},
    {0},
};

const cli_command cli_command_world = {
    .name = "world",
    .summary = "make synthetic scenes with a true trace",
    .operands = "",
    .description = description,
    .options = options,
    .examples = examples,
    .run = world_run,
};
