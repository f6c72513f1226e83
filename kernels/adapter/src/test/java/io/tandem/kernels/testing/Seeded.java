package io.tandem.kernels.testing;

import java.util.Random;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.TestExecutionExceptionHandler;

/**
 * The random numbers of a test class: {@code @RegisterExtension final Seeded seeded = new Seeded();}. A failing test
 * prints its seed, and {@code -Dtandem.test.seed=<seed>} repeats it. Every test method gets an instance of its own.
 */
public final class Seeded implements TestExecutionExceptionHandler {
    private static final String PROPERTY = "tandem.test.seed";

    private final long seed = Long.getLong(PROPERTY, new Random().nextLong());
    private final Random random = new Random(seed);

    public long seed() {
        return seed;
    }

    public Random random() {
        return random;
    }

    @Override
    public void handleTestExecutionException(ExtensionContext context, Throwable failure) throws Throwable {
        failure.addSuppressed(new Exception("repeat with -D" + PROPERTY + "=" + seed));
        throw failure;
    }
}
