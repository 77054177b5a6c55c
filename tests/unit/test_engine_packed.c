/* Panels: every pack of every kind, and the file that keeps them between openings. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <dirent.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "engine/linear.h"
#include "engine/packed_folder.h"
#include "engine/save.h"
#include "support/scratch.h"

TestSuite(packed, .init = scratch_make, .fini = scratch_remove);

enum { OUT = 37, IN = 64, ODD = 45 };

static float weight_of(size_t index, size_t element)
{
    return sinf((float)(element * 7 + index * 3)) * (1 + (float)(element % 5));
}

static fm_status fill(void *context, size_t index, size_t first, size_t n, float *out, fm_err *err)
{
    (void)context, (void)err;
    for (size_t i = 0; i < n; i++)
        out[i] = weight_of(index, first + i);
    return FM_OK;
}

/* "a.weight" [OUT][IN] of the kind, "b.weight" [OUT + 3][IN] of f32, "c.weight" [5][ODD] of f32. */
static rt_weights *make_weights(rt_kind kind)
{
    const rt_entry entries[] = {{"a.weight", kind, 2, {OUT, IN}},
                                {"b.weight", RT_F32, 2, {OUT + 3, IN}},
                                {"c.weight", RT_F32, 2, {5, ODD}}};
    rt_weights *w = NULL;
    fm_err err = {0};

    cr_assert(rt_weights_write(scratch_path("m"), entries, 3, RT_SHARD_BYTES, fill, NULL, &err) ==
                  FM_OK,
              "%s", err.text);
    cr_assert(rt_weights_open(&w, scratch_path("m"), &err) == FM_OK, "%s", err.text);
    return w;
}

typedef struct {
    rt_pool *pool;
    rt_packer *packer;
    rt_weights *weights;
    rt_linear both, odd; /* a and b stacked; c */
} opened;

static void load_both(opened *o)
{
    static const rt_stacked parts[] = {{"a", OUT}, {"b", OUT + 3}};
    fm_err err = {0};

    cr_assert(rt_linear_load_stack(&o->both, o->packer, o->weights, parts, 2, IN, false, &err) ==
                  FM_OK,
              "%s", err.text);
    cr_assert(rt_linear_load(&o->odd, o->packer, o->weights, "c", 5, ODD, false, &err) == FM_OK,
              "%s", err.text);
}

static opened open_packed(rt_pack pack, rt_kind kind, const char *folder)
{
    opened o = {.weights = make_weights(kind)};
    fm_err err = {0};

    cr_assert(rt_pool_new(&o.pool, 3, &err) == FM_OK);
    cr_assert(rt_packer_new(&o.packer, pack, o.pool, &err) == FM_OK);
    if (folder)
        cr_assert(rt_packer_use_file(o.packer, folder, scratch_path("m"), 1 << 20, &err) == FM_OK,
                  "%s", err.text);
    load_both(&o);
    return o;
}

static void close_packed(opened *o)
{
    rt_packer_free(o->packer);
    rt_pool_free(o->pool);
    rt_weights_close(o->weights);
}

/* The product with a vector of ones at `column` alone is that column of the matrix. */
static float element(const opened *o, const rt_linear *l, size_t row, size_t column)
{
    float x[IN] = {0}, out[2 * OUT + 3];
    const rt_compute compute = {&rt_kernels_generic, o->pool, false};
    void *scratch = malloc(rt_linear_scratch_bytes(1, l->n_in));

    x[column] = 1;
    rt_linear_apply(l, &compute, out, l->n_out, x, l->n_in, 1, scratch);
    free(scratch);
    return out[row];
}

static void expect_values(const opened *o, float tolerance)
{
    for (size_t i = 0; i < 2 * OUT + 3; i += 5)
        for (size_t j = 0; j < IN; j += 9) {
            float expected = i < OUT ? weight_of(0, i * IN + j) : weight_of(1, (i - OUT) * IN + j);

            cr_expect(fabsf(element(o, &o->both, i, j) - expected) <= tolerance, "%zu %zu", i, j);
        }
    for (size_t j = 0; j < ODD; j += 4)
        cr_expect(fabsf(element(o, &o->odd, 3, j) - weight_of(2, 3 * ODD + j)) <= tolerance);
}

