/* fathom world: synthetic scenes with exact geometry, and questions about them. */
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "commands.h"
#include "fathom/world.h"
#include "terminal.h"

/* "480x360" */
static fm_status read_size(const cli_args *args, int *width, int *height, fm_err *err)
{
    const char *text = cli_value(args, "size"), *x = strchr(text, 'x');
    char first[16] = {0};
    uint64_t w, h;

    if (x && (size_t)(x - text) < sizeof(first))
        memcpy(first, text, (size_t)(x - text));
    if (!x || !fm_text_to_uint64(first, &w) || !fm_text_to_uint64(x + 1, &h) ||
        w < FM_WORLD_MIN_SIDE || w > FM_WORLD_MAX_SIDE || h < FM_WORLD_MIN_SIDE ||
        h > FM_WORLD_MAX_SIDE)
        return fm_fail(err, FM_E_USAGE,
                       "option '--size' wants WIDTHxHEIGHT with sides from %d to %d, not '%s'",
                       FM_WORLD_MIN_SIDE, FM_WORLD_MAX_SIDE, text);
    *width = (int)w;
    *height = (int)h;
    return FM_OK;
}

/* "4-10", or "4" */
static fm_status read_things(const cli_args *args, fm_world_settings *settings, fm_err *err)
{
    const char *text = cli_value(args, "things"), *dash = text ? strchr(text, '-') : NULL;
    char first[16] = {0};
    uint64_t fewest, most;

    if (!text)
        return FM_OK;
    size_t n = dash ? (size_t)(dash - text) : strlen(text);
    memcpy(first, text, n < sizeof(first) ? n : sizeof(first) - 1);
    if (!fm_text_to_uint64(first, &fewest) || !fm_text_to_uint64(dash ? dash + 1 : first, &most) ||
        fewest < 1 || most < fewest || most > FM_WORLD_OBJECTS_MAX)
        return fm_fail(err, FM_E_USAGE,
                       "option '--things' wants FEWEST-MOST from 1 to %d, not '%s'",
                       FM_WORLD_OBJECTS_MAX, text);
    settings->fewest = (int)fewest;
    settings->most = (int)most;
    return FM_OK;
}

/* ---- words ---- */

static const char *place_name(int i)
{
    return fm_world_place_name((fm_world_place)i);
}

static const char *family_name(int i)
{
    return fm_world_family_name((fm_world_family)i);
}

static const char *split_name(int i)
{
    return fm_world_split_name((fm_world_split)i);
}

static const char *layout_name(int i)
{
    return fm_world_layout_name((fm_world_layout)i);
}

static const char *ways_name(int i)
{
    return i ? "hard" : "any";
}

/* Words with commas between them, as bits; *out stays as it is where the option was not given. */
static fm_status read_words(const cli_args *args, const char *option, const char *(*name)(int),
                            int count, unsigned *out, fm_err *err)
{
    const char *text = cli_value(args, option);
    const char *const *words;
    fm_arena arena = {0};
    unsigned bits = 0;
    size_t n = 0;
    fm_status st = text ? cli_names(text, option, &arena, &words, &n, err) : FM_OK;

    for (size_t i = 0; st == FM_OK && i < n; i++) {
        int k = 0;

        while (k < count && strcmp(words[i], name(k)) != 0)
            k++;
        bits |= 1u << k;
        if (k == count)
            st = fm_fail(err, FM_E_USAGE,
                         "option '--%s' does not know '%s': see 'fathom help world'", option,
                         words[i]);
    }
    if (st == FM_OK && text)
        *out = bits;
    fm_arena_release(&arena);
    return st;
}

/* The same of one word; *out: its number. */
static fm_status read_word(const cli_args *args, const char *option, const char *(*name)(int),
                           int count, unsigned *out, fm_err *err)
{
    unsigned bits = 1u << *out;
    fm_status st = read_words(args, option, name, count, &bits, err);

    if (st != FM_OK)
        return st;
    if (bits & (bits - 1))
        return fm_fail(err, FM_E_USAGE, "option '--%s' takes one word", option);
    for (*out = 0; !(bits >> *out & 1);)
        ++*out;
    return FM_OK;
}

/* ---- the command ---- */

static fm_status read_settings(const cli_args *args, fm_world_settings *s, fm_err *err)
{
    uint64_t per_family = (uint64_t)s->per_family;
    unsigned split = s->split, ways = s->hard_ways;
    fm_status st = cli_number(args, "seed", 0, UINT64_MAX, &s->seed, err);

    if (st == FM_OK && cli_value(args, "size"))
        st = read_size(args, &s->width, &s->height, err);
    if (st == FM_OK)
        st = read_word(args, "split", split_name, FM_WORLD_SPLITS, &split, err);
    if (st == FM_OK)
        st = read_words(args, "place", place_name, FM_WORLD_PLACES, &s->places, err);
    if (st == FM_OK)
        st = read_words(args, "family", family_name, FM_WORLD_FAMILIES, &s->families, err);
    if (st == FM_OK)
        st = read_word(args, "ways", ways_name, 2, &ways, err);
    if (st == FM_OK)
        st = cli_number(args, "questions", 1, FM_WORLD_QUESTIONS_MAX / FM_WORLD_FAMILIES,
                        &per_family, err);
    if (st == FM_OK)
        st = read_things(args, s, err);
    s->split = (fm_world_split)split;
    s->hard_ways = ways;
    s->per_family = (int)per_family;
    s->noise = !cli_has(args, "exact");
    return st;
}

