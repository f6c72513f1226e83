package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.tandem.kernels.IterationInputs;
import io.tandem.kernels.IterationInputs.Repetition;
import io.tandem.kernels.IterationInputs.Sampling;
import io.tandem.kernels.IterationInputs.Scoring;
import io.tandem.kernels.IterationInputs.Segment;
import io.tandem.kernels.IterationOutputs;
import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.testing.Seeded;
import io.tandem.kernels.testing.TinyModel;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Draws against a plain inversion of the distribution, for many uniform numbers. */
class SamplingTest {
    private static final int UNIFORMS = 200;
    /** Draws whose uniform number lies this close to a border between two tokens may fall on either side. */
    private static final double BORDER = 1e-4;

    @RegisterExtension
    private final Seeded seeded = new Seeded();

    private final Random random = seeded.random();
    private TinyModel tiny;
    private TorchScriptDecoder device;
    private int[] prompt;

    @BeforeEach
    void load() throws IOException {
        tiny = TinyModel.of(TinyModel.Variant.LLAMA, random.nextLong());
        device = Devices.load(tiny, Dtype.FLOAT32);
        prompt = Devices.tokens(random, 9, tiny.config().vocab());
    }

    @AfterEach
    void close() {
        device.close();
    }

    @Test
    void temperatureAlone() {
        check(1.3, 0, 1);
    }

    @Test
    void topK() {
        check(1.0, 5, 1);
    }

    @Test
    void topP() {
        check(0.8, 0, 0.7);
    }

    @Test
    void topKAndTopP() {
        check(2.0, 20, 0.9);
    }

    /** Of three tokens of similar probability that top-k leaves, half the mass is in two. */
    @Test
    void theNucleusIsThatOfWhatTopKLeaves() {
        check(5.0, 3, 0.5);
    }

    @Test
    void minP() {
        float[] scores = scores(new int[0], new float[0]);
        double most = max(scores);
        for (int i = 0; i < UNIFORMS; i++) {
            Draw draw = draw(
                    new Sampling(5, 0, 1, 0.8, random.nextDouble(), Repetition.NONE, new int[0], new float[0], -1));
            assertThat(Math.exp((scores[draw.token()] - most) / 5)).isGreaterThanOrEqualTo(0.8 - BORDER);
        }
        int least = draw(new Sampling(5, 0, 1, 1e-9, 0.9999, Repetition.NONE, new int[0], new float[0], -1))
                .token();
        assertThat(Math.exp((scores[least] - most) / 5)).isLessThan(0.8);
    }

    /** As transformers does it: the sign of the logit decides. */
    @Test
    void repetitionDividesPositiveLogitsAndMultipliesNegativeOnes() {
        int vocab = device.model().vocab();
        int[] all = IntStream.range(0, vocab).toArray();
        // The difference to another token is free of the constant that the log-probabilities have.
        float[] plain = scores(new int[0], new float[0]);
        float[] repeated = Devices.byToken(
                draw(new Sampling(0, 0, 1, 0, 0, new Repetition(new int[] {3}, 2), new int[0], new float[0], vocab)));
        double moved = (repeated[3] - repeated[4]) - (plain[3] - plain[4]);
        float[] twice = Devices.byToken(
                draw(new Sampling(0, 0, 1, 0, 0, new Repetition(new int[] {3}, 4), new int[0], new float[0], vocab)));
        double movedTwice = (twice[3] - twice[4]) - (plain[3] - plain[4]);
        // logit / 2 - logit and logit / 4 - logit, or 2 logit - logit and 4 logit - logit.
        assertThat(moved).isNegative();
        assertThat(movedTwice / moved)
                .satisfiesAnyOf(
                        ratio -> assertThat(ratio).isCloseTo(1.5, within(1e-3)),
                        ratio -> assertThat(ratio).isCloseTo(3.0, within(1e-3)));
        float[] everywhere = Devices.byToken(
                draw(new Sampling(0, 0, 1, 0, 0, new Repetition(all, 1), new int[0], new float[0], vocab)));
        assertThat(everywhere).containsExactly(plain);
    }

