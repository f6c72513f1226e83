package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.tandem.kernels.IterationInputs;
import io.tandem.kernels.IterationInputs.Repetition;
import io.tandem.kernels.IterationInputs.Sampling;
import io.tandem.kernels.IterationInputs.Segment;
import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.kernels.Stash;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A draft's tokens run as one chunk, and the token after each is drawn as if they had come one by one. */
class DraftTest {
    private static final int ANSWER = 24;
    private static final int MOST_DRAFTED = 5;

    private TorchScriptDecoder device;
    private int[] prompt;

    void load(int threads) throws Exception {
        TinyModel model = TinyModel.of(TinyModel.Variant.LLAMA, 5);
        device = Devices.load(model, Devices.limits(Dtype.FLOAT32, threads, 128, Stash.KEEP));
        device.putAdapter(1, TinyAdapters.random(device.model(), LoraConfig.allLinears(), 4, 1));
        prompt = Devices.tokens(new Random(2), 20, device.model().vocab());
    }

    @AfterEach
    void close() {
        device.close();
    }

    private static Sampling sampling(int kind, int position) {
        double uniform = new Random(31L * kind + position).nextDouble();
        return switch (kind) {
            case 0 -> new Sampling(0, 0, 1, 0, uniform, Repetition.NONE, new int[0], new float[0], 2);
            case 1 -> new Sampling(1, 0, 1, 0, uniform, Repetition.NONE, new int[0], new float[0], 2);
            default ->
                new Sampling(
                        0.8,
                        20,
                        0.9,
                        0,
                        uniform,
                        new Repetition(new int[] {3, 4}, 1.3),
                        new int[] {position % 7},
                        new float[] {2},
                        2);
        };
    }

    private static int[] adapters(int kind) {
        return kind == 1 ? new int[] {1} : IterationInputs.BASE;
    }

    /** The tokens of one answer, each in an iteration of its own. */
    private List<Draw> oneByOne(int kind) {
        List<Draw> draws =
                new ArrayList<>(Devices.run(device, Devices.segment(0, 0, prompt, adapters(kind), sampling(kind, 0)))
                        .draws());
        while (draws.size() < ANSWER) {
            int[] last = {draws.get(draws.size() - 1).token()};
            int start = prompt.length + draws.size() - 1;
            draws.addAll(Devices.run(
                            device, Devices.segment(0, start, last, adapters(kind), sampling(kind, draws.size())))
                    .draws());
        }
        return draws;
    }

    /** Three answers at once with drafts of random lengths, half of which go wrong somewhere. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void draftsDrawTheSameTokens(int threads) throws Exception {
        load(threads);
        Random random = new Random(7);
        List<List<Draw>> expected = new ArrayList<>();
        List<List<Draw>> drawn = new ArrayList<>();
        for (int kind = 0; kind < 3; kind++) {
            expected.add(oneByOne(kind));
            drawn.add(new ArrayList<>(
                    Devices.run(device, Devices.segment(kind + 1, 0, prompt, adapters(kind), sampling(kind, 0)))
                            .draws()));
        }
        while (drawn.stream().anyMatch(draws -> draws.size() < ANSWER)) {
            List<Segment> segments = new ArrayList<>();
            for (int kind = 0; kind < 3; kind++) {
                segments.add(drafted(kind, expected.get(kind), drawn.get(kind), random));
            }
            List<Draw> all =
                    device.run(new IterationInputs(segments, Optional.empty())).draws();
            int at = 0;
            for (int kind = 0; kind < 3; kind++) {
                Segment segment = segments.get(kind);
                List<Draw> own = all.subList(at, at + segment.tokens().length);
                at += own.size();
                accept(segment, own, drawn.get(kind));
            }
            assertThat(at).isEqualTo(all.size());
        }
        for (int kind = 0; kind < 3; kind++) {
            for (int i = 0; i < ANSWER; i++) {
                Draw got = drawn.get(kind).get(i);
                assertThat(got.token()).isEqualTo(expected.get(kind).get(i).token());
                assertThat(got.logprob()).isCloseTo(expected.get(kind).get(i).logprob(), within(1e-4f));
                assertThat(got.topTokens()).isEqualTo(expected.get(kind).get(i).topTokens());
            }
        }
    }

    private Segment drafted(int kind, List<Draw> expected, List<Draw> drawn, Random random) {
        int length = Math.min(random.nextInt(MOST_DRAFTED), Math.max(0, ANSWER - 1 - drawn.size()));
        int[] tokens = new int[1 + length];
        List<Sampling> samplings = new ArrayList<>();
        for (int i = 0; i < tokens.length; i++) {
            tokens[i] = i == 0
                    ? drawn.get(drawn.size() - 1).token()
                    : expected.get(drawn.size() - 1 + i).token();
            if (i > 0 && random.nextInt(2 * length) == 0) {
                tokens[i] = random.nextInt(device.model().vocab());
            }
            samplings.add(sampling(kind, drawn.size() + i));
        }
        int start = prompt.length + drawn.size() - 1;
        return new Segment(kind + 1, start, tokens, adapters(kind), samplings, Optional.empty(), false);
    }

    private static void accept(Segment segment, List<Draw> draws, List<Draw> drawn) {
        drawn.add(draws.get(0));
        for (int i = 1; i < draws.size() && draws.get(i - 1).token() == segment.tokens()[i]; i++) {
            drawn.add(draws.get(i));
        }
    }

    @ParameterizedTest
    @ValueSource(ints = 1)
    void noMoreDrawsThanTokens(int threads) throws Exception {
        load(threads);
        List<Sampling> two = List.of(Sampling.GREEDY, Sampling.GREEDY);
        Segment segment = new Segment(0, 0, new int[] {1}, IterationInputs.BASE, two, Optional.empty(), false);
        assertThatThrownBy(() -> Devices.run(device, segment))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("number of draws 2, expected 0 to 1");
    }
}