Test(packed, every_pack_holds_the_matrix)
{
    /* Of values to 5: half a step of bf16 above 4, and of 127 and 8 steps, scales rounded to f16. */
    static const float tolerances[RT_PACKS] = {0, 0x1p-6F, 5.0F / 254 * 1.01F, 5.0F / 8 * 1.01F};

    for (rt_pack pack = 0; pack < RT_PACKS; pack++) {
        opened o = open_packed(pack, RT_F32, NULL);

        expect_values(&o, tolerances[pack]);
        close_packed(&o);
    }
}

/* A number that is finite makes a scale, or a bf16, that is not. */
Test(packed, what_a_pack_cannot_hold_is_refused)
{
    static const struct {
        rt_pack pack;
        float large;
        const char *says;
    } rows[] = {{RT_PACK_BF16, 0x1.ffp127F, " in bf16"},
                {RT_PACK_Q8, -65520 * 127.0F, " in q8"},
                {RT_PACK_Q4, 65520 * 8.0F, " in q4"}};
    float data[2 * IN] = {0};
    const char *const names[] = {"a.weight"};
    const rt_tensor tensor = {RT_F32, 2, {2, IN}, data, sizeof(data)};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (int over = 0; over < 2; over++) {
            opened o = {0};
            fm_err err = {0};

            data[IN + 3] = over ? rows[i].large : nextafterf(rows[i].large, 0);
            cr_assert(rt_weights_borrow(&o.weights, "w", names, &tensor, 1, &err) == FM_OK);
            cr_assert(rt_pool_new(&o.pool, 1, &err) == FM_OK);
            cr_assert(rt_packer_new(&o.packer, rows[i].pack, o.pool, &err) == FM_OK);
            fm_status st = rt_linear_load(&o.both, o.packer, o.weights, "a", 2, IN, false, &err);
            cr_expect(eq(int, st, over ? FM_E_INPUT : FM_OK), "%s", rows[i].says);
            if (over)
                cr_expect(strstr(err.text, "w: 'a'") && strstr(err.text, rows[i].says), "%s",
                          err.text);
            else
                cr_expect(isfinite(element(&o, &o.both, 1, 3)), "%s", rows[i].says);
            close_packed(&o);
        }
}

/* A tensor of blocks keeps its very bits in panels of the same kind. */
Test(packed, blocks_stay_what_they_are)
{
    static const rt_kind kinds[] = {RT_Q8_0, RT_Q4_0};
    float stored[IN];

    for (int i = 0; i < 2; i++) {
        opened o = open_packed(RT_PACKS, kinds[i], NULL);

        cr_expect(o.both.pack == (i == 0 ? RT_PACK_Q8 : RT_PACK_Q4));
        for (size_t row = 0; row < OUT; row += 6) {
            rt_tensor_get(rt_weights_find(o.weights, "a.weight"), row * IN, IN, stored);
            for (size_t j = 0; j < IN; j++)
                cr_expect(element(&o, &o.both, row, j) == stored[j], "%zu %zu", row, j);
        }
        close_packed(&o);
    }
}

/* The one file of the folder. */
static const char *packed_path(void)
{
    static char name[300];
    DIR *dir = opendir(scratch_path("cache"));
    size_t n = 0;

    for (struct dirent *entry; dir && (entry = readdir(dir));)
        if (entry->d_name[0] != '.') {
            snprintf(name, sizeof(name), "cache/%s", entry->d_name);
            n++;
        }
    closedir(dir);
    cr_assert(eq(sz, n, 1));
    return scratch_path(name);
}

static ino_t packed_inode(void)
{
    struct stat about;

    cr_assert(stat(packed_path(), &about) == 0);
    return about.st_ino;
}

/* Open, look, keep; whether the file was written anew. */
static bool written_by_opening(void)
{
    ino_t before = packed_inode();
    opened o = open_packed(RT_PACK_Q8, RT_F32, scratch_path("cache"));

    expect_values(&o, 0.02F);
    rt_packer_keep(o.packer);
    close_packed(&o);
    return packed_inode() != before;
}

/* The same time for every writing of the weights, so that only the packed file can differ. */
static void damage(const char *how)
{
    fm_buf text = {0};

    cr_assert(fm_file_read(packed_path(), 1 << 24, &text, NULL) == FM_OK);
    if (strcmp(how, "truncated") == 0)
        text.size /= 2;
    else if (strcmp(how, "header") == 0)
        text.data[9] ^= 1;
    else if (strcmp(how, "table") == 0)
        text.data[text.size - 100] ^= 1;
    else if (strcmp(how, "panels") == 0)
        memset(text.data + 4096, 0x55, 64);
    else
        text.size = 3;
    cr_assert(fm_file_write_atomic(packed_path(), text.data, text.size, NULL) == FM_OK);
    fm_buf_release(&text);
}

