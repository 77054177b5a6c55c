/* base/json: what cJSON leaves out is put right, and what was written is read back the same. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/rng.h"
#include "base/size.h"
#include "base/text.h"

static cJSON *parse(const char *text)
{
    fm_err err = {0};
    cJSON *out = NULL;

    cr_assert(fm_json_parse(text, strlen(text), "t", &out, &err) == FM_OK, "%s", err.text);
    return out;
}

static void refuse(const char *text, size_t size)
{
    fm_err err = {0};
    cJSON *untouched = (cJSON *)&err, *out = untouched;

    cr_expect(fm_json_parse(text, size, "t", &out, &err) == FM_E_INPUT, "accepted: %.*s", (int)size,
              text);
    cr_expect(out == untouched, "output touched by: %.*s", (int)size, text);
    cr_expect(strncmp(err.text, "t: not JSON at byte ", 20) == 0, "%s", err.text);
}

/* The bytes of the string in {"k": ...}. */
static void expect_bytes(const char *text, const char *bytes, size_t size)
{
    fm_arena arena = {0};
    cJSON *tree = parse(text);
    size_t n = 99;
    char *got = fm_json_bytes(fm_json_get(tree, "k"), &arena, &n);

    cr_assert(got != NULL);
    cr_expect(n == size && memcmp(got, bytes, size) == 0, "%s gave %zu bytes", text, n);
    cr_expect(got[n] == '\0');
    fm_arena_release(&arena);
    cJSON_Delete(tree);
}

Test(json_read, a_raw_nul_is_refused_where_it_would_cut_a_string)
{
    static const char text[] = "{\"k\": \"a\0b\"}";

    refuse(text, sizeof(text) - 1);
}

Test(json_read, nul_escape_survives)
{
    expect_bytes("{\"k\": \"a\\u0000b\"}", "a\0b", 3);
    expect_bytes("{\"k\": \"\\u0000\"}", "\0", 1);
    expect_bytes("{\"k\": \"\\u0000\\u0000x\"}", "\0\0x", 3);
}

Test(json_read, escaped_backslash_before_u0000_is_text)
{
    expect_bytes("{\"k\": \"\\\\u0000\"}", "\\u0000", 6);
}

Test(json_read, lone_surrogates_become_their_three_bytes)
{
    expect_bytes("{\"k\": \"\\ud800\"}", "\xED\xA0\x80", 3);
    expect_bytes("{\"k\": \"\\uDFFFx\"}", "\xED\xBF\xBFx", 4);
    expect_bytes("{\"k\": \"\\ud800\\ud800\"}", "\xED\xA0\x80\xED\xA0\x80", 6);
    expect_bytes("{\"k\": \"\\ud800\\u0041\"}",
                 "\xED\xA0\x80"
                 "A",
                 4);
}

Test(json_read, surrogate_pairs_become_one_character)
{
    expect_bytes("{\"k\": \"\\ud83d\\ude00\"}", "\xF0\x9F\x98\x80", 4);
}

Test(json_read, python_words_outside_strings_become_null)
{
    cJSON *tree = parse("{\"a\": NaN, \"b\": [Infinity, -Infinity, -1], \"c\": \"NaN -Infinity\"}");

    cr_expect(cJSON_IsNull(fm_json_get(tree, "a")));
    cr_expect(cJSON_IsNull(cJSON_GetArrayItem(fm_json_get(tree, "b"), 1)));
    cr_expect(cJSON_GetArrayItem(fm_json_get(tree, "b"), 2)->valuedouble == -1);
    cr_expect(eq(str, (char *)fm_json_string(tree, "c"), "NaN -Infinity"));
    cJSON_Delete(tree);
}

Test(json_read, what_is_not_json_is_refused_and_the_place_is_told)
{
    static const char *const texts[] = {
        "",      " ",          "{",       "[1,",  "{\"a\":}", "nul",       "\"abc",
        "[1] x", "{\"a\":1}}", "\"\\u12", "\"\\", "[NaN",     "NaNx",      "\"\\ud800",
        "[1 2]", "{1: 2}",     "\"\\q\"", "-",    "[,]",      "Infinity1", "\"\\ud800\\u\"",
    };

    for (size_t i = 0; i < FM_COUNT_OF(texts); i++)
        refuse(texts[i], strlen(texts[i]));
}

