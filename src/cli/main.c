/* Starts the program. */
#include <stdio.h>

int main(void)
{
    return puts("fathom") < 0;
}
