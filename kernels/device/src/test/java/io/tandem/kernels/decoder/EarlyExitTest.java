package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.IterationInputs;
import io.tandem.kernels.IterationInputs.EarlyExit;
import io.tandem.kernels.IterationInputs.Sampling;
import io.tandem.kernels.IterationInputs.Scoring;
import io.tandem.kernels.IterationInputs.Segment;
import io.tandem.kernels.IterationOutputs;
import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.LoadProgress;
import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.Stash;
import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.decoder.ExpectedExits.Answer;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.recursion.RecursiveConversion;
import io.tandem.kernels.recursion.SharedWeights;
import io.tandem.kernels.source.ModelSource;
import io.tandem.kernels.testing.Seeded;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.kernels.testing.Tolerances;
import io.tandem.kernels.weights.ModelFiles;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Rows of a recursive model leave after the loops that the rule, in plain Java and token by token, says. */
class EarlyExitTest {
    private static final int LAYERS = 6;
    private static final int VOCAB = 61;
    private static final int ANSWER = ExpectedExits.LENGTH;
    private static final int LORA = 0;
    private static final int SKIPPING = 1;
    private static final int TRAINEE = 2;
    private static final double NEVER = ExpectedExits.NEVER;
    /** Of gradients, as with autograd's: windows are cut differently. */
    private static final double FLOAT32_RELATIVE = 1e-4;

    @RegisterExtension
    private final Seeded seeded = new Seeded();

    private final Random random = seeded.random();

    @TempDir
    Path directory;

    private final Map<Integer, Adapter> adapters = new HashMap<>();

    private ModelFiles files(int loops) throws IOException {
        ModelConfig config = ModelConfig.llama(LAYERS, 32, 4, 2, 8, 44, VOCAB)
                .maxPositions(512)
                .build();
        // Larger weights make for more opinionated tokens.
        TinyModel.of(config, random.nextLong())
                .withWeights((name, values) -> scaled(values, name.startsWith("lm_head") ? 6 : 1.5f))
                .write(directory.resolve("base"));
        Path output = directory.resolve("looped");
        new RecursiveConversion(ModelSource.open(directory.resolve("base")), loops, 5, SharedWeights.AVERAGE)
                .write(output, (done, total, what) -> {});
        return ModelSource.open(output);
    }

    private static float[] scaled(float[] values, float factor) {
        float[] scaled = new float[values.length];
        for (int i = 0; i < values.length; i++) {
            scaled[i] = factor * values[i];
        }
        return scaled;
    }

    private TorchScriptDecoder load(ModelFiles files, int lanes) {
        KernelsConfig limits = Devices.limits(Dtype.FLOAT32, lanes, 128, Stash.KEEP);
        TorchScriptDecoder device = TorchScriptDecoder.load(files, limits, LoadProgress.NONE);
        adapters.put(LORA, TinyAdapters.random(device.model(), LoraConfig.allLinears(), 4, 1));
        adapters.put(
                SKIPPING,
                TinyAdapters.random(device.model(), LoraConfig.allLinears(), 3, 2)
                        .skipping(Set.of(1, 4)));
        adapters.forEach(device::putAdapter);
        return device;
    }

    private static Optional<EarlyExit> exit(double threshold, int... loops) {
        return Optional.of(new EarlyExit(threshold, loops));
    }

    private static Segment segment(
            int kvSlot, int start, int[] tokens, int[] slots, List<Sampling> samplings, Optional<EarlyExit> exit) {
        return new Segment(kvSlot, start, tokens, slots, samplings, Optional.empty(), false, 0, exit);
    }

    /**
     * The next tokens of an answer, the first ones with the loops that are known, the last with its own decision.
     *
     * @param drawn what comes next, if that is wanted
     * @param done loops that the first one has gone through
     */
    private static Segment chunk(int kvSlot, Answer answer, int computed, int end, Optional<Sampling> drawn, int done) {
        int[] tokens = Arrays.copyOfRange(answer.tokens(), computed, end);
        int[] loops = answer.loops(computed, end);
        if (drawn.isPresent() && end > answer.prompt().length && answer.threshold() != NEVER) {
            loops[loops.length - 1] = EarlyExit.WHEN_SURE;
        }
        Optional<EarlyExit> exit = answer.threshold() == NEVER && done == 0
                ? Optional.empty()
                : Optional.of(new EarlyExit(answer.threshold(), loops, done));
        return segment(kvSlot, computed, tokens, answer.slots(), drawn.stream().toList(), exit);
    }

