/* Dice for tests: splitmix64. */
#include "connector/conformance/specimen.h"

uint64_t rh_dice_roll(struct rh_dice *dice)
{
    uint64_t z = dice->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint32_t rh_dice_below(struct rh_dice *dice, uint32_t n)
{
    return n ? (uint32_t)(rh_dice_roll(dice) >> 33) % n : 0;
}

bool rh_dice_chance(struct rh_dice *dice, uint32_t percent)
{
    return rh_dice_below(dice, 100) < percent;
}
