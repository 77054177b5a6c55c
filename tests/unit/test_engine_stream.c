/* What of an answer is shown when: characters in pieces, stop strings in pieces, bytes that are none. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "base/size.h"
#include "engine/stream.h"
#include "support/scratch.h"
#include "support/vocabulary.h"

static rt_tokenizer *vocabulary;

static void make(void)
{
    static const given_token added[] = {{"ab", false}, {"END more", false}, {"<|im_end|>", true}};

    scratch_make();
    write_vocabulary(scratch_dir, added, FM_COUNT_OF(added));
    cr_assert(eq(int, rt_tokenizer_open(&vocabulary, scratch_dir, NULL), FM_OK));
}

static void unmake(void)
{
    rt_tokenizer_free(vocabulary);
    scratch_remove();
}

TestSuite(stream, .init = make, .fini = unmake);

/* Put every byte as its token; a bar is set wherever something new became ready. */
static const char *shown(rt_stream *s, const char *bytes)
{
    static fm_buf out;
    size_t before = s->ready;

    fm_buf_clear(&out);
    for (const char *p = bytes; *p && !s->stopped; p++) {
        cr_assert(eq(int, rt_stream_put(s, vocabulary, (unsigned char)*p, NULL), FM_OK));
        cr_assert(s->ready >= before && s->ready <= s->text.size);
        if (s->ready > before)
            fm_buf_printf(&out, "%.*s|", (int)(s->ready - before), s->text.data + before);
        before = s->ready;
    }
    rt_stream_end(s);
    fm_buf_append(&out, fm_buf_text(&s->text) + before, s->ready - before);
    return fm_buf_text(&out);
}

static void expect(const char *const *stops, size_t n, const char *bytes, const char *wanted,
                   bool stopped)
{
    rt_stream s = {.stops = stops, .n_stops = n};

    cr_expect(eq(str, (char *)shown(&s, bytes), (char *)wanted));
    cr_expect(eq(int, s.stopped, stopped), "%s", bytes);
    rt_stream_release(&s);
}

Test(stream, characters_come_whole)
{
    expect(NULL, 0, "a\xc3\xa9\xe4\xbd\xa0!", "a|\u00e9|\u4f60|!|", false);
    expect(NULL, 0, "a\xe4\xbd", "a|", false);
}

Test(stream, bytes_that_are_no_text_are_marked)
{
    expect(NULL, 0, "\xffz", "\ufffdz|", false);
    expect(NULL, 0, "\xe4\xbdz", "\ufffd\ufffdz|", false);
    expect(NULL, 0, "\xed\xa0\x80", "\ufffd\ufffd\ufffd|", false);
}

Test(stream, what_may_be_a_stop_is_held_back)
{
    static const char *const one[] = {"END"}, *const two[] = {"", "\n\n", "abab", "bc"};

    expect(one, 1, "aEEND?", "a|E|", true);
    expect(one, 1, "aENx", "a|ENx|", false);
    expect(one, 1, "aEN", "a|EN", false);
    expect(one, 1, "END", "", true);
    expect(two, 4, "x\ny\n\nz", "x|\ny|", true);
    expect(two, 4, "aababc", "a|", true);
    expect(two, 4, "abaabc", "aba|a|", true);
}

Test(stream, a_stop_inside_a_token_cuts_it)
{
    static const char *const stops[] = {"D m"};
    rt_stream s = {.stops = stops, .n_stops = 1};

    cr_assert(eq(int, rt_stream_begin(&s, "D m: ", NULL), FM_OK));
    cr_expect(eq(sz, s.ready, 5));
    cr_assert(eq(int, rt_stream_put(&s, vocabulary, 257, NULL), FM_OK));
    cr_expect(eq(str, s.text.data, "D m: EN"));
    cr_expect(eq(sz, s.ready, 7));
    cr_expect(s.stopped);
    rt_stream_release(&s);
}