    private static void assertEqual(Draw found, Draw expected) {
        assertThat(found.token()).isEqualTo(expected.token());
        assertThat(found.loops()).isEqualTo(expected.loops());
        Tolerances.FLOAT32_LOGITS.check("log-probabilities", expected.topLogprobs(), Devices.byToken(found));
    }

    /** Together, beside prompts in chunks and a job's windows, and alone; from the start and from anywhere later. */
    @ParameterizedTest
    @CsvSource({"2, 1", "3, 2"})
    void rowsLeaveWhereTheReferenceLeaves(int loops, int lanes) throws IOException {
        ModelFiles files = files(loops);
        try (TorchScriptDecoder device = load(files, lanes)) {
            ExpectedExits expected = new ExpectedExits(files, device.model(), adapters, random);
            List<Answer> answers =
                    List.of(expected.mixed(null), expected.mixed(LORA), expected.mixed(SKIPPING), expected.whole());
            device.openTrainee(TRAINEE, adapters.get(LORA), OptimizerConfig.DEFAULT);
            device.beginPack(new int[] {TRAINEE}, Devices.pack(random, VOCAB, 33, 1, 17));
            run(device, answers, true);
            for (Answer answer : answers) {
                int going = answer.draws().stream()
                        .skip(1)
                        .mapToInt(draw -> (draw.leftEarly() ? draw.loops() : loops) - 1)
                        .sum();
                assertThat(run(device, List.of(answer), false)).isEqualTo(going);
            }
        }
    }

    /**
     * @param together beside windows of the pack
     * @return how often a row went on in another iteration
     */
    private int run(TorchScriptDecoder device, List<Answer> answers, boolean together) {
        int[] computed = new int[answers.size()];
        int[] drawn = new int[answers.size()];
        int[] done = new int[answers.size()];
        int goings = 0;
        // A sequence that was preempted has an answer already, whose tokens run again.
        Arrays.setAll(drawn, i -> together && random.nextInt(3) == 0 ? random.nextInt(ANSWER) : 0);
        while (Arrays.stream(drawn).anyMatch(count -> count < ANSWER)) {
            List<Segment> segments = new ArrayList<>();
            List<Integer> drawing = new ArrayList<>();
            for (int i = 0; i < answers.size(); i++) {
                Answer answer = answers.get(i);
                int length = answer.prompt().length + drawn[i];
                if (drawn[i] < ANSWER && random.nextInt(5) > 0) {
                    int end = computed[i] + 1 + random.nextInt(length - computed[i]);
                    Optional<Sampling> sampling =
                            Optional.of(Devices.scored(device)).filter(any -> end == length);
                    segments.add(chunk(i, answer, computed[i], end, sampling, done[i]));
                    if (sampling.isPresent()) {
                        drawing.add(i);
                    } else {
                        computed[i] = end;
                    }
                }
            }
            int rows = together && random.nextBoolean()
                    ? Math.min(random.nextInt(9), device.packProgress().forwardRows())
                    : 0;
            if (segments.isEmpty() && rows == 0) {
                continue;
            }
            boolean oneLoop = rows == 0
                    && drawing.size() == segments.size()
                    && drawing.stream().allMatch(i -> drawn[i] > 0)
                    && segments.stream().allMatch(segment -> segment.tokens().length == 1)
                    && (!together || random.nextInt(3) > 0);
            IterationOutputs outputs = rows == 0
                    ? device.run(new IterationInputs(segments, Optional.empty(), oneLoop))
                    : Devices.run(device, new IterationInputs.TrainingWork(rows, 0), segments);
            assertThat(outputs.draws()).hasSameSizeAs(drawing);
            for (int j = 0; j < drawing.size(); j++) {
                int i = drawing.get(j);
                Draw draw = outputs.draws().get(j);
                if (draw.goesOn()) {
                    assertThat(draw.loops()).isEqualTo(done[i] + 1);
                    done[i] = draw.loops();
                    computed[i] = answers.get(i).prompt().length + drawn[i] - 1;
                    goings++;
                } else {
                    assertEqual(draw, answers.get(i).draws().get(drawn[i]++));
                    computed[i] = answers.get(i).prompt().length + drawn[i] - 1;
                    done[i] = 0;
                }
            }
        }
        return goings;
    }

