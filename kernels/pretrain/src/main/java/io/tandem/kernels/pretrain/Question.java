package io.tandem.kernels.pretrain;

/**
 * One exchange of a skill.
 *
 * @param skill name of the skill
 * @param item what decides whether the question is held out: the sum, the noun, the spelled word
 */
record Question(String skill, String item, String prompt, String answer) {
    private static final int HELD_OUT_OF = 20;

    /** Whether training must never see the item; one in twenty. */
    boolean heldOut() {
        int hash = (skill + ":" + item).hashCode() * 0x9E3779B1;
        return Math.floorMod(hash >>> 8, HELD_OUT_OF) == 0;
    }
}
