/* What a program outside the tree needs of the engine alone. */
#include <robotracer.h>
#include <stdio.h>

int main(void)
{
    rt_model *model;
    rt_err err = {0};

    if (rt_model_open(&model, "no-such-folder", NULL, &err) == RT_OK)
        return 1;
    printf("%d %s\n", (int)err.code, err.text);
    rt_model_close(NULL);
    return 0;
}
