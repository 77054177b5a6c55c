/* Owns the splitting rule and nothing else. */
#include "engine/split.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <utf8proc.h>

const char rt_split_pattern[] = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}|"
                                " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*"
                                "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

typedef enum { LETTER, NUMBER, NEWLINE, SPACE, OTHER } class;

/* One character: what it is, and its bytes. */
typedef struct {
    class class;
    int32_t code; /* -1: a byte that is no UTF-8 */
    size_t size;
} character;

/* \s but for the two that end lines. */
static bool is_space(int32_t c)
{
    return (c >= 0x09 && c <= 0x0c) || c == 0x20 || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
           c == 0x205f || c == 0x3000;
}

static class class_of(int32_t c)
{
    if (c == '\n' || c == '\r')
        return NEWLINE;
    if (is_space(c))
        return SPACE;
    switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
        return LETTER;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
        return NUMBER;
    default:
        return OTHER;
    }
}

/* At the end: size 0. */
static character read_character(const char *text, size_t size, size_t at)
{
    utf8proc_int32_t code;
    size_t left = size - at;

    if (left == 0)
        return (character){OTHER, -1, 0};
    utf8proc_ssize_t bytes = utf8proc_iterate((const utf8proc_uint8_t *)text + at,
                                              (utf8proc_ssize_t)(left < 4 ? left : 4), &code);
    if (bytes <= 0)
        return (character){OTHER, -1, 1};
    return (character){class_of(code), code, (size_t)bytes};
}

/* Where the run of characters of these classes that begins at `at` ends. */
static size_t run_end(const char *text, size_t size, size_t at, unsigned classes)
{
    for (;;) {
        character c = read_character(text, size, at);

        if (c.size == 0 || !(classes >> c.class & 1))
            return at;
        at += c.size;
    }
}

/* The long s folds to s. */
static char folded(int32_t c)
{
    if (c == 0x17f)
        return 's';
    return c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c >= 0 && c < 128 ? (char)c : 0;
}

/* 's 't 're 've 'm 'll 'd; 0: none of them. */
static size_t contraction(const char *text, size_t size)
{
    character first, second;

    if (text[0] != '\'')
        return 0;
    first = read_character(text, size, 1);
    char a = first.size ? folded(first.code) : 0;
    if (a == 's' || a == 't' || a == 'm' || a == 'd')
        return 1 + first.size;
    second = read_character(text, size, 1 + first.size);
    char b = second.size ? folded(second.code) : 0;
    if ((a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l'))
        return 1 + first.size + second.size;
    return 0;
}

static size_t space_piece(const char *text, size_t size)
{
    size_t end = run_end(text, size, 0, 1U << SPACE | 1U << NEWLINE), last_newline = 0, before = 0;

    for (size_t at = 0; at < end;) {
        character c = read_character(text, size, at);

        before = at;
        at += c.size;
        if (c.class == NEWLINE)
            last_newline = at;
    }
    if (last_newline > 0)
        return last_newline;
    /* What follows keeps the last space, where there is another before it. */
    return end == size || before == 0 ? end : before;
}

size_t rt_split_next(const char *text, size_t size)
{
    character first = read_character(text, size, 0);
    size_t n = contraction(text, size);

    if (n > 0)
        return n;
    if (first.class == LETTER)
        return run_end(text, size, 0, 1U << LETTER);
    if (first.class != NEWLINE && first.class != NUMBER) {
        n = run_end(text, size, first.size, 1U << LETTER);
        if (n > first.size)
            return n;
    }
    if (first.class == NUMBER)
        return first.size;
    size_t start = first.code == ' ' ? first.size : 0;
    n = run_end(text, size, start, 1U << OTHER);
    if (n > start)
        return run_end(text, size, n, 1U << NEWLINE);
    return space_piece(text, size);
}
