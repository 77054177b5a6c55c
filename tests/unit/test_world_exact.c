/* The arithmetic that has to come out alike everywhere, against libm, which it must not use. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>

#include "world/exact.h"

Test(world_exact, sine_and_cosine_agree_with_libm)
{
    double worst = 0;

    for (int i = -200000; i <= 200000; i++) {
        double angle = i * 0.005 + 1e-4 * (i % 7), s, c;

        fm_exact_sincos(angle, &s, &c);
        worst = fmax(worst, fmax(fabs(s - sin(angle)), fabs(c - cos(angle))));
    }
    cr_expect(lt(dbl, worst, 1e-12));
}

Test(world_exact, sine_and_cosine_hold_at_the_quarters)
{
    static const double at[] = {0, 0.25, 0.5, 0.75, 1, 1.25, -0.25, -1};

    for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
        double s, c;

        fm_exact_sincos(at[i] * FM_PI, &s, &c);
        cr_expect(epsilon_eq(dbl, s, sin(at[i] * FM_PI), 1e-15), "%g pi", at[i]);
        cr_expect(epsilon_eq(dbl, c, cos(at[i] * FM_PI), 1e-15), "%g pi", at[i]);
    }
}

Test(world_exact, floor_is_floor)
{
    static const double at[] = {0, 0.5, -0.5, 1, -1, -1.25, 7.999, -8.001, 1e9, -1e9};

    for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++)
        cr_expect(eq(i32, fm_exact_floor(at[i]), (int32_t)floor(at[i])), "%g", at[i]);
}

Test(world_exact, noise_stays_in_range_and_has_no_jumps)
{
    double previous = fm_exact_noise(-3, 0.3, 9);

    for (int i = 1; i <= 6000; i++) {
        double now = fm_exact_noise(-3 + i * 0.001, 0.3, 9);

        cr_assert(ge(dbl, now, 0));
        cr_assert(lt(dbl, now, 1));
        cr_assert(lt(dbl, fabs(now - previous), 0.002));
        previous = now;
    }
}
