package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.IterationInputs;
import io.tandem.kernels.IterationInputs.Segment;
import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.Stash;
import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.Change;
import io.tandem.kernels.adapter.KeysAndValues;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.Parameter;
import io.tandem.kernels.adapter.Prefix;
import io.tandem.kernels.adapter.learning.LearningPlan;
import io.tandem.kernels.model.Biases;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.testing.Seeded;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.assertj.core.data.Offset;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A model whose rows skip layers computes what a model without these layers does. */
class SkippedLayersTest {
    private static final int LAYERS = 4;
    private static final int SLOT = 1;
    private static final double FLOAT32_RELATIVE = 1e-4;

    @RegisterExtension
    private final Seeded seeded = new Seeded();

    private final long seed = seeded.seed();
    private final Random random = seeded.random();

    private static ModelConfig config(int layers) {
        return ModelConfig.llama(layers, 32, 4, 2, 8, 44, 61)
                .biases(new Biases(true, true, true))
                .maxPositions(512)
                .build();
    }

    private static SortedSet<Integer> layers(String digits) {
        return digits.chars().mapToObj(digit -> digit - '0').collect(Collectors.toCollection(TreeSet::new));
    }

    private static int[] left(Set<Integer> skipped) {
        return IntStream.range(0, LAYERS)
                .filter(layer -> !skipped.contains(layer))
                .toArray();
    }

    /** The model without these layers. */
    private static TinyModel without(TinyModel model, Set<Integer> skipped) {
        int[] left = left(skipped);
        return TinyModel.of(config(left.length), 1).withWeights((name, values) -> {
            String[] parts = name.split("\\.");
            if (name.startsWith("model.layers.")) {
                parts[2] = String.valueOf(left[Integer.parseInt(parts[2])]);
            }
            return model.weights().get(String.join(".", parts));
        });
    }

    /** What the adapter is in that model. */
    private static Adapter without(Adapter adapter, Set<Integer> skipped) {
        int[] left = left(skipped);
        Map<Site, Change> modules = new TreeMap<>();
        adapter.modules().forEach((site, change) -> {
            if (!skipped.contains(site.layer())) {
                modules.put(new Site(Arrays.binarySearch(left, site.layer()), site.module()), change);
            }
        });
        Optional<Prefix> prefix = adapter.prefix().map(own -> {
            if (!(own instanceof KeysAndValues)) {
                return own;
            }
            int each = own.width() / LAYERS;
            float[] all = own.parameter().values();
            float[] values = new float[own.tokens() * left.length * each];
            for (int i = 0; i < own.tokens() * left.length; i++) {
                int from = (i / left.length * LAYERS + left[i % left.length]) * each;
                System.arraycopy(all, from, values, i * each, each);
            }
            return KeysAndValues.of(config(left.length), own.tokens(), values);
        });
        return new Adapter(adapter.config(), new TreeMap<>(modules), prefix).withFull(adapter.full());
    }

    @ParameterizedTest
    @CsvSource({
        "LORA, KEEP, 0, 1",
        "LORA, RECOMPUTE, 12, 2",
        "LORA, INT8, 3, 1",
        "IA3, KEEP, 13, 1",
        "DORA, RECOMPUTE, 2, 2",
        "PROMPT, KEEP, 02, 1",
        "PREFIX, RECOMPUTE, 01, 1",
        "SERIES, KEEP, 3, 2",
        "FULL, KEEP, 3, 1",
        "FULL, RECOMPUTE, 03, 2",
    })
    void gradientsEqualAutogradsOfAModelWithoutTheLayers(Form form, Stash stash, String digits, int lanes)
            throws IOException {
        SortedSet<Integer> skipped = layers(digits);
        TinyModel tiny = TinyModel.of(config(LAYERS), random.nextLong());
        Adapter whole = form.random(tiny.config(), random.nextLong());
        Adapter adapter = whole.skipping(skipped);
        double tolerance = stash == Stash.INT8 ? GradientParityTest.INT8_RELATIVE : FLOAT32_RELATIVE;
        TinyModel small = without(tiny, skipped);
        Adapter own = without(adapter, skipped);
        try (TorchScriptDecoder device = Devices.load(tiny, Devices.limits(Dtype.FLOAT32, lanes, 128, stash));
                AutogradReference reference = new AutogradReference(small.config(), small.weights())) {
            device.putAdapter(0, TinyAdapters.random(tiny.config(), LoraConfig.allLinears(), 3, 1));
            TrainingPack pack = MethodParityTest.after(
                    adapter, Devices.pack(random, tiny.config().vocab(), 33, 1, 17, 2));
            device.openTrainee(SLOT, adapter, OptimizerConfig.DEFAULT);
            List<Segment> beside = List.of(
                    Devices.segment(0, 0, Devices.tokens(random, 5, 61), new int[] {0}, Devices.scored(device)));
            double loss = Devices.train(device, new int[] {SLOT}, pack, random, beside);
            AutogradReference.Result expected = reference.run(pack, CoreReference.of(own));
            assertThat(loss)
                    .as("loss, seed %d", seed)
                    .isCloseTo(expected.loss(), Percentage.withPercentage(100 * tolerance));
            Adapter gradients = without(device.gradients(SLOT), skipped);
            assertThat(error(form.gradient(expected.gradient(), own), gradients))
                    .as("seed %d", seed)
                    .isLessThan(tolerance);

            // The same as a plan of an adapter that goes through all layers itself.
            device.openTrainee(SLOT, whole, OptimizerConfig.DEFAULT);
            device.learn(SLOT, LearningPlan.skipping(skipped));
            assertThat(Devices.train(device, new int[] {SLOT}, pack, random, beside))
                    .isCloseTo(loss, Percentage.withPercentage(100 * tolerance));
            assertThat(device.packProgress().layers()).isEqualTo(LAYERS - skipped.size());
            device.learn(SLOT, LearningPlan.EVERYTHING);
            Devices.train(device, new int[] {SLOT}, pack, random, beside);
            assertThat(device.packProgress().layers()).isEqualTo(LAYERS);
        }
    }