    /** Tokens of a draft leave where they would leave alone. */
    @ParameterizedTest
    @CsvSource({"2, 1", "3, 2"})
    void draftsLeaveWhereTheirTokensWould(int loops, int lanes) throws IOException {
        ModelFiles files = files(loops);
        try (TorchScriptDecoder device = load(files, lanes)) {
            ExpectedExits expected = new ExpectedExits(files, device.model(), adapters, random);
            List<Answer> answers = List.of(expected.mixed(null), expected.mixed(SKIPPING));
            List<Segment> prompts = new ArrayList<>();
            for (int i = 0; i < answers.size(); i++) {
                Answer answer = answers.get(i);
                Optional<Sampling> first = Optional.of(Devices.scored(device));
                prompts.add(chunk(i, answer, 0, answer.prompt().length, first, 0));
            }
            device.run(new IterationInputs(prompts, Optional.empty()));
            int drawn = 1;
            while (drawn < ANSWER) {
                int drafted = Math.min(1 + random.nextInt(4), ANSWER - drawn);
                List<Segment> segments = new ArrayList<>();
                for (int i = 0; i < answers.size(); i++) {
                    Answer answer = answers.get(i);
                    int start = answer.prompt().length + drawn - 1;
                    int[] tokens = Arrays.copyOfRange(answer.tokens(), start, start + 1 + drafted);
                    int[] sure = new int[tokens.length];
                    Arrays.fill(sure, EarlyExit.WHEN_SURE);
                    List<Sampling> samplings = new ArrayList<>();
                    Arrays.stream(tokens).forEach(token -> samplings.add(Devices.scored(device)));
                    // A wrong last token changes nothing before it, and is overwritten.
                    if (random.nextBoolean()) {
                        tokens[drafted] = (tokens[drafted] + 1) % VOCAB;
                    }
                    segments.add(segment(i, start, tokens, answer.slots(), samplings, exit(answer.threshold(), sure)));
                }
                List<Draw> draws = device.run(new IterationInputs(segments, Optional.empty()))
                        .draws();
                for (int i = 0; i < answers.size(); i++) {
                    for (int j = 0; j < drafted; j++) {
                        assertEqual(
                                draws.get(i * (drafted + 1) + j),
                                answers.get(i).draws().get(drawn + j));
                    }
                }
                drawn += drafted;
            }
        }
    }

    /** What is drawn, and how sure that is, is what penalties, biases and limits leave. */
    @Test
    void onlyWhatMayBeDrawnCounts() throws IOException {
        try (TorchScriptDecoder device = load(files(3), 1)) {
            Segment prompt = Devices.segment(
                    0, 0, Devices.tokens(random, 7, VOCAB), IterationInputs.BASE, Devices.scored(device));
            device.run(new IterationInputs(List.of(prompt), Optional.empty()));
            Sampling one = Devices.scored(device).among(new long[] {1L << 17});
            Sampling two = Devices.scored(device).among(new long[] {1L << 17 | 1L << 18});
            Sampling likely =
                    new Sampling(1, 0, 1, 0, 0.5, Sampling.GREEDY.repetition(), new int[] {3}, new float[] {100}, -1);
            List<Draw> draws = Stream.of(one, two, likely)
                    .map(sampling -> decode(device, 7, sampling, 0.999))
                    .toList();
            assertThat(draws).extracting(Draw::token).element(0).isEqualTo(17);
            assertThat(draws.get(1).token()).isIn(17, 18);
            assertThat(draws.get(2).token()).isEqualTo(3);
            assertThat(draws.get(0).loops()).isEqualTo(1);
            assertThat(draws.get(2).loops()).isEqualTo(1);
        }
    }

    /** What a row of the base model in the first slot gives, in as many iterations as that takes. */
    private static Draw decode(TorchScriptDecoder device, int start, Sampling sampling, double threshold) {
        Draw draw = Draw.goingOn(0);
        while (draw.goesOn()) {
            int[] sure = {EarlyExit.WHEN_SURE};
            Optional<EarlyExit> exit = Optional.of(new EarlyExit(threshold, sure, draw.loops()));
            Segment row = segment(0, start, new int[] {1}, IterationInputs.BASE, List.of(sampling), exit);
            draw = device.run(new IterationInputs(List.of(row), Optional.empty(), true))
                    .draws()
                    .get(0);
        }
        return draw;
    }

