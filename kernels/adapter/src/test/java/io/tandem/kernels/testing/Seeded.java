package io.tandem.kernels.testing;

import java.util.Random;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.TestExecutionExceptionHandler;

/**
 * The random numbers of a test class: {@code @RegisterExtension final Seeded seeded = new Seeded();}. They are the same in
 * every build, so that chance fails none; {@code -Dtandem.test.seed=random} looks for what others find. A failing test
 * prints its seed, and {@code -Dtandem.test.seed=<seed>} repeats it. Every test method gets an instance of its own.
 */
public final class Seeded implements TestExecutionExceptionHandler {
    private static final String PROPERTY = "tandem.test.seed";

    private static final String USUAL = "1";

    private final long seed = drawn(System.getProperty(PROPERTY, USUAL));
    private final Random random = new Random(seed);

    private static long drawn(String seed) {
        return seed.equals("random") ? new Random().nextLong() : Long.parseLong(seed);
    }

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
