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
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MemoryTest {
    /** Of 200 rounds, once the allocator has settled; a leaked tensor a round is more. */
    private static final long NOISE_BYTES = 400_000;

    private static final int MOST_BATCHES = 15;

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

    /** What libtorch itself allocates shows only in the size of the process: a leak would never let it settle. */
    @Test
    @EnabledOnOs(OS.LINUX)
    void theProcessDoesNotGrow() throws IOException {
        try (TorchScriptDecoder device = load(2)) {
            long least = Long.MAX_VALUE;
            for (int batch = 0; batch < MOST_BATCHES && least > NOISE_BYTES; batch++) {
                long before = residentBytes();
                work(device, 200);
                least = Math.min(least, residentBytes() - before);
            }
            assertThat(least).isLessThan(NOISE_BYTES);
        }
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

    private static long residentBytes() throws IOException {
        System.gc();
        String[] pages = Files.readString(Path.of("/proc/self/statm")).split(" ");
        return Long.parseLong(pages[1]) * 4096;
    }
}
