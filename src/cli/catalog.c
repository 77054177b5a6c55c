/* Owns the list of what exists, and where the program's own data is. A new adapter, protocol or
 * loader is one line here. */
#include "catalog.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adapters/adapters.h"
#include "base/size.h"
#include "data.h"
#include "fathom/world.h"
#include "terminal.h"
#include "suites/common/common.h"
#include "suites/tracespatial/tracespatial.h"

static const fm_loader_ops *const loaders[] = {&fm_loader_tracespatial, &fm_loader_table, NULL};

static const fm_protocol *const protocols[] = {
    &fm_protocol_trace2d_reference,
    &fm_protocol_trace2d_paper,
    &fm_protocol_trace2d_answer,
    &fm_protocol_trace3d_reference,
    &fm_protocol_trace3d_paper,
    &fm_protocol_trace3d_answer,
    NULL,
};

static const fm_grader_ops *const graders[] = {
    &fm_grader_choice,
    &fm_grader_yesno,
    &fm_grader_quantity,
    &fm_grader_points,
    &fm_grader_path2d,
    &fm_grader_judged,
    NULL,
};

static const fm_adapter_ops *const adapters[] = {
    &fm_adapter_engine,
    &fm_adapter_replay,
    &fm_adapter_command,
    &fm_adapter_gemini,
    &fm_adapter_openai,
    &fm_adapter_anthropic,
    &fm_adapter_robotracer_http,
    &fm_adapter_oracle,
    &fm_adapter_wrong,
    &fm_adapter_jitter,
    &fm_adapter_straight,
    &fm_adapter_centre,
    NULL,
};

static const char *environment(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

/* <folder of the program>/../share/fathom/<name>: the same in a build tree and in an installation. */
fm_status cli_shared_folder(const char *name, char out[FM_PATH_BYTES], fm_err *err)
{
    char program[FM_PATH_BYTES], relative[64];
    ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);

    if (n < 0)
        return fm_fail(err, FM_E_IO, "cannot find the program's own folder: %s", strerror(errno));
    program[n] = '\0';
    for (int up = 0; up < 2; up++) {
        char *slash = strrchr(program, '/');
        if (slash)
            *slash = '\0';
    }
    snprintf(relative, sizeof(relative), "share/fathom/%s", name);
    return fm_path_join(out, program, relative, err);
}

fm_status cli_cache_folder(const char *name, char out[FM_PATH_BYTES], fm_err *err)
{
    const char *own = environment("FATHOM_CACHE"), *shared = environment("XDG_CACHE_HOME");
    const char *home = environment("HOME");
    char relative[64];

    if (own)
        return fm_path_join(out, own, name, err);
    /* The XDG specification has relative paths ignored. */
    if (shared && shared[0] == '/') {
        snprintf(relative, sizeof(relative), "fathom/%s", name);
        return fm_path_join(out, shared, relative, err);
    }
    if (home) {
        snprintf(relative, sizeof(relative), ".cache/fathom/%s", name);
        return fm_path_join(out, home, relative, err);
    }
    return fm_fail(err, FM_E_USAGE, "no folder for what is kept: set FATHOM_CACHE or HOME");
}

/* What a suite.yaml may name as its generator. */
static const struct {
    const char *name;
    fm_world_layout layout;
} generators[] = {
    {"world", FM_WORLD_BENCHMARK},
    {"world-questions", FM_WORLD_QUESTIONS},
};

static fm_status make_scenes(fm_world_layout layout, const char *dir, fm_err *err)
{
    size_t count;
    const fm_world_settings settings = fm_world_layout_settings(layout, &count);

    return fm_world_scenes_write(&settings, layout, count, 0, dir, err);
}

/* fm_catalog.generate: a folder for each version of a suite and of the generator, made at first use. */
static fm_status generate(const char *generator, const fm_suite *suite, char *dir, size_t dir_bytes,
                          fm_err *err)
{
    char cache[FM_PATH_BYTES], name[256], path[FM_PATH_BYTES];
    size_t i = 0;
    fm_status st;

    while (i < FM_COUNT_OF(generators) && strcmp(generator, generators[i].name) != 0)
        i++;
    if (i == FM_COUNT_OF(generators))
        return fm_fail(err, FM_E_INPUT, "suite '%s' names the unknown generator '%s'", suite->name,
                       generator);
    snprintf(name, sizeof(name), "%s-v%s.%d", suite->name, suite->version, FM_WORLD_VERSION);
    st = cli_cache_folder("data", cache, err);
    if (st == FM_OK)
        st = fm_path_join_inside(path, cache, name, err);
    if (st == FM_OK)
        st = fm_dir_make(cache, err);
    if (st == FM_E_IO)
        st = fm_fail_within(err, st, "generated data has no place; set FATHOM_CACHE to a folder");
    if (st == FM_OK && !fm_dir_exists(path)) {
        char text[FM_PATH_BYTES + 64];

        snprintf(text, sizeof(text), "making the scenes of '%s' once, in %s", suite->name, path);
        cli_notice(NULL, text);
    }
    if (st == FM_OK)
        st = make_scenes(generators[i].layout, path, err);
    if (st == FM_OK && (size_t)snprintf(dir, dir_bytes, "%s", path) >= dir_bytes)
        st = fm_fail(err, FM_E_INPUT, "path too long: '%.200s'", path);
    return st;
}

void cli_kill_programs(void)
{
    fm_adapter_command_kill();
}

fm_status cli_catalog(fm_catalog *out, fm_err *err)
{
    static char found[FM_PATH_BYTES], pictures[FM_PATH_BYTES];
    const char *suites = environment("FATHOM_SUITES");

    if (!suites) {
        fm_status st = cli_shared_folder("suites", found, err);
        if (st != FM_OK)
            return st;
        suites = found;
    }
    *out = (fm_catalog){
        .loaders = loaders,
        .protocols = protocols,
        .graders = graders,
        .adapters = adapters,
        .suites_dir = suites,
        /* Without a place for them, a command that needs pictures says so. */
        .pictures_dir = cli_cache_folder("pictures", pictures, NULL) == FM_OK ? pictures : NULL,
        .generate = generate,
        .locate = cli_locate_data,
    };
    return FM_OK;
}
