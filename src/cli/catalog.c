/* Owns the list of what exists, and where the program's own data is. A new adapter, protocol or
 * loader is one line here. */
#include "catalog.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adapters.h"
#include "base/files.h"
#include "tracespatial/tracespatial.h"

static const fm_loader_ops *const loaders[] = {&fm_loader_tracespatial, NULL};

static const fm_protocol *const protocols[] = {
    &fm_protocol_trace2d_reference,
    &fm_protocol_trace2d_paper,
    &fm_protocol_trace3d_reference,
    &fm_protocol_trace3d_paper,
    NULL,
};

static const fm_adapter_ops *const adapters[] = {
    &fm_adapter_replay,
    &fm_adapter_command,
    &fm_adapter_oracle,
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

/* <folder of the program>/../share/fathom/suites: the same in a build tree and in an installation. */
static fm_status suites_beside_program(char out[FM_PATH_BYTES], fm_err *err)
{
    char program[FM_PATH_BYTES];
    ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);

    if (n < 0)
        return fm_fail(err, FM_E_IO, "cannot find the program's own folder: %s", strerror(errno));
    program[n] = '\0';
    for (int up = 0; up < 2; up++) {
        char *slash = strrchr(program, '/');
        if (slash)
            *slash = '\0';
    }
    return fm_path_join(out, program, "share/fathom/suites", err);
}

/* fm_catalog.generate. */
static fm_status generate(const char *generator, const fm_suite *suite, char *dir, size_t dir_bytes,
                          fm_err *err)
{
    (void)dir;
    (void)dir_bytes;
    return fm_fail(err, FM_E_INPUT, "suite '%s' names the unknown generator '%s'", suite->name,
                   generator);
}

fm_status cli_catalog(fm_catalog *out, fm_err *err)
{
    static char found[FM_PATH_BYTES];
    const char *suites = environment("FATHOM_SUITES");

    if (!suites) {
        fm_status st = suites_beside_program(found, err);
        if (st != FM_OK)
            return st;
        suites = found;
    }
    *out = (fm_catalog){
        .loaders = loaders,
        .protocols = protocols,
        .adapters = adapters,
        .suites_dir = suites,
        .generate = generate,
    };
    return FM_OK;
}
