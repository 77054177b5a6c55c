/* What a program outside the tree needs of an installation. */
#include <fathom/answers.h>
#include <stdio.h>

int main(void)
{
    static const char reply[] = "[(500, 250, 1.5)]";
    fm_trace_answer answer = {0};
    fm_err err = {0};

    if (fm_answers_parse_trace(FM_ANSWERS_TUPLES, reply, sizeof(reply) - 1, &answer, &err) != FM_OK)
        return fm_status_exit_code(err.code);
    printf("%zu %g %g %g\n", answer.n, answer.points[0][0], answer.points[0][1],
           answer.points[0][2]);
    fm_trace_answer_release(&answer);
    return 0;
}
