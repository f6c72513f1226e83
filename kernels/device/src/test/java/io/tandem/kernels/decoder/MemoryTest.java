package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.IterationInputs.Sampling;
import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.OptimizerConfig.Method;
import io.tandem.kernels.Stash;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MemoryTest {
    /** A leak of one tensor in each call to the device is more. */
    private static final long BYTES_PER_ROUND = 2_000;

    private static final int ROUNDS = 10;
    private static final int BATCHES = 15;
    private static final int MOST_BATCHES = 100;

    private final Random random = new Random(1);
    private final TinyModel tiny = TinyModel.of(TinyModel.Variant.LLAMA, 1);

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void nativeValuesAreConstantBetweenIterations(int threads) throws IOException {
        try (TorchScriptDecoder device = load(threads)) {
            work(device, 1);
            long before = device.memory().liveTensors();
            work(device, 50);
            assertThat(device.memory().liveTensors()).isEqualTo(before);
        }
    }

    /**
     * What libtorch itself allocates shows only in the process. The JVM's compilers allocate there too: megabytes that
     * they soon give back, and a little for good while the code warms up. A leak is in every batch, so it never lets the
     * median of the last batches settle.
     */
    @Test
    @EnabledOnOs(OS.LINUX)
    void theProcessDoesNotGrow() throws IOException {
        try (TorchScriptDecoder device = load(2)) {
            List<Long> growth = new ArrayList<>();
            do {
                long before = NativeHeap.usedBytes();
                work(device, ROUNDS);
                growth.add((NativeHeap.usedBytes() - before) / ROUNDS);
            } while (growth.size() < MOST_BATCHES && medianOfLast(growth) >= BYTES_PER_ROUND);
            assertThat(medianOfLast(growth)).as("bytes a round").isLessThan(BYTES_PER_ROUND);
        }
    }

    private static long medianOfLast(List<Long> growth) {
        if (growth.size() < BATCHES) {
            return Long.MAX_VALUE;
        }
        return growth.subList(growth.size() - BATCHES, growth.size()).stream()
                .sorted()
                .toList()
                .get(BATCHES / 2);
    }

    private TorchScriptDecoder load(int threads) throws IOException {
        return Devices.load(tiny, Devices.limits(Dtype.BFLOAT16, threads, 128, Stash.KEEP));
    }

    private void work(TorchScriptDecoder device, int rounds) {
        int vocab = tiny.config().vocab();
        for (int i = 0; i < rounds; i++) {
            device.putAdapter(0, TinyAdapters.random(tiny.config(), LoraConfig.allLinears(), 4, i));
            Method method = Method.values()[i % Method.values().length];
            device.openTrainee(
                    1, TinyAdapters.random(tiny.config(), LoraConfig.allLinears(), 4, i), OptimizerConfig.of(method));
            Devices.train(
                    device,
                    new int[] {1},
                    Devices.pack(random, vocab, 20, 10),
                    random,
                    List.of(Devices.segment(
                            i % 6, 0, Devices.tokens(random, 5, vocab), new int[] {0}, Sampling.GREEDY)));
            // Large enough for lanes.
            Devices.trainInWindows(device, new int[] {1}, Devices.pack(random, vocab, 40, 40, 40), 120);
            device.optimizerStep(1, 1e-3, 1);
            device.snapshot(1);
            device.optimizerState(1);
            device.closeTrainee(1);
        }
    }
}
