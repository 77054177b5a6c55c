/* Weights that are written: what weights.c reads of them again, and writes that fail. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <dirent.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/rng.h"
#include "engine/save.h"
#include "engine/weights.h"
#include "support/scratch.h"

TestSuite(save, .init = scratch_make, .fini = scratch_remove);

/* The same values each time, of any element by itself. */
static float value_of(size_t index, size_t element)
{
    fm_rng rng;

    fm_rng_seed(&rng, index << 32 | element);
    return (float)fm_rng_range(&rng, -2, 2);
}

static fm_status fill(void *context, size_t index, size_t first, size_t n, float *out, fm_err *err)
{
    (void)context, (void)err;
    for (size_t i = 0; i < n; i++)
        out[i] = value_of(index, first + i);
    return FM_OK;
}

static size_t files_there(void)
{
    DIR *dir = opendir(scratch_dir);
    size_t n = 0;

    for (struct dirent *entry; (entry = readdir(dir));)
        n += entry->d_name[0] != '.';
    closedir(dir);
    return n;
}

static void read_back(const rt_weights *w, const rt_entry *entry, size_t index, float tolerance)
{
    const rt_tensor *tensor = NULL;
    static float got[256];

    cr_assert(eq(int,
                 rt_weights_need(w, entry->shape, entry->rank, &tensor, NULL, "%s", entry->name),
                 FM_OK),
              "%s", entry->name);
    cr_assert(tensor->kind == entry->kind);
    size_t n = rt_tensor_elements(tensor);
    cr_assert(n <= 256);
    cr_assert(eq(int, rt_tensor_read(tensor, entry->name, got, NULL), FM_OK));
    for (size_t i = 0; i < n; i++)
        cr_expect(fabsf(got[i] - value_of(index, i)) <= tolerance, "%s[%zu]", entry->name, i);
}

Test(save, every_kind_is_read_again)
{
    static const rt_entry entries[] = {{"f32", RT_F32, 1, {5}},       {"bf16", RT_BF16, 2, {3, 7}},
                                       {"f16", RT_F16, 3, {2, 1, 9}}, {"q8", RT_Q8_0, 2, {3, 64}},
                                       {"q4", RT_Q4_0, 2, {2, 32}},   {"none", RT_F32, 2, {0, 4}},
                                       {"scalar", RT_F32, 0, {0}}};
    /* Half a step of the largest value: 2^-8 of 2 has 8 bits, 2^-11 has 11; 2 / 127 and 2 / 8. */
    static const float tolerances[] = {0, 0x1p-8F, 0x1p-11F, 1.05F / 127, 2.1F / 8, 0, 0};
    static const char *const metadata[][2] = {{"format", "pt"}};
    rt_weights *w = NULL;

    cr_assert(eq(int,
                 rt_safetensors_write(scratch_path("model.safetensors"), entries,
                                      sizeof(entries) / sizeof(entries[0]), metadata, 1, fill, NULL,
                                      NULL),
                 FM_OK));
    cr_expect(eq(sz, files_there(), 1));
    cr_assert(eq(int, rt_weights_open(&w, scratch_dir, NULL), FM_OK));
    for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
        read_back(w, &entries[i], i, tolerances[i]);
    rt_weights_close(w);
}

Test(save, what_is_longer_than_a_piece_is_whole)
{
    static const rt_entry entry = {"long", RT_BF16, 1, {(1 << 20) + 3}};
    const rt_tensor *tensor;
    rt_weights *w = NULL;
    float got[6];

    cr_assert(eq(int,
                 rt_safetensors_write(scratch_path("model.safetensors"), &entry, 1, NULL, 0, fill,
                                      NULL, NULL),
                 FM_OK));
    cr_assert(eq(int, rt_weights_open(&w, scratch_dir, NULL), FM_OK));
    tensor = rt_weights_find(w, "long");
    rt_tensor_get(tensor, (1 << 20) - 3, 6, got);
    for (size_t i = 0; i < 6; i++)
        cr_expect(fabsf(got[i] - value_of(0, (1 << 20) - 3 + i)) <= 0x1p-8F);
    rt_weights_close(w);
}

static fm_status refuse(void *context, size_t index, size_t first, size_t n, float *out,
                        fm_err *err)
{
    (void)context, (void)first, (void)n, (void)out;
    return fm_fail(err, FM_E_INTERRUPTED, "stopped at %zu", index);
}

Test(save, what_fails_leaves_nothing)
{
    static const rt_entry entry = {"a", RT_F32, 1, {1 << 20}}, odd = {"odd", RT_Q8_0, 2, {32, 33}},
                          huge = {"huge", RT_F32, 2, {SIZE_MAX, SIZE_MAX}};
    struct rlimit small = {1 << 20, 1 << 20};
    fm_err err = {0};
    fm_status st;

    st = rt_safetensors_write(scratch_path("a"), &entry, 1, NULL, 0, refuse, NULL, &err);
    cr_expect(st == FM_E_INTERRUPTED && strcmp(err.text, "stopped at 0") == 0);
    st = rt_safetensors_write(scratch_path("a"), &odd, 1, NULL, 0, fill, NULL, &err);
    cr_expect(st == FM_E_INPUT && strstr(err.text, "'odd' has a shape"), "%s", err.text);
    st = rt_safetensors_write(scratch_path("a"), &huge, 1, NULL, 0, fill, NULL, &err);
    cr_expect(st == FM_E_INPUT && strstr(err.text, "'huge' has a shape"), "%s", err.text);
    st = rt_safetensors_write(scratch_path("no/a"), &entry, 1, NULL, 0, fill, NULL, &err);
    cr_expect(st == FM_E_IO && strstr(err.text, "no/a"), "%s", err.text);

    /* A limit on the size of files ends a write as a full disk does. */
    signal(SIGXFSZ, SIG_IGN);
    cr_assert(setrlimit(RLIMIT_FSIZE, &small) == 0);
    st = rt_safetensors_write(scratch_path("a"), &entry, 1, NULL, 0, fill, NULL, &err);
    cr_expect(st == FM_E_IO && strstr(err.text, "cannot write"), "%s", err.text);
    cr_expect(eq(sz, files_there(), 0));
}