    /** A segment whose rows all stay is computed as ever; others' exits change nothing but rounding for it. */
    @Test
    void othersGoThroughAllLayers() throws IOException {
        try (TorchScriptDecoder device = load(files(3), 1)) {
            int[] text = Devices.tokens(random, 11, VOCAB);
            Segment plain = new Segment(
                    1,
                    0,
                    text,
                    new int[] {LORA},
                    List.of(Devices.scored(device)),
                    Optional.of(new Scoring(2, new int[] {4, 5, 6}, 3)),
                    true,
                    4);
            Segment staying = new Segment(
                    1, 0, text, new int[] {LORA}, plain.samplings(), plain.scoring(), true, 4, exit(0.5, new int[11]));
            IterationOutputs alone = Devices.run(device, plain);
            assertThat(Devices.run(device, staying).draws().get(0).topLogprobs())
                    .containsExactly(alone.draws().get(0).topLogprobs());
            Segment leaving = segment(
                    0,
                    0,
                    new int[] {7},
                    IterationInputs.BASE,
                    List.of(Sampling.GREEDY),
                    exit(1e-9, EarlyExit.WHEN_SURE));
            IterationOutputs beside = Devices.run(device, leaving, plain);
            assertThat(beside.draws().get(0).loops()).isEqualTo(1);
            assertEqual(beside.draws().get(1), withScores(alone.draws().get(0)));
            Tolerances.FLOAT32_LOGITS.check(
                    "scores",
                    new float[] {alone.scored().get(0).get(2).logprob()},
                    new float[] {beside.scored().get(0).get(2).logprob()});
            Tolerances.FLOAT32_LOGITS.check(
                    "state", alone.states().get(0), beside.states().get(0));
            Tolerances.FLOAT32_LOGITS.check(
                    "inputs", alone.observed().get(0), beside.observed().get(0));
        }
    }

    /** A row that has done some loops joins others that have left before, or go on. */
    @ParameterizedTest
    @CsvSource({"1", "2", "-1", "0"})
    void rowsJoinAtTheirLoop(int other) throws IOException {
        try (TorchScriptDecoder device = load(files(3), 1)) {
            List<Sampling> scored = List.of(Devices.scored(device));
            Draw expected = Devices.run(
                            device, segment(4, 0, new int[] {5}, new int[] {LORA}, scored, Optional.empty()))
                    .draws()
                    .get(0);
            for (int done = 1; done < 3; done++) {
                for (int i = 0; i < done; i++) {
                    EarlyExit exit = new EarlyExit(1, new int[1], i);
                    Segment own = segment(0, 0, new int[] {5}, new int[] {LORA}, scored, Optional.of(exit));
                    assertThat(device.run(new IterationInputs(List.of(own), Optional.empty(), true))
                                    .draws())
                            .allMatch(Draw::goesOn);
                }
                EarlyExit exit = new EarlyExit(1, new int[1], done);
                Segment joins = segment(0, 0, new int[] {5}, new int[] {LORA}, scored, Optional.of(exit));
                Segment beside = segment(2, 0, new int[] {9}, IterationInputs.BASE, scored, exit(1e-9, other));
                List<Draw> draws = Devices.run(device, joins, beside).draws();
                assertEqual(draws.get(0), withScores(expected));
                assertThat(draws.get(1).loops()).isEqualTo(Math.abs(other));
            }
        }
    }

    private static Draw withScores(Draw draw) {
        return new Draw(draw.token(), draw.logprob(), new int[0], Devices.byToken(draw), draw.loops());
    }