    @Test
    void knownTokensAreScoredLikeDrawnOnes() {
        int[] next = {prompt[1], prompt[2]};
        Segment scored = new Segment(
                0,
                0,
                new int[] {prompt[0], prompt[1]},
                IterationInputs.BASE,
                List.of(Sampling.GREEDY),
                Optional.of(new Scoring(0, next, 3)),
                false);
        IterationOutputs outputs = Devices.run(
                device,
                Devices.segment(1, 0, prompt, IterationInputs.BASE, Sampling.GREEDY),
                scored,
                Devices.segment(2, 0, prompt, IterationInputs.BASE, Sampling.GREEDY));
        assertThat(outputs.draws()).hasSize(3);
        assertThat(outputs.scored()).hasSize(1);
        for (int i = 0; i < next.length; i++) {
            int[] before = Arrays.copyOf(prompt, i + 1);
            Draw alone = Devices.run(
                            device, Devices.segment(0, 0, before, IterationInputs.BASE, Devices.scored(device)))
                    .draws()
                    .get(0);
            Draw known = outputs.scored().get(0).get(i);
            assertThat(known.token()).isEqualTo(next[i]);
            assertThat(known.logprob()).isCloseTo(Devices.byToken(alone)[next[i]], within(1e-4f));
            assertThat(known.topTokens()).containsExactly(Arrays.copyOf(alone.topTokens(), 3));
        }
        assertThat(outputs.draws().get(1).logprob()).isNaN();
    }

    /** Its product with the head is what a token is drawn from. */
    @Test
    void aPooledSegmentHasTheStateOfItsLastToken() {
        Segment pooled = new Segment(1, 0, prompt, IterationInputs.BASE, List.of(), Optional.empty(), true);
        Segment drawn = Devices.segment(0, 0, prompt, IterationInputs.BASE, Devices.scored(device));
        IterationOutputs outputs = Devices.run(device, drawn, pooled);
        assertThat(outputs.states()).hasSize(1);
        float[] state = outputs.states().get(0);
        float[] head =
                tiny.weights().getOrDefault("lm_head.weight", tiny.weights().get("model.embed_tokens.weight"));
        double[] logits = new double[device.model().vocab()];
        for (int token = 0; token < logits.length; token++) {
            for (int i = 0; i < state.length; i++) {
                logits[token] += (double) head[token * state.length + i] * state[i];
            }
        }
        double[] expected = Devices.logSoftmax(logits);
        float[] scores = Devices.byToken(outputs.draws().get(0));
        for (int token = 0; token < expected.length; token++) {
            assertThat((double) scores[token]).isCloseTo(expected[token], within(1e-4));
        }
    }

    @Test
    void topKOfOneIsGreedy() {
        float[] scores = scores(new int[0], new float[0]);
        Draw draw = draw(new Sampling(5, 1, 1, 0, 0.999, Repetition.NONE, new int[0], new float[0], -1));
        assertThat(scores[draw.token()]).isEqualTo(max(scores));
    }

    @Test
    void biasesMoveTheDistribution() {
        Draw draw = draw(new Sampling(0, 0, 1, 0, 0, Repetition.NONE, new int[] {17}, new float[] {100}, 3));
        assertThat(draw.token()).isEqualTo(17);
        assertThat(draw.logprob()).isGreaterThan(-1e-3f);
        assertThat(draw.topTokens()).hasSize(3).startsWith(17);
        Draw banned =
                draw(new Sampling(0, 0, 1, 0, 0, Repetition.NONE, new int[] {17, 17}, new float[] {100, -200}, -1));
        assertThat(banned.token()).isNotEqualTo(17);
    }

    @Test
    void aDrawDoesNotDependOnWhoSharesTheBatch() {
        for (int i = 0; i < 20; i++) {
            Sampling mine =
                    new Sampling(1, 0, 1, 0, random.nextDouble(), Repetition.NONE, new int[0], new float[0], -1);
            int alone = draw(mine).token();
            List<Segment> crowd = new ArrayList<>();
            crowd.add(Devices.segment(
                    1,
                    0,
                    prompt,
                    IterationInputs.BASE,
                    new Sampling(1, 3, 0.5, 0, 0.3, Repetition.NONE, new int[0], new float[0], 2)));
            crowd.add(Devices.segment(0, 0, prompt, IterationInputs.BASE, mine));
            crowd.add(Devices.segment(4, 0, prompt, IterationInputs.BASE, Sampling.GREEDY));
            assertThat(device.run(new IterationInputs(crowd, Optional.empty()))
                            .draws()
                            .get(1)
                            .token())
                    .isEqualTo(alone);
        }
    }

