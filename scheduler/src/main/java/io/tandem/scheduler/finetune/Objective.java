package io.tandem.scheduler.finetune;

/** What a job makes smaller. */
public sealed interface Objective {

    /** How many sequences an example has. */
    int sequences();

    /** The mean loss of learned tokens. */
    record Supervised() implements Objective {
        @Override
        public int sequences() {
            return 1;
        }
    }

    /**
     * Direct preference optimization (Rafailov et al., 2023): the preferred answer should gain more on the rejected one
     * than the model without this adapter gives it.
     *
     * @param beta how strongly the adapter is held to that model; more is stronger
     */
    record Preference(double beta) implements Objective {
        public Preference {
            if (!(beta > 0)) {
                throw new IllegalArgumentException("beta is " + beta + ", expected more than 0");
            }
        }

        @Override
        public int sequences() {
            return 2;
        }
    }
}
