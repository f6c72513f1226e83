package io.tandem.kernels.adapter.method;

/** Which modules grow, and how many at once. */
interface GrowthRule {
    /** What is remembered of a module. */
    final class Memory {
        int rank;
        /** What the last step told. */
        double importance;
        /** Two numbers of the rule's own. */
        double first;

        double second;
    }

    /** After every step. */
    void observe(Memory module);

    /** Those that have more grow first. */
    double score(Memory module);

    /** After every time that modules grew, of all of them. */
    void settle(Memory module);

    /**
     * @param left ranks that are left to give
     * @param progress of the job after the warm-up, from 0 to 1
     * @return modules that grow; what is not there is not given
     */
    int modules(int left, double progress);
}