Test(json_read, no_text_at_all_is_refused)
{
    refuse(NULL, 0);
}

Test(json_read, reads_no_byte_past_the_given_size)
{
    /* Each beginning of a text that has everything, in a block of exactly that size: the address
     * sanitizer watches the end. */
    static const char text[] =
        "{\"a\\u0000\\ud83d\\ude00\": [NaN, -Infinity, 1.5e3, true, \"\\ud8\"]}";

    for (size_t n = 1; n < sizeof(text); n++) {
        char *part = malloc(n);
        cJSON *out = NULL;

        memcpy(part, text, n);
        if (fm_json_parse(part, n, "t", &out, NULL) == FM_OK)
            cJSON_Delete(out);
        free(part);
    }
}

Test(json_read, nesting_without_end_is_refused)
{
    size_t size = 1 << 20;
    char *text = malloc(size);

    memset(text, '[', size);
    refuse(text, size);
    for (size_t i = 0; i + 5 < size; i += 5)
        memcpy(text + i, "{\"a\":", 5);
    refuse(text, size);
    free(text);
}

Test(json_read, members_of_another_type_count_as_absent)
{
    cJSON *tree =
        parse("{\"s\": \"x\", \"n\": 2, \"b\": true, \"z\": null, \"inf\": 1e999, \"N\": 3}");

    cr_expect(fm_json_string(tree, "n") == NULL);
    cr_expect(fm_json_string(tree, "none") == NULL);
    cr_expect(fm_json_string(NULL, "n") == NULL);
    cr_expect(fm_json_number(tree, "s", 7) == 7);
    cr_expect(fm_json_number(tree, "n", 7) == 2, "names are case-sensitive");
    cr_expect(fm_json_number(tree, "inf", 7) == 7);
    cr_expect(fm_json_bool(tree, "n", true));
    cr_expect(not(fm_json_bool(tree, "z", false)));
    cJSON_Delete(tree);
}

Test(json_read, vector_wants_exactly_n_finite_numbers)
{
    cJSON *tree =
        parse("[[1, 2, 3], [1, 2], [1, 2, null], [1, 2, 1e999], [1, 2, \"3\"], {\"a\": 1}]");
    double v[3] = {0};

    cr_expect(fm_json_vector(cJSON_GetArrayItem(tree, 0), v, 3) && v[2] == 3);
    cr_expect(not(fm_json_vector(cJSON_GetArrayItem(tree, 0), v, 2)));
    for (int i = 1; i < 6; i++)
        cr_expect(not(fm_json_vector(cJSON_GetArrayItem(tree, i), v, 3)), "element %d", i);
    cr_expect(not(fm_json_vector(NULL, v, 3)));
    cJSON_Delete(tree);
}

static void expect_number(double value, const char *text)
{
    char got[FM_JSON_NUMBER_BYTES];
    size_t n = fm_json_format_number(value, got);

    cr_expect(n == strlen(text) && memcmp(got, text, n) == 0, "%.17g gave %.*s, not %s", value,
              (int)n, got, text);
}

Test(json_write, numbers_keep_their_familiar_form)
{
    expect_number(0, "0");
    expect_number(-0.0, "-0");
    expect_number(1, "1");
    expect_number(-12, "-12");
    expect_number(0.1, "0.1");
    expect_number(0.669, "0.669");
    expect_number(-1.745, "-1.745");
    expect_number(0.1 + 0.2, "0.30000000000000004");
    expect_number(1.0 / 3, "0.3333333333333333");
    expect_number(100000000000000.5, "100000000000000.5");
    expect_number(1e15, "1e+15");
    expect_number(1e22, "1e+22");
    expect_number(1e-5, "1e-05");
    expect_number(1e-7, "1e-07");
    expect_number(0.0001, "0.0001");
    expect_number(123456.789, "123456.789");
    expect_number(DBL_MAX, "1.7976931348623157e+308");
    expect_number(0x1p-1074, "4.94065645841247e-324");
    expect_number(9007199254740993.0, "9007199254740992");
}

/* Reads back to the same bits, and is what the plain way gives: the first of 15, 16 or 17 digits
 * that does. */
