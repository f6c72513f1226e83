package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.IterationInputs;
import io.tandem.kernels.IterationInputs.Scoring;
import io.tandem.kernels.IterationInputs.Segment;
import io.tandem.kernels.IterationOutputs;
import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.KeysAndValues;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.adapter.Prefix;
import io.tandem.kernels.adapter.PrefixConfig;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.testing.Seeded;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.assertj.core.data.Offset;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Virtual tokens with keys and values; gradients and mixed batches are in {@link MethodParityTest}. */
class PrefixTest {
    private static final int SLOT = 1;
    private static final int TOKENS = 5;
    /** Of a log-probability in float32. */
    private static final Offset<Float> CLOSE = Offset.offset(2e-5f);

    @RegisterExtension
    private final Seeded seeded = new Seeded();

    private final Random random = seeded.random();

    private static float[] draw(TorchScriptDecoder device, int[] tokens, int start, int... adapters) {
        Segment segment = Devices.segment(0, start, tokens, adapters, Devices.scored(device));
        List<Draw> draws = Devices.run(device, segment).draws();
        return Devices.byToken(draws.get(0));
    }

    private void close(float[] found, float[] expected) {
        for (int token = 0; token < expected.length; token++) {
            assertThat(found[token])
                    .as("token %d, seed %d", token, seeded.seed())
                    .isCloseTo(expected[token], CLOSE);
        }
    }

