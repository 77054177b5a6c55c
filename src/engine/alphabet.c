#include "engine/alphabet.h"

#include <string.h>

static int32_t letter_of_byte(int byte)
{
    static const int runs[][2] = {{33, 126}, {161, 172}, {174, 255}};
    int32_t others = 0;

    for (int b = 0; b <= byte; b++) {
        bool printable = false;

        for (size_t i = 0; i < 3; i++)
            printable = printable || (b >= runs[i][0] && b <= runs[i][1]);
        if (b == byte)
            return printable ? b : 0x100 + others;
        others += !printable;
    }
    return -1;
}

void rt_alphabet_make(rt_alphabet *a)
{
    memset(a->byte_of, -1, sizeof(a->byte_of));
    for (int b = 0; b < 256; b++) {
        int32_t letter = letter_of_byte(b);

        a->byte_of[letter] = (int16_t)b;
        if (letter < 0x80) {
            a->letters[b][0] = (char)letter;
            a->letters[b][1] = '\0';
        } else {
            a->letters[b][0] = (char)(0xc0 | letter >> 6);
            a->letters[b][1] = (char)(0x80 | (letter & 0x3f));
            a->letters[b][2] = '\0';
        }
    }
}

bool rt_alphabet_decode(const rt_alphabet *a, const char *word, char *out, size_t *size)
{
    *size = 0;
    for (const unsigned char *p = (const unsigned char *)word; *p; p++) {
        int code = *p;

        if (code >= 0x80) {
            if ((code & 0xe0) != 0xc0 || (p[1] & 0xc0) != 0x80)
                return false;
            code = (code & 0x1f) << 6 | (p[1] & 0x3f);
            p++;
        }
        if (code >= RT_LETTERS || a->byte_of[code] < 0)
            return false;
        out[(*size)++] = (char)a->byte_of[code];
    }
    return true;
}
