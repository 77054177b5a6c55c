/* base/text, base/hash, base/rng, base/clock and status: facts that others publish, and hostile
 * text. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/rng.h"
#include "base/size.h"
#include "base/text.h"
#include "support/scratch.h"

Test(utf8, valid_sequences_have_their_length)
{
    cr_expect(fm_utf8_sequence("a", 1) == 1);
    cr_expect(fm_utf8_sequence("\0", 1) == 1);
    cr_expect(fm_utf8_sequence("\xC2\x80", 2) == 2);
    cr_expect(fm_utf8_sequence("\xE0\xA0\x80", 3) == 3);
    cr_expect(fm_utf8_sequence("\xEF\xBF\xBF", 3) == 3);
    cr_expect(fm_utf8_sequence("\xF0\x90\x80\x80", 4) == 4);
    cr_expect(fm_utf8_sequence("\xF4\x8F\xBF\xBF", 4) == 4);
}

Test(utf8, overlong_surrogate_high_and_cut_sequences_are_invalid)
{
    static const char *const bad[] = {
        "\x80",         "\xC0\x80",         "\xC1\xBF",         "\xE0\x9F\xBF", "\xED\xA0\x80",
        "\xED\xBF\xBF", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80", "\xFF",
        "\xC3",         "\xE2\x82",         "\xF0\x9F\x98",     "\xC3(",        "\xE2(\xA1",
    };

    for (size_t i = 0; i < FM_COUNT_OF(bad); i++) {
        cr_expect(fm_utf8_sequence(bad[i], strlen(bad[i])) == 0, "row %zu", i);
        cr_expect(not(fm_utf8_valid(bad[i], strlen(bad[i]))), "row %zu", i);
    }
    cr_expect(fm_utf8_sequence("", 0) == 0);
    cr_expect(fm_utf8_valid("", 0));
}

static void expect_escaped(void (*escape)(fm_buf *, const char *, size_t), const char *text,
                           const char *expected)
{
    fm_buf out = {0};

    escape(&out, text, strlen(text));
    cr_expect(strcmp(fm_buf_text(&out), expected) == 0, "gave '%s', not '%s'", fm_buf_text(&out),
              expected);
    fm_buf_release(&out);
}

Test(escape, json_in_a_script_element_cannot_leave_it)
{
    expect_escaped(fm_text_for_script, "{\"a\": \"</script><!--<script>\"}",
                   "{\"a\": \"\\u003c/script>\\u003c!--\\u003cscript>\"}");
    expect_escaped(fm_text_for_script, "\"\xE2\x80\xA8 \xE2\x80\xAE \x7F \xC3\xA9\"\n",
                   "\"\\u2028 \\u202e \\u007f \xC3\xA9\"\n");
    expect_escaped(fm_text_for_script, "", "");
}

Test(escape, terminal_text_cannot_act)
{
    expect_escaped(fm_text_for_terminal, "plain \xC3\xA9", "plain \xC3\xA9");
    expect_escaped(fm_text_for_terminal, "\x1b[31mred", "\\u001b[31mred");
    expect_escaped(fm_text_for_terminal, "a\nb\tc\rd", "a b c d");
    expect_escaped(fm_text_for_terminal,
                   "\xC2\x9B"
                   "31m",
                   "\\u009b31m");
    expect_escaped(fm_text_for_terminal, "\xE2\x80\xAEgnp", "\\u202egnp");
    expect_escaped(fm_text_for_shell, "runs/a-b_1.2", "runs/a-b_1.2");
    expect_escaped(fm_text_for_shell, "my runs/$(x)", "'my runs/$(x)'");
    expect_escaped(fm_text_for_shell, "it's", "'it'\\''s'");
    expect_escaped(fm_text_for_shell, "a\x1b[31m", "'a\\u001b[31m'");
    expect_escaped(fm_text_for_shell, "", "''");
    expect_escaped(fm_text_for_terminal, "\xFF\xC3", "\\xff\\xc3");
    expect_escaped(fm_text_for_terminal, "\x7F\b", "\\u007f\\u0008");
}

Test(escape, html_text_cannot_act)
{
    expect_escaped(fm_text_for_html, "<script>alert('&\")</script>",
                   "&lt;script&gt;alert(&#39;&amp;&quot;)&lt;/script&gt;");
    expect_escaped(fm_text_for_html, "a\n\tb\x01\xFF", "a\n\tb\xEF\xBF\xBD\xEF\xBF\xBD");
    expect_escaped(fm_text_for_html, "\xE2\x80\xAE", "\xEF\xBF\xBD");
}

Test(escape, columns_count_wide_and_combining_characters)
{
    cr_expect(fm_text_columns("abc") == 3);
    cr_expect(fm_text_columns("\xE6\x97\xA5\xE6\x9C\xAC") == 4);
    cr_expect(fm_text_columns("e\xCC\x81") == 1);
    cr_expect(fm_text_columns("\xFF\xFF") == 2);
    cr_expect(fm_text_columns("") == 0);
}

Test(nearest, distance_counts_edits_and_swaps)
{
    char longer[200];

    cr_expect(fm_text_distance("", "") == 0);
    cr_expect(fm_text_distance("abc", "") == 3);
    cr_expect(fm_text_distance("", "abc") == 3);
    cr_expect(fm_text_distance("kitten", "sitting") == 3);
    cr_expect(fm_text_distance("oralce", "oracle") == 1);
    cr_expect(fm_text_distance("ab", "ba") == 1);
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    cr_expect(fm_text_distance(longer, longer) == 0, "long names are cut, not overrun");
    cr_expect(fm_text_distance(longer, "") == 63);
}

Test(nearest, suggests_slips_and_beginnings_and_nothing_far)
{
    static const char *const names[] = {"mme", "tracespatial", "oracle", "jitter"};

    cr_expect(eq(str, (char *)fm_text_nearest("orcle", names, 4), "oracle"));
    cr_expect(eq(str, (char *)fm_text_nearest("Jitter", names, 4), "jitter"));
    cr_expect(eq(str, (char *)fm_text_nearest("tra", names, 4), "tracespatial"));
    cr_expect(eq(str, (char *)fm_text_nearest("tracespa", names, 4), "tracespatial"));
    cr_expect(fm_text_nearest("zzzzzzz", names, 4) == NULL);
    cr_expect(fm_text_nearest("x", names, 4) == NULL);
    cr_expect(fm_text_nearest("", names, 4) == NULL);
    cr_expect(fm_text_nearest("oracle", names, 0) == NULL);
}

Test(base64, agrees_with_rfc_4648)
{
    static const char *const rows[][2] = {{"", ""},
                                          {"f", "Zg=="},
                                          {"fo", "Zm8="},
                                          {"foo", "Zm9v"},
                                          {"foob", "Zm9vYg=="},
                                          {"fooba", "Zm9vYmE="},
                                          {"foobar", "Zm9vYmFy"}};

    for (size_t i = 0; i < FM_COUNT_OF(rows); i++) {
        fm_buf coded = {0}, decoded = {0};

        fm_base64_encode(&coded, rows[i][0], strlen(rows[i][0]));
        cr_expect(eq(str, (char *)fm_buf_text(&coded), (char *)rows[i][1]));
        cr_expect(fm_base64_decode(&decoded, rows[i][1], strlen(rows[i][1])));
        cr_expect(eq(str, (char *)fm_buf_text(&decoded), (char *)rows[i][0]));
        fm_buf_release(&coded);
        fm_buf_release(&decoded);
    }
}

/* What is large is encoded in another way: every end of it, against the same bytes bit by bit. */
Test(base64, large_input_is_encoded_like_small_input)
{
    fm_buf whole = {0}, pieces = {0}, bytes = {0};
    fm_rng rng;

    fm_rng_seed(&rng, 3);
    for (size_t i = 0; i < 40000; i++)
        fm_buf_putc(&bytes, (char)fm_rng_next(&rng));
    for (size_t size = 16380; size < 16400; size++) {
        fm_buf_clear(&whole);
        fm_buf_clear(&pieces);
        fm_base64_encode(&whole, bytes.data + size, size);
        for (size_t at = 0; at < size; at += 3)
            fm_base64_encode(&pieces, bytes.data + size + at, size - at < 3 ? size - at : 3);
        cr_assert(eq(str, (char *)fm_buf_text(&whole), (char *)fm_buf_text(&pieces)), "%zu", size);
    }
    fm_buf_release(&whole);
    fm_buf_release(&pieces);
    fm_buf_release(&bytes);
}

