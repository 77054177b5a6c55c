/* What a thing of each class is made of: at most FM_THING_MOST_SOLIDS solids within its outline and
 * height. */
#ifndef FM_WORLD_BUILDERS_H
#define FM_WORLD_BUILDERS_H

#include "world/pen.h"

/* goods.c */
void fm_build_mug(const fm_pen *b);
void fm_build_cup(const fm_pen *b);
void fm_build_ball(const fm_pen *b);
void fm_build_can(const fm_pen *b);
void fm_build_bottle(const fm_pen *b);
void fm_build_block(const fm_pen *b);
void fm_build_box(const fm_pen *b);
void fm_build_jar(const fm_pen *b);
void fm_build_bowl(const fm_pen *b);
void fm_build_plate(const fm_pen *b);
void fm_build_book(const fm_pen *b);
void fm_build_tray(const fm_pen *b);
void fm_build_mat(const fm_pen *b);
void fm_build_board(const fm_pen *b);
void fm_build_stand(const fm_pen *b);
void fm_build_panel(const fm_pen *b);
void fm_build_carton(const fm_pen *b);
void fm_build_stack(const fm_pen *b);
void fm_build_plant(const fm_pen *b);
void fm_build_speaker(const fm_pen *b);

/* furniture.c */
void fm_build_sofa(const fm_pen *b);
void fm_build_armchair(const fm_pen *b);
void fm_build_coffee_table(const fm_pen *b);
void fm_build_cabinet(const fm_pen *b);
void fm_build_bookcase(const fm_pen *b);
void fm_build_chair(const fm_pen *b);
void fm_build_lamp(const fm_pen *b);
void fm_build_rug(const fm_pen *b);
void fm_build_stool(const fm_pen *b);
void fm_build_pouf(const fm_pen *b);
void fm_build_basket(const fm_pen *b);
void fm_build_bin(const fm_pen *b);
void fm_build_suitcase(const fm_pen *b);
void fm_build_chest(const fm_pen *b);
void fm_build_vase(const fm_pen *b);

/* yard.c */
void fm_build_car(const fm_pen *b);
void fm_build_tree(const fm_pen *b);
void fm_build_bush(const fm_pen *b);
void fm_build_bench(const fm_pen *b);
void fm_build_shed(const fm_pen *b);
void fm_build_bollard(const fm_pen *b);
void fm_build_pallet(const fm_pen *b);
void fm_build_platform(const fm_pen *b);
void fm_build_barrel(const fm_pen *b);
void fm_build_cone(const fm_pen *b);
void fm_build_crate(const fm_pen *b);
void fm_build_dustbin(const fm_pen *b);
void fm_build_bucket(const fm_pen *b);

#endif
