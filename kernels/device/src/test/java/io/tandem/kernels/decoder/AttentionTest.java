package io.tandem.kernels.decoder;

import ai.djl.pytorch.jni.IValue;
import io.tandem.kernels.testing.Seeded;
import io.tandem.kernels.testing.Tolerances;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class AttentionTest {
    private static final int ROWS = 3;
    private static final int SLOTS = 4;
    private static final int TOKENS = 21;
    private static final int HEADS = 12;
    private static final int KV_HEADS = 6;
    private static final int DIM = 8;

    @RegisterExtension
    private final Seeded seeded = new Seeded();

    private static float[] numbers(Random random, int count) {
        float[] numbers = new float[count];
        for (int i = 0; i < count; i++) {
            numbers[i] = (float) random.nextGaussian();
        }
        return numbers;
    }

    /** Which of the two is faster depends on the machine, so both must be right on each. */
    @Test
    void joinedKeyHeadsChangeNothing() {
        float[] q = numbers(seeded.random(), ROWS * HEADS * DIM);
        float[] keys = numbers(seeded.random(), SLOTS * TOKENS * KV_HEADS * DIM);
        float[] values = numbers(seeded.random(), SLOTS * TOKENS * KV_HEADS * DIM);
        try (TestScript script = new TestScript(
                "__torch__.reference.attention.Attention",
                "__torch__/tandem/ops/rows.py",
                "__torch__/tandem/ops/soft_cap.py",
                "__torch__/tandem/ops/attention.py",
                "__torch__/reference/attention.py")) {
            float[] apart = decode(script, q, keys, values, 1);
            for (int joined : new int[] {2, 3, 6}) {
                Tolerances.FLOAT32.check(joined + " heads as one", apart, decode(script, q, keys, values, joined));
            }
        }
    }

    private static float[] decode(TestScript script, float[] q, float[] keys, float[] values, int joined) {
        return script.floats("decode", call -> new IValue[] {
            call.value(call.tensor(q, ROWS, HEADS, DIM)),
            call.value(call.tensor(keys, SLOTS, TOKENS, KV_HEADS, DIM)),
            call.value(call.tensor(values, SLOTS, TOKENS, KV_HEADS, DIM)),
            call.number(joined)
        });
    }
}