Test(base64, other_text_is_refused)
{
    static const char *const bad[] = {
        "Z",     "Zg",   "Zg=",      "====", "Z===", "Zg==Zg==", "Zm9\n", "Zm-v",
        "Zm9v ", "=Zg=", "Zm9v====", "Z=9v", "Zm=v", "Zh==",     "Zm9="};

    for (size_t i = 0; i < FM_COUNT_OF(bad); i++) {
        fm_buf out = {0};

        cr_expect(not(fm_base64_decode(&out, bad[i], strlen(bad[i]))), "accepted '%s'", bad[i]);
        fm_buf_release(&out);
    }
}

Test(number, is_the_whole_text_and_finite)
{
    static const char *const bad[] = {"",      " 1",  "1 ", "0x10", "nan", "inf", "1e999", "-1e999",
                                      "1.2.3", "--1", "e5", "+",    ".",   "1e",  "1,5",   "+-1"};
    double value = 7;

    for (size_t i = 0; i < FM_COUNT_OF(bad); i++)
        cr_expect(not(fm_text_to_double(bad[i], &value)), "accepted '%s'", bad[i]);
    cr_expect(value == 7);
    cr_expect(fm_text_to_double("-1.5e3", &value) && value == -1500);
    cr_expect(fm_text_to_double("1e-400", &value) && value == 0);
}