static void keep_once(void)
{
    opened o = open_packed(RT_PACK_Q8, RT_F32, scratch_path("cache"));

    rt_packer_keep(o.packer);
    close_packed(&o);
}

/* make_weights() writes them again each time, at another time: stale. */
Test(packed, a_file_of_other_weights_is_made_again)
{
    keep_once();
    cr_expect(written_by_opening());
}

Test(packed, what_is_kept_is_mapped_and_what_is_damaged_is_made_again)
{
    static const char *const ways[] = {"truncated", "header", "table", "panels", "stub"};
    opened o = open_packed(RT_PACK_Q8, RT_F32, scratch_path("cache"));

    rt_packer_keep(o.packer);
    size_t bytes = rt_packer_bytes(o.packer);
    rt_packer_free(o.packer); /* then the file has its name */
    o.packer = NULL;
    for (int round = 0; round < 6; round++) {
        ino_t before = packed_inode();
        rt_packer *again = NULL;
        opened other = o;

        if (round > 0) {
            damage(ways[round - 1]);
            before = packed_inode();
        }
        cr_assert(rt_packer_new(&again, RT_PACK_Q8, o.pool, NULL) == FM_OK);
        cr_assert(rt_packer_use_file(again, scratch_path("cache"), scratch_path("m"), 1 << 20,
                                     NULL) == FM_OK);
        other.packer = again;
        load_both(&other);
        expect_values(&other, 0.02F);
        rt_packer_keep(again);
        cr_expect(eq(sz, rt_packer_bytes(again), bytes));
        rt_packer_free(again);
        cr_expect(eq(int, packed_inode() != before, round > 0), "%s",
                  round > 0 ? ways[round - 1] : "whole");
    }
    close_packed(&o);
}

/* Two that open at once write a file each, and the last gives its own the name. */
Test(packed, two_at_once_are_both_right)
{
    opened first = open_packed(RT_PACK_Q8, RT_F32, scratch_path("cache"));
    opened second = open_packed(RT_PACK_Q8, RT_F32, scratch_path("cache"));

    rt_packer_keep(first.packer);
    rt_packer_keep(second.packer);
    expect_values(&first, 0.02F);
    expect_values(&second, 0.02F);
    close_packed(&second);
    close_packed(&first);
    (void)packed_path();
}

/* Until it is kept there is nothing in the folder: what is ended halfway leaves nothing. */
Test(packed, what_is_not_kept_leaves_nothing)
{
    opened o = open_packed(RT_PACK_Q8, RT_F32, scratch_path("cache"));

    expect_values(&o, 0.02F);
    close_packed(&o);
    cr_expect(eq(int, rmdir(scratch_path("cache")), 0), "it is not empty");
}

Test(packed, a_folder_that_cannot_be_written_costs_nothing_but_time)
{
    scratch_write("file", "", 0);
    opened o = open_packed(RT_PACK_Q8, RT_F32, NULL);
    fm_err err = {0};

    cr_expect(eq(int, rt_packer_use_file(o.packer, scratch_path("file"), "m", 9, &err), FM_E_IO));
    close_packed(&o);

    /* As root writes everywhere: a folder that goes away stands for one that is read-only. */
    o = (opened){.weights = make_weights(RT_F32)};
    cr_assert(rt_pool_new(&o.pool, 2, NULL) == FM_OK);
    cr_assert(rt_packer_new(&o.packer, RT_PACK_Q8, o.pool, NULL) == FM_OK);
    cr_assert(rt_packer_use_file(o.packer, scratch_path("gone"), "m", 9, &err) == FM_OK);
    cr_assert(eq(int, rmdir(scratch_path("gone")), 0));
    load_both(&o);
    expect_values(&o, 0.02F);
    rt_packer_keep(o.packer);
    close_packed(&o);
}

