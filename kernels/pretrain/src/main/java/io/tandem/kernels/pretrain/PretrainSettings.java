package io.tandem.kernels.pretrain;

import java.nio.file.Path;
import java.util.Optional;

/**
 * One pre-training run.
 *
 * @param out directory of the model; the checkpoint lies in it while the run lasts
 * @param steps optimizer steps of the whole run
 * @param seed of text, tokenizer and initial weights
 * @param shape of the model
 * @param rows sequences of an ordinary step
 * @param length tokens of a sequence in an ordinary step
 * @param rate highest learning rate
 * @param tokenizerDocuments documents that the tokenizer learns from
 * @param english model that the run goes on from, with its shape and tokenizer, to learn a second language too
 */
public record PretrainSettings(
        Path out,
        int steps,
        long seed,
        Shape shape,
        int rows,
        int length,
        double rate,
        int tokenizerDocuments,
        Optional<Path> english) {
    /** Steps of the committed model. */
    public static final int STEPS = 8_000;

    /** More that make the committed model bilingual. */
    public static final int BILINGUAL_STEPS = 700;

    private static final int LONG_EVERY = 12;

    public PretrainSettings {
        if (steps < 1 || rows < 4 || length < 8) {
            throw new IllegalArgumentException("steps, rows and length must be at least 1, 4 and 8");
        }
    }

    /** The settings of the committed model. */
    public static PretrainSettings sample(Path out, int steps, long seed) {
        return new PretrainSettings(out, steps, seed, Shape.SAMPLE, 8, 256, 1.5e-3, 30_000, Optional.empty());
    }

    /** Settings with which a model that knows English learns the sister language. */
    public static PretrainSettings bilingual(Path english, Path out, int steps, long seed) {
        return new PretrainSettings(out, steps, seed, Shape.SAMPLE, 8, 256, 1e-3, 0, Optional.of(english));
    }

    /** Linear warm-up, then a cosine down to a twentieth. */
    double rate(int step) {
        int warmUp = Math.min(200, steps / 10 + 1);
        if (step <= warmUp) {
            return rate * step / warmUp;
        }
        double done = (step - warmUp) / (double) Math.max(1, steps - warmUp);
        return rate * (0.05 + 0.95 * 0.5 * (1 + Math.cos(Math.PI * done)));
    }

    /** Now and then as many tokens in fewer rows, so that the model also knows late positions. */
    Batches.Size size(int step) {
        boolean longer = step % LONG_EVERY == 0;
        return longer ? new Batches.Size(rows / 4, length * 4) : new Batches.Size(rows, length);
    }
}
