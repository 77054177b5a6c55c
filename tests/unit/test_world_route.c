/* The search for ways: against distances sampled point by point, and a length that can be worked out. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>

#include "world/composer.h"
#include "world/route.h"

enum { BALL, CARTON };

/* A ball on an empty table, and a carton of 30 x 20 x 25 cm in the middle; seen from high above. */
static void lay(fm_scene *scene)
{
    fm_rng rng;

    fm_rng_seed(&rng, 1);
    fm_scene_furnish(scene, FM_WORLD_TABLETOP, &rng);
    fm_thing ball = fm_thing_draw(FM_THING_BALL, 0, &rng);
    fm_thing carton = fm_thing_draw(FM_THING_CARTON, 0, &rng);
    ball.at = v3(-0.4, 0, 0);
    carton.hx = 0.15;
    carton.hy = 0.10;
    carton.height = 0.25;
    cr_assert(eq(int, fm_scene_put(scene, &ball), BALL));
    cr_assert(eq(int, fm_scene_put(scene, &carton), CARTON));
    scene->view = (fm_view){.eye = v3(0, 0, 4),
                            .right = v3(1, 0, 0),
                            .down = v3(0, -1, 0),
                            .forward = v3(0, 0, -1),
                            .lens = {100, 100, 49.5, 49.5},
                            .width = 100,
                            .height = 100};
}

static fm_route_rules rules_for(const fm_scene *scene)
{
    return (fm_route_rules){.scene = scene, .thing = BALL, .margin = 0.035, .size = 1};
}

/* How far the moving cylinder is from the carton: above it or aside, whichever is more. */
static double clearance(const fm_scene *scene, fm_v3 foot)
{
    const fm_thing *ball = &scene->things[BALL], *carton = &scene->things[CARTON];
    double over = foot.z - carton->height;
    double aside = fm_thing_plan_distance(carton, foot.x, foot.y) - ball->radius;

    return over > aside ? over : aside;
}

static double length_of(const fm_v3 *p, int n)
{
    double sum = 0;

    for (int i = 1; i < n; i++)
        sum += v3_length(v3_sub(p[i], p[i - 1]));
    return sum;
}

Test(world_route, sweeps_agree_with_points_along_them)
{
    fm_scene scene;
    fm_rng rng;
    int hits = 0;

    lay(&scene);
    const fm_route_rules rules = rules_for(&scene);
    fm_rng_seed(&rng, 5);
    for (int i = 0; i < 3000; i++) {
        fm_v3 a = fm_point_between(&rng, v3(-0.6, -0.4, 0.04), v3(0.6, 0.4, 0.5));
        fm_v3 b = fm_point_between(&rng, v3(-0.6, -0.4, 0.04), v3(0.6, 0.4, 0.5));
        double least = 1e9;

        for (int k = 0; k <= 400; k++) {
            double d = clearance(&scene, v3_mix(a, b, k / 400.0));

            least = d < least ? d : least;
        }
        if (fabs(least - rules.margin) < 0.003)
            continue; /* between two samples */
        cr_expect(eq(int, fm_route_clear(&rules, a, b, FM_THING_NONE, false), least > rules.margin),
                  "way %d: %g", i, least);
        hits += least < rules.margin;
    }
    cr_expect(hits > 500 && hits < 2500, "%d", hits);
}

Test(world_route, is_straight_where_nothing_stands)
{
    fm_v3 feet[FM_ROUTE_MOST];
    fm_scene scene;
    fm_rng rng;
    int n = 0;

    lay(&scene);
    const fm_route_rules rules = rules_for(&scene);
    const fm_v3 stops[] = {v3(-0.4, 0, 0.1), v3(-0.4, 0.3, 0.2)};
    fm_rng_seed(&rng, 2);
    cr_assert(fm_route_find(&rules, stops, 2, 10, &rng, feet, &n));
    cr_expect(eq(int, n, 2));
    fm_route_fill(feet, &n);
    cr_expect(eq(int, n, FM_ROUTE_LEAST));
    cr_expect(epsilon_eq(dbl, length_of(feet, n), v3_length(v3_sub(stops[1], stops[0])), 1e-12));
}

/* Around or over the carton: never too near, and not much longer than the way along the ground past
 * its corners with the margin kept, after few samples. */
Test(world_route, leads_around_what_stands_in_the_way)
{
    fm_scene scene;

    lay(&scene);
    for (int flat = 0; flat < 2; flat++)
        for (uint64_t seed = 1; seed <= 30; seed++) {
            fm_route_rules rules = rules_for(&scene);
            fm_v3 feet[FM_ROUTE_MOST];
            fm_rng rng;
            int n = 0;

            rules.flat = flat;
            const fm_v3 stops[] = {v3(-0.4, 0, 0.05), v3(0.4, 0, 0.05)};
            double reach = scene.things[BALL].radius + rules.margin;
            double x = 0.4 - 0.15, y = 0.10 + reach;
            /* Straight to a rounded corner and along the side: not longer than over the corner's square. */
            double around = 2 * sqrt((x - reach) * (x - reach) + y * y) + 0.30 + 2 * reach;

            fm_rng_seed(&rng, seed);
            cr_assert(fm_route_find(&rules, stops, 2, 10, &rng, feet, &n), "seed %d", (int)seed);
            cr_expect(n <= 10);
            cr_expect(lt(dbl, length_of(feet, n), 1.4 * around), "seed %d: %g", (int)seed,
                      length_of(feet, n));
            for (int i = 1; i < n; i++)
                for (int k = 0; k <= 50; k++) {
                    fm_v3 p = v3_mix(feet[i - 1], feet[i], k / 50.0);

                    cr_assert(ge(dbl, clearance(&scene, p), rules.margin - 1e-9), "seed %d",
                              (int)seed);
                    if (flat)
                        cr_assert(epsilon_eq(dbl, p.z, 0.05, 1e-12));
                }
        }
}

Test(world_route, is_not_found_into_a_solid)
{
    const fm_v3 stops[] = {v3(-0.4, 0, 0.1), v3(0, 0, 0.1)};
    fm_v3 feet[FM_ROUTE_MOST];
    fm_scene scene;
    fm_rng rng;
    int n = 0;

    lay(&scene);
    const fm_route_rules rules = rules_for(&scene);
    fm_rng_seed(&rng, 3);
    cr_expect(not(fm_route_find(&rules, stops, 2, 10, &rng, feet, &n)));
}
