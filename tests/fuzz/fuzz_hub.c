/* Any bytes as what a hub says (its first byte: which reply) or as a suite's mapping: refused with one
 * line, or names that stay inside their folder and hashes that are hashes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "hub/listing.h"
#include "hub/sources.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool every(const void *context, const char *path)
{
    (void)context, (void)path;
    return true;
}

static void check_message(const fm_err *err)
{
    if (err->code != FM_E_INPUT || !err->text[0] || strchr(err->text, '\n'))
        abort();
}

static void try_listing(const char *text, size_t size, fm_arena *arena)
{
    fm_hub_listing listing = {0};
    fm_err err = {0};

    if (fm_hub_listing_add(&listing, text, size, "fuzz", every, NULL, arena, &err) != FM_OK)
        check_message(&err);
    for (size_t i = 0; i < listing.n; i++)
        if (!fm_path_stays_inside(listing.items[i].path) ||
            !fm_hub_is_hash(listing.items[i].hash) || listing.items[i].size > UINT64_C(1) << 50)
            abort();
}

static void try_info(const char *text, size_t size, fm_arena *arena)
{
    fm_hub_info info = {0};
    fm_err err = {0};

    if (fm_hub_info_read(&info, text, size, "fuzz", arena, &err) != FM_OK)
        check_message(&err);
    else if (!fm_hub_is_commit(info.commit))
        abort();
}

static void try_mapping(const char *text, fm_arena *arena)
{
    fm_hub_sources sources;
    fm_err err = {0};

    if (fm_hub_sources_read(&sources, text, "fuzz", arena, &err) != FM_OK) {
        check_message(&err);
        return;
    }
    for (size_t i = 0; i < sources.n; i++) {
        const fm_hub_source *s = &sources.items[i];

        if (!s->repository == !s->url || (s->folder && !fm_path_stays_inside(s->folder)) ||
            (s->repository && (s->n_files == 0 || strstr(s->repository, ".."))) ||
            (s->url && (!fm_path_stays_inside(s->name) || !fm_hub_is_hash(s->sha256))))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fm_arena arena = {.cap_bytes = (size_t)64 << 20};

    if (size == 0)
        return 0;
    char *text = fm_arena_memdup(&arena, data + 1, size - 1);
    if (!text)
        return 0;
    if (data[0] == 'l')
        try_listing(text, size - 1, &arena);
    else if (data[0] == 'i')
        try_info(text, size - 1, &arena);
    else if (data[0] == 'n')
        (void)fm_hub_next_page(text, &arena);
    else
        try_mapping(text, &arena);
    fm_arena_release(&arena);
    return 0;
}