static void expect_round_trip(double value)
{
    char text[FM_JSON_NUMBER_BYTES], plain[40];
    size_t n = fm_json_format_number(value, text);

    cr_assert(n < sizeof(text));
    text[n] = '\0';
    double back = strtod(text, NULL);
    cr_assert(memcmp(&back, &value, sizeof(back)) == 0, "%.17g written as %s", value, text);
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(plain, sizeof(plain), "%.*g", digits, value);
        if (strtod(plain, NULL) == value)
            break;
    }
    cr_assert(strcmp(text, plain) == 0, "%s written as %s", plain, text);
}

Test(json_write, random_doubles_read_back_to_the_same_bits)
{
    fm_rng rng;

    fm_rng_seed(&rng, 1);
    for (int i = 0; i < 50000; i++) {
        uint64_t bits = fm_rng_next(&rng);
        double value;

        memcpy(&value, &bits, sizeof(value));
        if (isfinite(value))
            expect_round_trip(value);
        expect_round_trip(fm_rng_range(&rng, -10, 10));
        expect_round_trip(round(fm_rng_range(&rng, 0, 1e6)) / 1000);
        expect_round_trip((double)(float)fm_rng_unit(&rng));
        expect_round_trip(ldexp(1, (int)fm_rng_below(&rng, 70) - 20) *
                          (1 + (double)fm_rng_below(&rng, 3) * 0x1p-52));
    }
}

Test(json_write, doubles_beside_powers_of_ten_read_back_to_the_same_bits)
{
    for (int e = -8; e <= 18; e++) {
        double power = strtod((char[]){'1', 'e', e < 0 ? '-' : '+', (char)('0' + abs(e) / 10),
                                       (char)('0' + abs(e) % 10), '\0'},
                              NULL);
        double up = power, down = power;

        for (int i = 0; i < 40; i++) {
            expect_round_trip(up);
            expect_round_trip(-down);
            up = nextafter(up, INFINITY);
            down = nextafter(down, 0);
        }
    }
}

Test(json_write, not_finite_numbers_become_null)
{
    fm_buf out = {0};
    fm_json_writer w = {.out = &out};

    fm_json_put_vector(&w, NULL, (double[]){NAN, INFINITY, -INFINITY, 1}, 4);
    cr_expect(eq(str, out.data, "[null, null, null, 1]"));
    fm_buf_release(&out);
}

Test(json_write, commas_and_nesting_are_kept)
{
    fm_buf out = {0};
    fm_json_writer w = {.out = &out};

    fm_json_open(&w, NULL, '{');
    fm_json_put_string(&w, "a", "x\"\\\n\t\x01\x7F");
    fm_json_put_string(&w, "b", NULL);
    fm_json_open(&w, "c", '[');
    fm_json_close(&w, ']');
    fm_json_open(&w, "d", '[');
    fm_json_put_int(&w, NULL, INT64_MIN);
    fm_json_put_bool(&w, NULL, true);
    fm_json_open(&w, NULL, '{');
    fm_json_put_null(&w, "e");
    fm_json_close(&w, '}');
    fm_json_close(&w, ']');
    fm_json_put_vector(&w, "v", NULL, 0);
    fm_json_close(&w, '}');
    cr_expect(eq(str, out.data,
                 "{\"a\": \"x\\\"\\\\\\n\\t\\u0001\\u007f\", \"b\": null, \"c\": [], "
                 "\"d\": [-9223372036854775808, true, {\"e\": null}], \"v\": []}"));
    fm_buf_release(&out);
}

Test(json_write, pretty_indents_and_keeps_vectors_on_a_line)
{
    fm_buf out = {0};
    fm_json_writer w = {.out = &out, .pretty = true};

    fm_json_open(&w, NULL, '{');
    fm_json_put_vector(&w, "v", (double[]){1, 2}, 2);
    fm_json_open(&w, "o", '{');
    fm_json_put_int(&w, "k", 1);
    fm_json_close(&w, '}');
    fm_json_open(&w, "empty", '[');
    fm_json_close(&w, ']');
    fm_json_close(&w, '}');
    cr_expect(eq(str, out.data,
                 "{\n  \"v\": [1, 2],\n  \"o\": {\n    \"k\": 1\n  },\n  \"empty\": []\n}"));
    fm_buf_release(&out);
}

static void expect_tree_round_trip(const char *text)
{
    fm_buf out = {0};
    fm_json_writer w = {.out = &out};
    cJSON *tree = parse(text);

    fm_json_put_tree(&w, NULL, tree);
    cr_expect(eq(str, out.data, (char *)text));
    cr_expect(fm_utf8_valid(out.data, out.size));
    cJSON_Delete(tree);
    fm_buf_release(&out);
}

