/* Safetensors: what is read, shards, and files that are not what they say. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/weights.h"
#include "support/safetensors.h"
#include "support/scratch.h"

TestSuite(weights, .init = scratch_make, .fini = scratch_remove);

/* A file of this header and that many bytes of data. */
static void write_file(const char *name, const char *header, const void *data, size_t size)
{
    fm_buf file = {0};
    uint64_t length = strlen(header);

    fm_buf_append(&file, &length, sizeof(length));
    fm_buf_puts(&file, header);
    fm_buf_append(&file, data, size);
    scratch_write(name, file.data, file.size);
    fm_buf_release(&file);
}

Test(weights, every_kind_is_read)
{
    static const uint16_t halves[] = {0x3c00, 0xc000, 0x0001}, brains[] = {0x3f80, 0xc000, 0x7f00};
    static const float floats[] = {1.5F, -2.25F, 1e-30F};
    rt_weights *w = NULL;
    uint8_t data[24];
    float got[3];

    memcpy(data, floats, 12);
    memcpy(data + 12, halves, 6);
    memcpy(data + 18, brains, 6);
    write_file("model.safetensors",
               "{\"__metadata__\":{\"format\":\"pt\"},"
               "\"f\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,12]},"
               "\"h\":{\"dtype\":\"F16\",\"shape\":[1,3],\"data_offsets\":[12,18]},"
               "\"b\":{\"dtype\":\"BF16\",\"shape\":[3,1],\"data_offsets\":[18,24]}}",
               data, sizeof(data));
    cr_assert(eq(int, rt_weights_open(&w, scratch_dir, NULL), FM_OK));
    cr_expect(eq(sz, rt_weights_count(w), 3));
    cr_assert(eq(int, rt_tensor_read(rt_weights_find(w, "f"), "f", got, NULL), FM_OK));
    cr_expect(eq(int, memcmp(got, floats, 12), 0));
    cr_assert(eq(int, rt_tensor_read(rt_weights_find(w, "h"), "h", got, NULL), FM_OK));
    cr_expect(got[0] == 1 && got[1] == -2 && got[2] == 0x1p-24F);
    cr_assert(eq(int, rt_tensor_read(rt_weights_find(w, "b"), "b", got, NULL), FM_OK));
    cr_expect(got[0] == 1 && got[1] == -2 && got[2] == 0x1p127F);
    rt_tensor_get(rt_weights_find(w, "b"), 1, 1, got);
    cr_expect(eq(flt, got[0], -2));
    cr_expect(eq(ptr, (void *)rt_weights_find(w, "x"), NULL));
    rt_weights_close(w);
}

Test(weights, a_shape_that_is_needed_is_named)
{
    static const float data[6] = {0};
    const given_tensor given[] = {{"a.weight", {2, 3}, 2, data}};
    const rt_tensor *tensor;
    rt_weights *w = NULL;
    fm_err err = {0};

    write_safetensors(scratch_path("model.safetensors"), given, 1);
    cr_assert(eq(int, rt_weights_open(&w, scratch_dir, NULL), FM_OK));
    cr_expect(
        eq(int, rt_weights_need(w, (size_t[]){2, 3}, 2, &tensor, &err, "%s.weight", "a"), FM_OK));
    cr_expect(
        eq(int, rt_weights_need(w, (size_t[]){3, 2}, 2, &tensor, &err, "a.weight"), FM_E_INPUT));
    cr_expect(strstr(err.text, "'a.weight' has shape [2, 3], [3, 2] is needed") != NULL, "%s",
              err.text);
    cr_expect(eq(int, rt_weights_need(w, (size_t[]){6}, 1, &tensor, &err, "b"), FM_E_INPUT));
    cr_expect(strstr(err.text, "has no 'b'") != NULL, "%s", err.text);
    rt_weights_close(w);
}

Test(weights, shards_are_one)
{
    static const float one[2] = {1, 2}, two[1] = {3};
    static const char index[] =
        "{\"weight_map\":{\"a\":\"x-1.safetensors\",\"b\":\"x-2.safetensors\"}}";
    float got[2];
    rt_weights *w = NULL;

    write_safetensors(scratch_path("x-1.safetensors"), &(given_tensor){"a", {2}, 1, one}, 1);
    write_safetensors(scratch_path("x-2.safetensors"), &(given_tensor){"b", {1}, 1, two}, 1);
    scratch_write("model.safetensors.index.json", index, strlen(index));
    cr_assert(eq(int, rt_weights_open(&w, scratch_dir, NULL), FM_OK));
    cr_assert(eq(int, rt_tensor_read(rt_weights_find(w, "b"), "b", got, NULL), FM_OK));
    cr_expect(eq(flt, got[0], 3));
    rt_weights_close(w);
}