static fm_status world_run(const cli_args *args, fm_err *err)
{
    unsigned layout = FM_WORLD_BENCHMARK;
    fm_world_settings settings;
    uint64_t count, jobs = 0;
    size_t usual;
    fm_status st = read_word(args, "layout", layout_name, FM_WORLD_LAYOUTS, &layout, err);

    if (st != FM_OK)
        return st;
    settings = fm_world_layout_settings((fm_world_layout)layout, &usual);
    count = usual;
    st = read_settings(args, &settings, err);
    if (st == FM_OK)
        st = cli_number(args, "count", 1, FM_WORLD_MAX_COUNT, &count, err);
    if (st == FM_OK)
        st = cli_number(args, "jobs", 0, CLI_MAX_JOBS, &jobs, err);
    if (st == FM_OK)
        st = fm_world_scenes_write(&settings, (fm_world_layout)layout, (size_t)count, (int)jobs,
                                   cli_value(args, "out"), err);
    return st == FM_OK ? cli_print_folder(cli_value(args, "out"), err) : st;
}

static const char *const description[] = {
    "Writes scenes whose geometry is known, with questions about them and their answers "
    "(docs/world.md). A scene depends on the settings, its number and the size alone, so that a "
    "larger count adds scenes and changes none; scenes of different splits never coincide. A "
    "folder "
    "that already holds the same scenes is left as it is; any other folder must be empty or "
    "absent.",
    "The layout says what is written, and what is made unless an option says otherwise: "
    "'benchmark', the default, that of the suites tabletop and tracespatial: "
    "trajectory_dataset.json and raw_data/<id>/{image,gt_depth,mask}.png, a trace a scene; "
    "'questions', the tables that the suite tabletop-questions reads; 'training', a scene a line "
    "in "
    "scenes.jsonl with all its questions and their reasoning, of tables, rooms and yards. The "
    "first "
    "two are of the test split, and of tables.",
    NULL,
};

static const cli_option options[] = {
    {.name = "out",
     .letter = 'o',
     .argument = "DIR",
     .help = "folder to make",
     .required = true,
     .kind = CLI_FOLDER},
    {.name = "layout",
     .argument = "LAYOUT",
     .help = "benchmark (default), questions or training",
     .kind = CLI_WORDS,
     .words = "benchmark questions training"},
    {.name = "seed", .argument = "N", .help = "which scenes (default: those of the suite)"},
    {.name = "count",
     .letter = 'n',
     .argument = "N",
     .help = "how many (default: 32; of questions 100)"},
    {.name = "size",
     .argument = "WxH",
     .help = "of the pictures, pixels (default: 480x360, 320x240 or 128x128)"},
    {.name = "jobs", .letter = 'j', .argument = "N", .help = "threads (default: one a processor)"},
    {.name = "split",
     .group = "scenes",
     .argument = "SPLIT",
     .help = "train, validation or test (default: test; of training train)",
     .kind = CLI_WORDS,
     .words = "train validation test"},
    {.name = "place",
     .argument = "LIST",
     .help = "of tabletop, indoor, outdoor (default: tabletop; of training all)"},
    {.name = "things",
     .argument = "FROM-TO",
     .help = "that can be named in a scene (default: 4-8, 3-8 or 2-8)"},
    {.name = "family",
     .argument = "LIST",
     .help = "of relation, comparison, referring, placing, measuring, trace2d, trace3d, lifting "
             "(default: all that the layout has room for)"},
    {.name = "questions", .argument = "N", .help = "of each family a scene, at most (default: 1)"},
    {.name = "ways",
     .argument = "KIND",
     .help = "of traces: any, or hard: something stands in the straight way, which is not short "
             "(default: any; of benchmark hard)",
     .kind = CLI_WORDS,
     .words = "any hard"},
    {.name = "exact", .help = "depth without the sensor's noise and holes"},
    {0},
};

static const cli_example examples[] = {
    {"fathom world --seed 7 --count 500 --out scenes",
     "five hundred scenes like those of tabletop"},
    {"fathom run tabletop --data scenes --adapter straight", "run the suite on them"},
    {"fathom world --layout questions --count 200 --out held-out",
     "more questions for tabletop-questions"},
    {"fathom world --layout training --count 10000 --questions 3 --out data",
     "ten thousand pictures to train on, up to 24 questions each"},
    {0},
};

const cli_command cli_command_world = {
    .name = "world",
    .summary = "make synthetic scenes with true traces, questions and answers",
    .operands = "",
    .description = description,
    .options = options,
    .examples = examples,
    .run = world_run,
};