    @ParameterizedTest
    @EnumSource(TinyModel.Variant.class)
    void startsAsATextOfItsTokens(TinyModel.Variant variant) throws IOException {
        TinyModel tiny = TinyModel.of(variant, random.nextLong());
        int vocab = tiny.config().vocab();
        int[] first = Devices.tokens(random, TOKENS, vocab);
        int[] prompt = Devices.tokens(random, 9, vocab);
        Adapter fresh = new Adapter(new PrefixConfig(TOKENS, ""), KeysAndValues.fresh(tiny.config(), first));
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32)) {
            int[] whole = Arrays.copyOf(first, TOKENS + prompt.length);
            System.arraycopy(prompt, 0, whole, TOKENS, prompt.length);
            float[] expected = draw(device, whole, 0);
            device.openTrainee(SLOT, fresh, OptimizerConfig.DEFAULT);
            Adapter started = device.snapshot(SLOT);
            assertThat(started.prefix().map(Prefix::isFresh)).contains(false);
            device.putAdapter(0, started);
            close(draw(device, Prefix.before(TOKENS, prompt), 0, 0), expected);
        }
    }

    @Test
    void chunksEndAnywhereInIt() throws IOException {
        TinyModel tiny = TinyModel.of(TinyModel.Variant.LLAMA, random.nextLong());
        int[] tokens =
                Prefix.before(TOKENS, Devices.tokens(random, 6, tiny.config().vocab()));
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32)) {
            device.putAdapter(0, TinyAdapters.prefix(tiny.config(), TOKENS, random.nextLong()));
            float[] expected = draw(device, tokens, 0, 0);
            for (int cut = 1; cut < tokens.length; cut++) {
                int[] begin = Arrays.copyOf(tokens, cut);
                assertThat(Devices.run(device, new Segment(0, 0, begin, new int[] {0}, Optional.empty()))
                                .draws())
                        .isEmpty();
                close(draw(device, Arrays.copyOfRange(tokens, cut, tokens.length), cut, 0), expected);
            }
            int[] wrong = tokens.clone();
            wrong[2] = 7;
            assertThatThrownBy(() -> draw(device, wrong, 0, 0)).hasMessageContaining("token 7 at 2");
            assertThatThrownBy(() -> draw(device, tokens, 0)).hasMessageContaining("virtual token 0 of a row");
            assertThatThrownBy(() -> Devices.run(device, new Segment(99, 0, tokens, new int[] {0}, Optional.empty())))
                    .hasMessageContaining("of KV slot 99");
        }
    }

    /** Of the text behind it, each token's log-probability. */
    @Test
    void whatIsScoredBehindItIsTheText() throws IOException {
        TinyModel tiny = TinyModel.of(TinyModel.Variant.LLAMA, random.nextLong());
        int[] text = Devices.tokens(random, 9, tiny.config().vocab());
        int[] known = Arrays.copyOfRange(text, 1, text.length);
        int[] slots = {0};
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32)) {
            device.putAdapter(0, TinyAdapters.prefix(tiny.config(), TOKENS, random.nextLong()));
            Segment whole = new Segment(
                    0,
                    0,
                    Prefix.before(TOKENS, text),
                    slots,
                    List.of(),
                    Optional.of(new Scoring(TOKENS, known, 0)),
                    true);
            IterationOutputs outputs = Devices.run(device, whole);
            List<Draw> scored = outputs.scored().get(0);
            assertThat(scored.stream().mapToInt(Draw::token))
                    .containsExactly(Arrays.stream(known).boxed().toArray(Integer[]::new));
            for (int i = 0; i < known.length; i++) {
                float[] alone = draw(device, Arrays.copyOfRange(text, i, i + 1), TOKENS + i, slots);
                assertThat(scored.get(i).logprob()).isCloseTo(alone[known[i]], CLOSE);
            }
            assertThat(outputs.states().get(0)).hasSize(tiny.config().hidden());
        }
    }

    /** A trainee learns behind a prefix that does not; neither has rows of it. */
    @Test
    void itDoesNotLearnBelowATrainee() throws IOException {
        TinyModel tiny = TinyModel.of(TinyModel.Variant.BIASES, random.nextLong());
        Adapter prefix = TinyAdapters.prefix(tiny.config(), TOKENS, random.nextLong());
        Adapter factors = TinyAdapters.random(tiny.config(), LoraConfig.allLinears(), 3, random.nextLong());
        TrainingPack pack = Devices.pack(random, tiny.config().vocab(), 20, 9);
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32);
                AutogradReference reference = new AutogradReference(tiny.config(), tiny.weights())) {
            device.putAdapter(0, prefix);
            device.openTrainee(SLOT, factors, OptimizerConfig.DEFAULT);
            device.beginPack(new int[] {0, SLOT}, pack);
            assertThat(device.packProgress().rows()).isEqualTo(pack.rows());
            double loss = Devices.train(device, new int[] {0, SLOT}, pack, random, List.of());
            Adapter both = new Adapter(factors.config(), factors.modules(), prefix.prefix());
            AutogradReference.Result expected = reference.run(pack, both);
            assertThat(loss).isCloseTo(expected.loss(), Percentage.withPercentage(0.01));
            device.gradients(SLOT).factors().forEach((site, found) -> {
                LowRank right = new Adapter(
                                factors.config(), expected.gradient().modules())
                        .factors()
                        .get(site);
                double difference = 0;
                double norm = 0;
                for (int i = 0; i < right.a().length; i++) {
                    difference += Math.pow(found.a()[i] - right.a()[i], 2);
                    norm += Math.pow(right.a()[i], 2);
                }
                assertThat(Math.sqrt(difference / norm))
                        .as("%s, seed %d", site, seeded.seed())
                        .isLessThan(1e-4);
            });
        }
    }

    @Test
    void theBaseIsNotTouchedByIt() throws IOException {
        TinyModel tiny = TinyModel.of(TinyModel.Variant.LLAMA, random.nextLong());
        int[] prompt = Devices.tokens(random, 8, tiny.config().vocab());
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32)) {
            float[] before = draw(device, prompt, 0, IterationInputs.BASE);
            device.putAdapter(0, TinyAdapters.prefix(tiny.config(), TOKENS, random.nextLong()));
            assertThat(draw(device, Prefix.before(TOKENS, prompt), 0, 0)).isNotEqualTo(before);
            assertThat(draw(device, prompt, 0, IterationInputs.BASE)).isEqualTo(before);
        }
    }
}
