/* The letters in which byte-level vocabularies write bytes: printable ones stand for themselves, the
 * others for U+0100 and on, in order. Source: GPT-2. */
#ifndef RT_ENGINE_ALPHABET_H
#define RT_ENGINE_ALPHABET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RT_LETTERS = 0x200 }; /* letters are below this */

typedef struct {
    int16_t byte_of[RT_LETTERS]; /* -1: no letter of the alphabet */
    char letters[256][3];        /* UTF-8, terminated */
} rt_alphabet;

void rt_alphabet_make(rt_alphabet *a);

/* The bytes that a word of the alphabet stands for, or false. out has room for strlen(word). */
bool rt_alphabet_decode(const rt_alphabet *a, const char *word, char *out, size_t *size);

#endif
