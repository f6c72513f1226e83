package io.tandem.kernels.pretrain;

/** Asks questions of one kind and knows the answers. */
@FunctionalInterface
interface Skill {
    Question ask(Draw draw);
}
