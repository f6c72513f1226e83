package io.tandem.kernels.pretrain;

import java.util.List;
import java.util.SplittableRandom;

/** Seeded choices: the same seed makes the same text on every machine. */
final class Draw {
    private final SplittableRandom random;

    Draw(long seed) {
        random = new SplittableRandom(seed);
    }

    /**
     * A stream for each index. The bits are mixed, because generators whose seeds differ by a multiple of
     * SplittableRandom's own increment give one stream, shifted.
     */
    static Draw of(long seed, int index) {
        long bits = seed * 0xD1342543DE82EF95L + index;
        bits = (bits ^ (bits >>> 33)) * 0xFF51AFD7ED558CCDL;
        bits = (bits ^ (bits >>> 33)) * 0xC4CEB9FE1A85EC53L;
        return new Draw(bits ^ (bits >>> 33));
    }

    <T> T pick(List<T> values) {
        return values.get(random.nextInt(values.size()));
    }

    String pick(String... values) {
        return values[random.nextInt(values.length)];
    }

    /** From {@code low} to {@code high}, both included. */
    int between(int low, int high) {
        return random.nextInt(low, high + 1);
    }

    boolean chance(double probability) {
        return random.nextDouble() < probability;
    }

    double gaussian() {
        double radius = Math.sqrt(-2 * Math.log(1 - random.nextDouble()));
        return radius * Math.cos(2 * Math.PI * random.nextDouble());
    }
}