/* More than any disk has; and a limit that is met while it is written. */
Test(packed, a_full_disk_costs_nothing_but_time)
{
    static const uint64_t expected[] = {(uint64_t)1 << 60, 1 << 10};
    static const rlim_t limits[] = {RLIM_INFINITY, 4096 + 5000};

    signal(SIGXFSZ, SIG_IGN);
    for (int i = 0; i < 2; i++) {
        opened o = {.weights = make_weights(RT_F32)};
        struct rlimit files = {limits[i], RLIM_INFINITY};

        cr_assert(rt_pool_new(&o.pool, 2, NULL) == FM_OK);
        cr_assert(rt_packer_new(&o.packer, RT_PACK_F32, o.pool, NULL) == FM_OK);
        cr_assert(rt_packer_use_file(o.packer, scratch_path("cache"), "m", expected[i], NULL) ==
                  FM_OK);
        cr_assert(setrlimit(RLIMIT_FSIZE, &files) == 0);
        load_both(&o);
        files.rlim_cur = RLIM_INFINITY;
        cr_assert(setrlimit(RLIMIT_FSIZE, &files) == 0);
        expect_values(&o, 0);
        rt_packer_keep(o.packer);
        close_packed(&o);
        cr_expect(eq(int, rmdir(scratch_path("cache")), 0), "it is not empty");
    }
}

static bool stop_at_once(void *context, uint64_t done_bytes)
{
    *(uint64_t *)context = done_bytes;
    return false;
}

Test(packed, whoever_watches_can_end_it)
{
    opened o = open_packed(RT_PACK_Q8, RT_F32, NULL);
    uint64_t done = 0;
    fm_err err = {0};

    rt_packer_watched(o.packer, stop_at_once, &done);
    cr_expect(eq(int, rt_linear_load(&o.odd, o.packer, o.weights, "c", 5, ODD, false, &err),
                 FM_E_INTERRUPTED));
    cr_expect(gt(u64, done, 2 * OUT * IN));
    close_packed(&o);
}

Test(packed, the_folder_is_listed_and_emptied)
{
    rt_packed_about *all = NULL;
    size_t n = 9;

    cr_assert(rt_packed_list(scratch_path("none"), &all, &n, NULL) == FM_OK);
    cr_expect(eq(sz, n, 0));
    keep_once();
    scratch_write("cache/0123456789abcdef0123456789abcdef-bf16.panels", "?", 1);
    scratch_write("cache/notes.txt", "mine", 4);
    cr_assert(rt_packed_list(scratch_path("cache"), &all, &n, NULL) == FM_OK);
    cr_assert(eq(sz, n, 2));
    for (size_t i = 0; i < n; i++) {
        bool whole = strcmp(all[i].kind, "q8") == 0;

        cr_expect(eq(int, all[i].bytes > 4096, whole));
        cr_expect(eq(str, all[i].model, whole ? (char *)scratch_path("m") : (char *)""));
        cr_assert(rt_packed_remove(scratch_path("cache"), all[i].name, NULL) == FM_OK);
    }
    free(all);
    cr_expect(eq(int, unlink(scratch_path("cache/notes.txt")), 0));
    cr_expect(eq(int, rmdir(scratch_path("cache")), 0));
}

Test(packed, values_that_are_not_finite_are_refused)
{
    static const rt_kind kinds[] = {RT_F32, RT_Q8_0};
    rt_weights *w = NULL;
    rt_linear linear;
    fm_err err = {0};

    for (int i = 0; i < 2; i++) {
        opened o = open_packed(RT_PACK_Q8, kinds[i], NULL);
        fm_buf file = {0};

        /* The first number of the data, or the scale of the first block. */
        cr_assert(fm_file_read(scratch_path("m/model.safetensors"), 1 << 24, &file, NULL) == FM_OK);
        uint64_t header;
        memcpy(&header, file.data, sizeof(header));
        memcpy(file.data + 8 + header, i == 0 ? "\x00\x00\x80\x7f" : "\x00\x7c", i == 0 ? 4 : 2);
        scratch_write("bad.safetensors", file.data, file.size);
        fm_buf_release(&file);
        cr_assert(rt_weights_open(&w, scratch_path("bad.safetensors"), NULL) == FM_OK);
        cr_expect(
            eq(int, rt_linear_load(&linear, o.packer, w, "a", OUT, IN, false, &err), FM_E_INPUT));
        cr_expect(strstr(err.text, "'a' holds a value that is not") != NULL, "%s", err.text);
        rt_weights_close(w);
        close_packed(&o);
    }
}