Test(weights, what_is_wrong_is_said_in_one_line)
{
    static const struct {
        const char *header, *says;
    } rows[] = {
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,9]}}", "outside of the file"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", "outside of the file"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,8]}}",
         "does not go with its 8 bytes"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296,4294967296],\"data_offsets\":["
         "0,0]}}",
         "does not go with its 0 bytes"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,4]}}", "is malformed"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", "is malformed"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}",
         "is malformed"},
        {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", "is malformed"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
         "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
         "overlap"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
         "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
         "is there twice"},
        {"{\"a\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[0,8]}}",
         "no tensor of floating-point"},
        {"[]", "no JSON object"},
        {"{\"a\"", "not JSON"},
    };
    static const uint8_t data[8] = {0};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        rt_weights *w = NULL;
        fm_err err = {0};

        write_file("model.safetensors", rows[i].header, data, sizeof(data));
        cr_assert(eq(int, rt_weights_open(&w, scratch_dir, &err), FM_E_INPUT), "%s",
                  rows[i].header);
        cr_expect(strstr(err.text, rows[i].says) != NULL, "'%s' does not say '%s'", err.text,
                  rows[i].says);
    }
}

Test(weights, truncated_files_and_shards_elsewhere_are_refused)
{
    static const char outside[] = "{\"weight_map\":{\"a\":\"../x.safetensors\"}}";
    rt_weights *w = NULL;
    fm_err err = {0};

    cr_expect(eq(int, rt_weights_open(&w, scratch_dir, &err), FM_E_INPUT));
    cr_expect(strstr(err.text, "neither model.safetensors nor") != NULL, "%s", err.text);
    scratch_write("model.safetensors", "\xff\xff\xff\xff\xff\xff\xff\x7f{}", 10);
    cr_expect(eq(int, rt_weights_open(&w, scratch_dir, &err), FM_E_INPUT));
    cr_expect(strstr(err.text, "truncated") != NULL, "%s", err.text);
    scratch_write("model.safetensors", "abc", 3);
    cr_expect(eq(int, rt_weights_open(&w, scratch_dir, &err), FM_E_INPUT));
    scratch_write("model.safetensors.index.json", outside, strlen(outside));
    cr_expect(eq(int, rt_weights_open(&w, scratch_dir, &err), FM_E_INPUT));
    cr_expect(strstr(err.text, "../x.safetensors") != NULL, "%s", err.text);
}

Test(weights, values_that_are_not_finite_are_refused)
{
    static const float data[] = {1, NAN};
    rt_weights *w = NULL;
    fm_err err = {0};
    float got[2];

    write_safetensors(scratch_path("model.safetensors"), &(given_tensor){"a", {2}, 1, data}, 1);
    cr_assert(eq(int, rt_weights_open(&w, scratch_dir, NULL), FM_OK));
    cr_expect(eq(int, rt_tensor_read(rt_weights_find(w, "a"), "a", got, &err), FM_E_INPUT));
    cr_expect(strstr(err.text, "'a' hold a value that is not finite") != NULL, "%s", err.text);
    rt_weights_close(w);
}

/* As a cache of the hub has it: files are links to blobs beside the snapshots; no other link leads out. */
Test(weights, links_lead_into_the_blobs_of_a_hub_cache_alone)
{
    static const float one[2] = {1, 2};
    static const char index[] = "{\"weight_map\":{\"a\":\"x-1.safetensors\"}}";
    const char *const folders[] = {"blobs", "snapshots", "snapshots/abc", "snapshots/abc/llm"};
    char folder[1024];
    rt_weights *w = NULL;
    fm_err err = {0};

    for (size_t i = 0; i < 4; i++)
        cr_assert(mkdir(scratch_path(folders[i]), 0777) == 0);
    snprintf(folder, sizeof(folder), "%s", scratch_path("snapshots/abc/llm"));
    write_safetensors(scratch_path("blobs/1"), &(given_tensor){"a", {2}, 1, one}, 1);
    write_safetensors(scratch_path("elsewhere"), &(given_tensor){"a", {2}, 1, one}, 1);

    cr_assert(symlink("../../../blobs/1", scratch_path("snapshots/abc/llm/model.safetensors")) ==
              0);
    cr_assert(rt_weights_open(&w, folder, &err) == FM_OK, "%s", err.text);
    rt_weights_close(w);
    scratch_write("snapshots/abc/llm/model.safetensors.index.json", index, strlen(index));
    cr_assert(symlink("../../../blobs/1", scratch_path("snapshots/abc/llm/x-1.safetensors")) == 0);
    cr_assert(rt_weights_open(&w, folder, &err) == FM_OK, "%s", err.text);
    rt_weights_close(w);
    cr_assert(remove(scratch_path("snapshots/abc/llm/x-1.safetensors")) == 0);
    cr_assert(symlink("../../../elsewhere", scratch_path("snapshots/abc/llm/x-1.safetensors")) ==
              0);
    cr_expect(eq(int, rt_weights_open(&w, folder, &err), FM_E_INPUT));
    cr_expect(strstr(err.text, "'x-1.safetensors' is a link that leaves") != NULL, "%s", err.text);

    cr_assert(symlink("elsewhere", scratch_path("model.safetensors")) == 0);
    cr_assert(rt_weights_open(&w, scratch_dir, &err) == FM_OK, "%s", err.text);
    rt_weights_close(w);
}