    /** Of all numbers together, against their norm. */
    static double error(Adapter expected, Adapter found) {
        return RelativeError.of(numbers(expected), numbers(found));
    }

    static float[] numbers(Adapter adapter) {
        List<float[]> all = Stream.of(
                        adapter.modules().values().stream().flatMap(change -> change.parameters().stream()),
                        adapter.prefix().map(Prefix::parameter).stream(),
                        adapter.full().values().stream())
                .flatMap(parameters -> parameters)
                .map(Parameter::values)
                .toList();
        float[] numbers =
                new float[all.stream().mapToInt(values -> values.length).sum()];
        int at = 0;
        for (float[] values : all) {
            System.arraycopy(values, 0, numbers, at, values.length);
            at += values.length;
        }
        return numbers;
    }

    /** Decode rows, chunks and a window, through all layers, some and others, and stacked. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void rowsOfAMixedBatchGetWhatAModelWithoutTheirLayersGives(int lanes) throws IOException {
        TinyModel tiny = TinyModel.of(config(LAYERS), random.nextLong());
        List<String> skipped = List.of("", "0", "12", "3", "0", "13", "2");
        List<Adapter> adapters = new ArrayList<>();
        for (Form form : List.of(Form.LORA, Form.IA3, Form.LORA, Form.BIASED, Form.SERIES, Form.FULL, Form.SPT)) {
            Adapter whole = form.random(tiny.config(), random.nextLong());
            adapters.add(whole.skipping(layers(skipped.get(adapters.size()))));
        }
        List<int[]> stacks = List.of(
                IterationInputs.BASE,
                new int[] {0},
                new int[] {1},
                new int[] {2},
                new int[] {3},
                new int[] {4},
                new int[] {5},
                new int[] {6},
                new int[] {0, 2},
                new int[] {1, 3},
                new int[] {5, 1},
                new int[] {6, 2});
        TrainingPack pack = Devices.pack(random, 61, 20, 9);
        try (TorchScriptDecoder device = Devices.load(tiny, Devices.limits(lanes, 2 * stacks.size(), 8))) {
            for (int slot = 0; slot < adapters.size(); slot++) {
                device.putAdapter(slot, adapters.get(slot));
            }
            int[][] prompts = new int[stacks.size()][];
            Arrays.setAll(prompts, i -> Devices.tokens(random, 2 + random.nextInt(12), 61));
            Segment[] before = new Segment[stacks.size()];
            Segment[] rows = new Segment[2 * stacks.size()];
            for (int i = 0; i < stacks.size(); i++) {
                int last = prompts[i].length - 1;
                before[i] = new Segment(i, 0, Arrays.copyOf(prompts[i], last), stacks.get(i), Optional.empty());
                rows[2 * i] =
                        Devices.segment(i, last, new int[] {prompts[i][last]}, stacks.get(i), Devices.scored(device));
                rows[2 * i + 1] =
                        Devices.segment(stacks.size() + i, 0, prompts[i], stacks.get(i), Devices.scored(device));
            }
            Devices.run(device, before);
            device.openTrainee(7, adapters.get(2), OptimizerConfig.DEFAULT);
            device.beginPack(new int[] {7}, pack);
            List<Draw> draws = Devices.run(device, new IterationInputs.TrainingWork(13, 0), List.of(rows))
                    .draws();
            for (int i = 0; i < stacks.size(); i++) {
                float[] expected = alone(tiny, adapters, stacks.get(i), prompts[i]);
                for (Draw draw : draws.subList(2 * i, 2 * i + 2)) {
                    assertThat(Devices.byToken(draw))
                            .as("%s, seed %d", Arrays.toString(stacks.get(i)), seed)
                            .containsExactly(expected, Offset.offset(2e-5f));
                }
            }
        }
    }

    /** Log-probabilities of the token after a text, of a model that has only the layers that rows with these adapters go through. */
    private static float[] alone(TinyModel tiny, List<Adapter> adapters, int[] stack, int[] prompt) throws IOException {
        Set<Integer> skipped = new TreeSet<>();
        Arrays.stream(stack).forEach(slot -> skipped.addAll(adapters.get(slot).skipped()));
        try (TorchScriptDecoder device = Devices.load(without(tiny, skipped), Dtype.FLOAT32)) {
            int[] slots = IntStream.range(0, stack.length).toArray();
            for (int slot : slots) {
                device.putAdapter(slot, without(adapters.get(stack[slot]), skipped));
            }
            return Devices.byToken(Devices.run(device, Devices.segment(0, 0, prompt, slots, Devices.scored(device)))
                    .draws()
                    .get(0));
        }
    }

