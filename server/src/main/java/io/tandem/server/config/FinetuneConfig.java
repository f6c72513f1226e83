package io.tandem.server.config;

/**
 * What fine-tuning jobs leave behind.
 *
 * @param keepCheckpoints newest checkpoints kept of a job that has ended
 */
public record FinetuneConfig(int keepCheckpoints) {
    /** Checkpoints kept of a job while it trains. */
    public static final int CHECKPOINTS_MAX = 10;

    public static final FinetuneConfig DEFAULT = new FinetuneConfig(CHECKPOINTS_MAX);

    public FinetuneConfig {
        if (keepCheckpoints < 0 || keepCheckpoints > CHECKPOINTS_MAX) {
            throw new IllegalArgumentException(
                    "finetune.keep-checkpoints is " + keepCheckpoints + ", expected 0 to " + CHECKPOINTS_MAX);
        }
    }
}