    /** Windows go through all loops: gradients are those that a job has without such traffic. */
    @Test
    void gradientsAreThoseWithoutExits() throws IOException {
        try (TorchScriptDecoder device = load(files(3), 2)) {
            Adapter adapter = adapters.get(LORA);
            TrainingPack pack = Devices.pack(random, VOCAB, 33, 1, 17, 20);
            device.openTrainee(TRAINEE, adapter, OptimizerConfig.DEFAULT);
            double alone = Devices.train(device, new int[] {TRAINEE}, pack, random, List.of());
            Adapter expected = device.gradients(TRAINEE);
            device.openTrainee(TRAINEE, adapter, OptimizerConfig.DEFAULT);
            List<Segment> beside = new ArrayList<>();
            for (int slot = 0; slot < 4; slot++) {
                beside.add(segment(
                        slot,
                        0,
                        new int[] {slot},
                        slot % 2 == 0 ? IterationInputs.BASE : new int[] {SKIPPING},
                        List.of(Sampling.GREEDY),
                        exit(slot == 3 ? 0.9999 : 1e-9, EarlyExit.WHEN_SURE)));
            }
            double loss = Devices.train(device, new int[] {TRAINEE}, pack, random, beside);
            assertThat(Math.abs(loss - alone)).isLessThan(FLOAT32_RELATIVE * alone);
            assertThat(SkippedLayersTest.error(expected, device.gradients(TRAINEE)))
                    .isLessThan(FLOAT32_RELATIVE);
        }
    }

    /** Nothing is read of the device but whether rows leave, and every tensor lives where the model does. */
    @Test
    void worksOnAnotherDevice() throws IOException {
        KernelsConfig limits = Devices.limits(Dtype.FLOAT32, 1, 128, Stash.KEEP);
        try (TorchScriptDecoder device =
                TorchScriptDecoder.load(files(3), limits, () -> MetaScript.load(text -> text), LoadProgress.NONE)) {
            device.putAdapter(
                    SKIPPING,
                    TinyAdapters.random(device.model(), LoraConfig.allLinears(), 3, 2)
                            .skipping(Set.of(1, 4)));
            List<Draw> draws = Devices.run(
                            device,
                            segment(
                                    0,
                                    0,
                                    new int[] {1, 2, 3, 4},
                                    new int[] {SKIPPING},
                                    List.of(Sampling.GREEDY),
                                    exit(0.5, 1, 2, 0, EarlyExit.WHEN_SURE)),
                            segment(1, 0, new int[] {1, 2}, new int[] {SKIPPING}, List.of(), exit(0.5, 1, 2)),
                            segment(2, 0, new int[] {1}, IterationInputs.BASE, List.of(), exit(0.5, 1)))
                    .draws();
            // What is read there is zeros, so nobody is sure.
            assertThat(draws).extracting(Draw::loops).containsExactly(0);
            List<Segment> rows = new ArrayList<>();
            for (int slot = 0; slot < 3; slot++) {
                EarlyExit exit = new EarlyExit(0.5, new int[] {slot == 0 ? 1 : EarlyExit.WHEN_SURE}, slot);
                int[] slots = slot == 1 ? IterationInputs.BASE : new int[] {SKIPPING};
                rows.add(segment(slot, 5, new int[] {1}, slots, List.of(Sampling.GREEDY), Optional.of(exit)));
            }
            assertThat(device.run(new IterationInputs(rows, Optional.empty(), true))
                            .draws())
                    .extracting(Draw::goesOn)
                    .containsExactly(false, true, false);
        }
    }

    @Test
    void refusesExitsThatAreNone() throws IOException {
        List<Sampling> draw = List.of(Sampling.GREEDY);
        try (TorchScriptDecoder device = load(files(2), 1)) {
            refused(device, "loops of a row 2, expected -1 to 1", draw, 0, exit(0.5, 0, 2));
            refused(device, "loops of a row -1, expected 0 to 1", List.of(), 0, exit(0.5, -1, 0));
            refused(device, "number of rows with an exit 1, expected 2 to 2", draw, 0, exit(0.5, 0));
            refused(
                    device,
                    "row 1 of a segment cannot leave early: it is scored, pooled or observed",
                    draw,
                    1,
                    exit(0.5, 0, 1));
        }
        try (TorchScriptDecoder plain = Devices.load(TinyModel.of(TinyModel.Variant.LLAMA, 1), Dtype.FLOAT32)) {
            refused(plain, "row 1 of a segment cannot leave early: the model has no loops", draw, 0, exit(0.5, 0, -1));
        }
    }

    private static void refused(
            TorchScriptDecoder device, String why, List<Sampling> samplings, int observed, Optional<EarlyExit> exit) {
        Segment segment = new Segment(
                0, 0, new int[] {1, 2}, IterationInputs.BASE, samplings, Optional.empty(), false, observed, exit);
        assertThatThrownBy(() -> Devices.run(device, segment))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(why);
    }
}