Test(json_write, a_tree_that_was_read_is_written_as_it_was)
{
    expect_tree_round_trip("{\"a\": [1, 2.5, \"x\", null, true, false, {}, []]}");
    expect_tree_round_trip("{\"k\\\"\\n\\u0000\": \"\\u0000 \\ud800 \\udfff \xF0\x9F\x98\x80\"}");
}

Test(json_write, a_tree_as_deep_as_the_reader_takes_is_written)
{
    enum { DEEP = 990 };
    fm_buf text = {0};

    for (int i = 0; i < DEEP; i++)
        fm_buf_putc(&text, '[');
    for (int i = 0; i < DEEP; i++)
        fm_buf_putc(&text, ']');
    expect_tree_round_trip(text.data);
    fm_buf_release(&text);
}

Test(json_write, nesting_past_the_limit_fails_and_stays_in_bounds)
{
    fm_buf out = {0};
    fm_json_writer w = {.out = &out};
    int levels = 3 * (int)FM_COUNT_OF(w.started);

    for (int i = 0; i < levels; i++)
        fm_json_open(&w, NULL, '[');
    fm_json_put_vector(&w, NULL, (double[]){1}, 1);
    for (int i = 0; i < levels; i++)
        fm_json_close(&w, ']');
    cr_expect(out.failed);
    cr_expect(w.depth == 0);
    fm_buf_release(&out);
}

static void expect_reply_round_trip(const char *bytes, size_t size, bool as_text)
{
    fm_buf out = {0};
    fm_json_writer w = {.out = &out};
    fm_arena arena = {0};
    char *back = NULL;
    size_t n = 0;

    fm_json_open(&w, NULL, '{');
    fm_json_put_reply(&w, "text", bytes, size);
    fm_json_close(&w, '}');
    cr_assert(fm_utf8_valid(out.data, out.size));
    cJSON *tree = parse(out.data);
    cr_expect(as_text == (fm_json_get(tree, "text") != NULL));
    cr_assert(fm_json_get_reply(tree, "text", &arena, &back, &n, NULL) == FM_OK && back);
    cr_expect(n == size && memcmp(back, bytes, size) == 0, "%s", out.data);
    cJSON_Delete(tree);
    fm_arena_release(&arena);
    fm_buf_release(&out);
}

Test(json_reply, any_bytes_survive)
{
    char all[256];

    for (int i = 0; i < 256; i++)
        all[i] = (char)i;
    expect_reply_round_trip("", 0, true);
    expect_reply_round_trip("plain \"quoted\"\n\xE2\x82\xAC", 18, true);
    expect_reply_round_trip("a\0b", 3, false);
    expect_reply_round_trip("\xFF\xFE", 2, false);
    expect_reply_round_trip("\xED\xA0\x80", 3, false);
    expect_reply_round_trip("\xC0\x80", 2, false);
    expect_reply_round_trip(all, sizeof(all), false);
}

Test(json_reply, random_bytes_survive)
{
    fm_rng rng;

    fm_rng_seed(&rng, 2);
    for (int i = 0; i < 2000; i++) {
        char bytes[64];
        size_t n = fm_rng_below(&rng, sizeof(bytes));

        for (size_t k = 0; k < n; k++)
            bytes[k] = (char)fm_rng_next(&rng);
        expect_reply_round_trip(bytes, n, fm_utf8_valid(bytes, n) && !memchr(bytes, 0, n));
    }
}

Test(json_reply, neither_member_or_a_broken_one_is_no_reply)
{
    static const char *const texts[] = {"{}",
                                        "{\"text\": null}",
                                        "{\"text\": 3}",
                                        "{\"text_base64\": \"a\"}",
                                        "{\"text_base64\": \"====\"}",
                                        "{\"text_base64\": 3}"};
    fm_arena arena = {0};
    char *bytes;
    size_t n;

    for (size_t i = 0; i < FM_COUNT_OF(texts); i++) {
        cJSON *tree = parse(texts[i]);

        cr_expect(fm_json_get_reply(tree, "text", &arena, &bytes, &n, NULL) == FM_OK && !bytes,
                  "%s", texts[i]);
        cJSON_Delete(tree);
    }
    fm_arena_release(&arena);
}