    /** A row that reads keys of a layer that it skips would see the infinite ones there. */
    @Test
    void keysOfSkippedLayersAreNotRead() throws IOException {
        TinyModel tiny = TinyModel.of(config(LAYERS), random.nextLong());
        Adapter skipping = TinyAdapters.random(tiny.config(), LoraConfig.allLinears(), 3, 7)
                .skipping(layers("1"));
        Adapter huge = TinyAdapters.filled(tiny.config(), 2, 3e38f, 1e3f);
        Map<Site, Change> second = new TreeMap<>(huge.modules());
        second.keySet().removeIf(site -> site.layer() != 1);
        int[] prompt = Devices.tokens(random, 9, 61);
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32)) {
            device.putAdapter(0, skipping);
            device.putAdapter(2, new Adapter(huge.config(), second));
            Segment own = Devices.segment(0, 0, prompt, new int[] {0}, Devices.scored(device));
            float[] expected = Devices.byToken(Devices.run(device, own).draws().get(0));
            // The slot's other layers are cleared behind a shorter text; here it is as long.
            Devices.run(device, Devices.segment(0, 0, prompt, new int[] {2}, Devices.scored(device)));
            Devices.run(device, new Segment(0, 0, Arrays.copyOf(prompt, 8), new int[] {0}, Optional.empty()));
            Segment decode = Devices.segment(0, 8, new int[] {prompt[8]}, new int[] {0}, Devices.scored(device));
            assertThat(Devices.byToken(Devices.run(device, decode).draws().get(0)))
                    .containsExactly(expected, Offset.offset(2e-5f));
        }
    }

    @Test
    void whatCannotBeSkippedIsRefused() throws IOException {
        TinyModel tiny = TinyModel.of(config(LAYERS), random.nextLong());
        Adapter adapter = TinyAdapters.random(tiny.config(), LoraConfig.allLinears(), 3, 7);
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32)) {
            assertThatThrownBy(() -> device.prepare(adapter.skipping(Set.of(LAYERS))))
                    .hasMessageContaining("skips layer 4 of a model of 4");
            Adapter none = new Adapter(
                    adapter.config(),
                    new TreeMap<>(adapter.modules()),
                    Optional.empty(),
                    new TreeMap<>(),
                    layers("0123"));
            assertThatThrownBy(() -> device.prepare(none)).hasMessageContaining("skips all layers");
            device.putAdapter(0, adapter.skipping(Set.of(2)));
            Segment observed =
                    new Segment(0, 0, new int[] {1, 2}, new int[] {0}, List.of(), Optional.empty(), false, 1);
            assertThatThrownBy(() -> Devices.run(device, observed)).hasMessageContaining("cannot be observed");
            device.openTrainee(SLOT, adapter.skipping(Set.of(2)), OptimizerConfig.DEFAULT);
            assertThatThrownBy(() -> device.learn(SLOT, LearningPlan.skipping(layers("013"))))
                    .hasMessageContaining("all layers are skipped");
            TrainingPack pack = new TrainingPack(
                    List.of(new TrainingPack.Sequence(new int[] {1, 2}, new int[] {2, 3}, new int[] {1})),
                    TrainingPack.Purpose.LEARN);
            assertThatThrownBy(() -> device.beginPack(new int[] {SLOT}, pack))
                    .hasMessageContaining("acts on a part of a sequence");
        }
        assertThatThrownBy(() -> adapter.skipping(Set.of(2)).factors()).hasMessageContaining("skips layers [2]");
        assertThat(Stream.of(adapter.skipping(Set.of(2)).modules().keySet()).flatMap(Set::stream))
                .noneMatch(site -> site.layer() == 2);
    }
}