    @Test
    void onlyAllowedTokensAreDrawn() {
        float[] scores = scores(new int[0], new float[0]);
        Sampling[] kinds = {
            new Sampling(0, 0, 1, 0, 0, Repetition.NONE, new int[0], new float[0], 2),
            new Sampling(0.7, 0, 1, 0, Math.nextDown(1.0), Repetition.NONE, new int[0], new float[0], 2),
            new Sampling(1.5, 4, 0.9, 0, Math.nextDown(1.0), Repetition.NONE, new int[0], new float[0], 2),
            new Sampling(1, 0, 1, 0, 0, Repetition.NONE, new int[0], new float[0], 2)
        };
        for (int i = 0; i < 20; i++) {
            BitSet allowed = new BitSet();
            for (int count = 1 + random.nextInt(5); count > 0; count--) {
                allowed.set(random.nextInt(scores.length));
            }
            long[] bits = Arrays.copyOf(allowed.toLongArray(), Sampling.words(scores.length));
            for (Sampling kind : kinds) {
                Draw draw = draw(kind.among(bits));
                assertThat(allowed.get(draw.token())).isTrue();
                // What is reported is what the model thinks of all tokens.
                assertThat(draw.logprob()).isEqualTo(scores[draw.token()]);
                assertThat(draw.topLogprobs()[0]).isEqualTo(max(scores));
            }
            int best = allowed.stream()
                    .boxed()
                    .max(Comparator.comparingDouble(t -> scores[t]))
                    .orElseThrow();
            assertThat(scores[draw(kinds[0].among(bits)).token()]).isEqualTo(scores[best]);
        }
    }

    @Test
    void aLimitHoldsForItsOwnDrawAlone() {
        int greedy = draw(Sampling.GREEDY).token();
        int other = greedy == 0 ? 1 : 0;
        long[] bits = new long[Sampling.words(device.model().vocab())];
        bits[0] = 1L << other;
        List<Draw> draws = Devices.run(
                        device,
                        Devices.segment(0, 0, prompt, IterationInputs.BASE, Sampling.GREEDY),
                        Devices.segment(1, 0, prompt, IterationInputs.BASE, Sampling.GREEDY.among(bits)),
                        Devices.segment(2, 0, prompt, IterationInputs.BASE, Sampling.GREEDY))
                .draws();
        assertThat(draws).extracting(Draw::token).containsExactly(greedy, other, greedy);
    }

    @Test
    void aLimitThatFitsNoVocabularyIsRefused() {
        int vocab = device.model().vocab();
        long[] beyond = new long[Sampling.words(vocab)];
        beyond[beyond.length - 1] = Long.MIN_VALUE;
        for (long[] bits : List.of(new long[Sampling.words(vocab)], new long[] {1, 1}, beyond)) {
            assertThatThrownBy(() -> draw(Sampling.GREEDY.among(bits))).isInstanceOf(IllegalArgumentException.class);
        }
    }

    private void check(double temperature, int topK, double topP) {
        float[] scores = scores(new int[0], new float[0]);
        int[] order = IntStream.range(0, scores.length)
                .boxed()
                .sorted(Comparator.comparingDouble(token -> -scores[token]))
                .mapToInt(i -> i)
                .toArray();
        double[] p = new double[scores.length];
        double total = 0;
        for (int token = 0; token < p.length; token++) {
            p[token] = Math.exp(scores[token] / temperature);
            total += p[token];
        }
        double left = 0;
        for (int rank = 0; rank < order.length; rank++) {
            left += topK == 0 || rank < topK ? p[order[rank]] / total : 0;
        }
        double before = 0;
        double kept = 0;
        boolean filtered = topK > 0 || topP < 1;
        for (int rank = 0; rank < order.length; rank++) {
            double share = p[order[rank]] / total;
            boolean stays = rank == 0 || ((topK == 0 || rank < topK) && before < topP * left);
            before += share;
            p[order[rank]] = stays ? share : 0;
            kept += p[order[rank]];
        }
        int[] sequence = filtered ? order : IntStream.range(0, p.length).toArray();
        for (int i = 0; i < UNIFORMS; i++) {
            double uniform = random.nextDouble();
            int token = draw(new Sampling(
                            temperature, topK, topP, 0, uniform, Repetition.NONE, new int[0], new float[0], -1))
                    .token();
            double low = 0;
            for (int candidate : sequence) {
                if (candidate == token) {
                    break;
                }
                low += p[candidate] / kept;
            }
            assertThat(uniform).isBetween(low - BORDER, low + p[token] / kept + BORDER);
        }
    }

    private float[] scores(int[] biasTokens, float[] biases) {
        int vocab = device.model().vocab();
        return Devices.byToken(draw(new Sampling(0, 0, 1, 0, 0, Repetition.NONE, biasTokens, biases, vocab)));
    }

    private Draw draw(Sampling sampling) {
        return Devices.run(device, Devices.segment(0, 0, prompt, IterationInputs.BASE, sampling))
                .draws()
                .get(0);
    }

    private static float max(float[] values) {
        float[] sorted = values.clone();
        Arrays.sort(sorted);
        return sorted[sorted.length - 1];
    }
}