Test(number, integers_stay_in_range)
{
    uint64_t u = 7;

    cr_expect(not(fm_text_to_uint64("1.0", &u)));
    cr_expect(not(fm_text_to_uint64("+1", &u)));
    cr_expect(not(fm_text_to_uint64("1-2", &u)));
    cr_expect(fm_text_to_uint64("18446744073709551615", &u) && u == UINT64_MAX);
    cr_expect(not(fm_text_to_uint64("18446744073709551616", &u)));
    cr_expect(not(fm_text_to_uint64("-1", &u)));
    cr_expect(not(fm_text_to_uint64("", &u)));
}

TestSuite(hash, .init = scratch_make, .fini = scratch_remove);

Test(hash, agrees_with_fips_180_4)
{
    char out[FM_HASH_TEXT_BYTES];

    fm_hash_bytes("abc", 3, out);
    cr_expect(eq(str, out, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
    fm_hash_bytes("", 0, out);
    cr_expect(eq(str, out, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
}

Test(hash, names_a_file_as_git_does) /* printf hello\\n | git hash-object --stdin */
{
    char out[FM_HASH_TEXT_BYTES];
    fm_hash *hash = fm_hash_new_git(6);

    fm_hash_update(hash, "hel", 3);
    fm_hash_update(hash, "lo\n", 3);
    fm_hash_finish(hash, out);
    cr_expect(eq(str, out, "ce013625030ba8dba906f756967f9e9ca394464a"));
    fm_hash_finish(fm_hash_new_git(0), out);
    cr_expect(eq(str, out, "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"));
}

Test(hash, of_a_file_or_in_parts_is_that_of_the_bytes)
{
    static char bytes[100000];
    char whole[FM_HASH_TEXT_BYTES], parts[FM_HASH_TEXT_BYTES], file[FM_HASH_TEXT_BYTES];
    fm_hash *hash = fm_hash_new();

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(i * 31 % 251);
    fm_hash_bytes(bytes, sizeof(bytes), whole);
    for (size_t at = 0, n; at < sizeof(bytes); at += n) {
        n = at % 977 + 1;
        if (n > sizeof(bytes) - at)
            n = sizeof(bytes) - at;
        fm_hash_update(hash, bytes + at, n);
    }
    fm_hash_finish(hash, parts);
    cr_expect(eq(str, parts, whole));
    cr_expect(fm_hash_file(scratch_write("f", bytes, sizeof(bytes)), file, NULL) == FM_OK);
    cr_expect(eq(str, file, whole));
}

Test(hash, of_what_cannot_be_read_is_an_error_that_names_it)
{
    char out[FM_HASH_TEXT_BYTES];
    fm_err err = {0};

    cr_expect(fm_hash_file(scratch_path("none"), out, &err) == FM_E_IO);
    cr_expect(strstr(err.text, "/none': No such file or directory") != NULL);
    cr_expect(fm_hash_file(scratch_dir, out, &err) == FM_E_IO);
    cr_expect(strstr(err.text, "Is a directory") != NULL, "%s", err.text);
}

/* The first outputs for the state {1, 2, 3, 4}, as the reference implementation gives them. */
Test(rng, is_xoshiro256_star_star)
{
    fm_rng rng = {{1, 2, 3, 4}};
    static const uint64_t expected[] = {11520, 0, 1509978240, 1215971899390074240};

    for (size_t i = 0; i < FM_COUNT_OF(expected); i++)
        cr_expect(fm_rng_next(&rng) == expected[i]);
}

/* splitmix64 of 1234567, as published with the algorithm. */
Test(rng, is_seeded_by_splitmix64)
{
    fm_rng rng;

    fm_rng_seed(&rng, 1234567);
    cr_expect(rng.s[0] == UINT64_C(6457827717110365317));
    cr_expect(rng.s[1] == UINT64_C(3203168211198807973));
    cr_expect(rng.s[2] == UINT64_C(9817491932198370423));
    cr_expect(rng.s[3] == UINT64_C(4593380528125082431));
}

Test(rng, draws_stay_in_range_and_are_spread)
{
    fm_rng rng;
    int count[7] = {0};
    double sum = 0, squares = 0;

    fm_rng_seed(&rng, 3);
    for (int i = 0; i < 70000; i++) {
        uint64_t k = fm_rng_below(&rng, 7);
        double unit = fm_rng_unit(&rng), range = fm_rng_range(&rng, -2, 5),
               normal = fm_rng_normal(&rng);

        cr_assert(k < 7 && unit >= 0 && unit < 1 && range >= -2 && range < 5 && fabs(normal) <= 6);
        count[k]++;
        sum += normal;
        squares += normal * normal;
    }
    /* five standard deviations */
    for (int i = 0; i < 7; i++)
        cr_expect(abs(count[i] - 10000) < 463, "%d of them are %d", count[i], i);
    cr_expect(fabs(sum / 70000) < 0.019);
    cr_expect(fabs(squares / 70000 - 1) < 0.027);
    cr_expect(fm_rng_below(&rng, 1) == 0);
    cr_expect(fm_rng_below(&rng, UINT64_MAX) < UINT64_MAX);
}

Test(clock, source_date_epoch_is_what_is_written)
{
    char out[FM_CLOCK_TEXT_BYTES];

    setenv("SOURCE_DATE_EPOCH", "1795359600", 1);
    fm_clock_utc(out);
    cr_expect(eq(str, out, "2026-11-22T15:00:00Z"), "%s", out);
    cr_expect(fm_clock_seconds() <= fm_clock_seconds());
}

Test(status, each_has_a_name_of_its_own_and_a_meaning)
{
    for (int i = 0; i < FM_STATUS_COUNT; i++) {
        cr_expect(strlen(fm_status_meaning(i)) > 0);
        for (int k = 0; k < i; k++)
            cr_expect(strcmp(fm_status_name(i), fm_status_name(k)) != 0);
    }
    cr_expect(eq(str, (char *)fm_status_name(-1), "unknown"));
    cr_expect(eq(str, (char *)fm_status_name(FM_STATUS_COUNT), "unknown"));
    cr_expect(fm_status_exit_code(1000) == 1 && fm_status_exit_code(FM_OK) == 0);
    cr_expect(eq(str, (char *)fm_status_meaning(-1), ""));
}

Test(status, message_is_cut_between_characters)
{
    char text[FM_ERR_TEXT_BYTES * 2];

    /* Every position of the cut within the three bytes of a character. */
    for (size_t start = 0; start < 6; start++) {
        fm_err err = {0};
        size_t n = start;

        memset(text, 'x', start);
        for (; n + 4 < sizeof(text); n += 3)
            memcpy(text + n, "\xE2\x82\xAC", 3);
        text[n] = '\0';
        cr_expect(fm_fail(&err, FM_E_IO, "%s", text) == FM_E_IO);
        cr_expect(fm_utf8_valid(err.text, strlen(err.text)));
        cr_expect(strlen(err.text) >= FM_ERR_TEXT_BYTES - 4);
        cr_expect(fm_fail_within(&err, FM_E_IO, "%s", text) == FM_E_IO);
        cr_expect(fm_utf8_valid(err.text, strlen(err.text)));
    }
}

Test(status, message_is_one_line_whatever_it_quotes)
{
    fm_err err = {0};

    cr_assert(fm_fail(&err, FM_E_INPUT, "no '%s'", "a\r\nb") == FM_E_INPUT);
    cr_assert(eq(str, err.text, "no 'a  b'"));
}

Test(status, context_goes_before_the_message)
{
    fm_err err = {0};

    cr_expect(fm_fail(&err, FM_E_INPUT, "no '%s'", "x") == FM_E_INPUT);
    cr_expect(fm_fail_within(&err, FM_E_INPUT, "line %d", 3) == FM_E_INPUT);
    cr_expect(eq(str, err.text, "line 3: no 'x'"));
    cr_expect(fm_fail(NULL, FM_E_IO, "nobody listens") == FM_E_IO);
    cr_expect(fm_fail_within(NULL, FM_E_LOCKED, "nobody") == FM_E_LOCKED);
}

Test(text, what_data_says_cannot_leave_its_place_in_markdown_csv_or_latex)
{
    static const struct {
        void (*escape)(fm_buf *out, const char *text, size_t size);
        const char *text, *wanted;
    } table[] = {
        {fm_text_for_markdown, "a|b <i>@you `rm` [x](y)\n\033[1m",
         "a\\|b &lt;i&gt;&#64;you \\`rm\\` \\[x\\]\\(y\\) \\\\u001b\\[1m"},
        {fm_text_for_csv, "plain words", "plain words"},
        {fm_text_for_csv, "=1+1", "'=1+1"},
        {fm_text_for_csv, "@SUM(A1,\"x\")", "\"'@SUM(A1,\"\"x\"\")\""},
        {fm_text_for_csv, "-2+3", "'-2+3"},
        {fm_text_for_csv, " =1", "\" =1\""},
        {fm_text_for_csv, "two\r\nlines", "two  lines"},
        {fm_text_for_latex, "50 % of a_b & \\input{x} $1$ #2 ~^-",
         "50 \\% of a\\_b \\& \\textbackslash{}input\\{x\\} \\$1\\$ \\#2 "
         "\\textasciitilde{}\\textasciicircum{}-"},
        {fm_text_for_latex, "", ""},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        fm_buf out = {0};

        table[i].escape(&out, table[i].text, strlen(table[i].text));
        cr_expect(eq(str, (char *)fm_buf_text(&out), (char *)table[i].wanted));
        fm_buf_release(&out);
    }
}
