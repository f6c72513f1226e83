package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.IterationInputs;
import io.tandem.kernels.IterationInputs.Sampling;
import io.tandem.kernels.IterationInputs.Scoring;
import io.tandem.kernels.IterationInputs.Segment;
import io.tandem.kernels.IterationInputs.TrainingWork;
import io.tandem.kernels.IterationOutputs;
import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.kernels.MemoryPlan;
import io.tandem.kernels.MemoryPlan.Owner;
import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.Stash;
import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.Change;
import io.tandem.kernels.adapter.FullModule;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.Parameter;
import io.tandem.kernels.adapter.method.FullMethod;
import io.tandem.kernels.adapter.method.LoraMethod;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.testing.Seeded;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import java.io.IOException;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** What holds for modules in full beside what {@link MethodParityTest} says of all forms. */
class FullModulesTest {
    private static final int SLOT = 1;
    private static final double RELATIVE = 1e-4;

    @RegisterExtension
    private final Seeded seeded = new Seeded();

    private final long seed = seeded.seed();
    private final Random random = seeded.random();

    private static Adapter copies(Adapter adapter, TinyModel tiny, Set<FullModule> modules) {
        ModelConfig model = tiny.config();
        Map<FullModule, Parameter> full = new TreeMap<>();
        for (FullModule module : modules) {
            full.put(
                    module,
                    module.parameter(
                            model, tiny.weights().get(module.source(model).weight())));
        }
        return adapter.withFull(full);
    }

    private float[] logprobs(TorchScriptDecoder device, int[] prompt, int... slots) {
        Segment segment = Devices.segment(0, 0, prompt, slots, Devices.scored(device));
        return Devices.byToken(Devices.run(device, segment).draws().get(0));
    }

    /** The head of a model with tied embeddings is its embedding. */
    @ParameterizedTest
    @EnumSource(
            value = TinyModel.Variant.class,
            names = {"LLAMA", "QWEN2"})
    void copiesOfTheModelsOwnChangeNothing(TinyModel.Variant variant) throws IOException {
        TinyModel tiny = TinyModel.of(variant, random.nextLong());
        Adapter adapter = Form.LORA.random(tiny.config(), random.nextLong());
        int[] prompt = Devices.tokens(random, 9, tiny.config().vocab());
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32)) {
            device.putAdapter(0, adapter);
            device.putAdapter(1, copies(adapter, tiny, EnumSet.allOf(FullModule.class)));
            assertThat(logprobs(device, prompt, 1)).containsExactly(logprobs(device, prompt, 0), Offset.offset(2e-5f));
        }
    }

    /**
     * A head whose rows have changed places gives their tokens' logits in these places: at drawn tokens, at those of a draft, at
     * scored ones, and where some are forbidden.
     */
    @Test
    void logitsAreThoseOfTheAdaptersHead() throws IOException {
        TinyModel tiny = TinyModel.of(TinyModel.Variant.LLAMA, random.nextLong());
        int vocab = tiny.config().vocab();
        int hidden = tiny.config().hidden();
        Adapter adapter = Form.LORA.random(tiny.config(), random.nextLong());
        Parameter own =
                copies(adapter, tiny, EnumSet.of(FullModule.LM_HEAD)).full().get(FullModule.LM_HEAD);
        float[] turned = new float[vocab * hidden];
        for (int token = 0; token < vocab; token++) {
            System.arraycopy(own.values(), (token + 1) % vocab * hidden, turned, token * hidden, hidden);
        }
        int[] prompt = Devices.tokens(random, 9, vocab);
        long[] allowed = new long[Sampling.words(vocab)];
        allowed[0] = 0b1010100;
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32)) {
            device.putAdapter(0, adapter);
            device.putAdapter(
                    1,
                    adapter.withFull(Map.of(FullModule.LM_HEAD, FullModule.LM_HEAD.parameter(tiny.config(), turned))));
            List<IterationOutputs> outputs = new ArrayList<>();
            for (int slot : new int[] {0, 1}) {
                Sampling all = Devices.scored(device);
                Segment segment = new Segment(
                        0,
                        0,
                        prompt,
                        new int[] {slot},
                        List.of(all, all.among(allowed)),
                        Optional.of(new Scoring(2, new int[] {3, 4, 5}, vocab)),
                        false);
                outputs.add(Devices.run(device, segment));
            }
            assertThat(outputs.get(1).draws().get(1).token()).isIn(2, 4, 6);
            List<Draw> right = all(outputs.get(0));
            List<Draw> found = all(outputs.get(1));
            assertThat(found).hasSize(5);
            for (int i = 0; i < found.size(); i++) {
                float[] expected = Devices.byToken(right.get(i));
                float[] logprobs = Devices.byToken(found.get(i));
                for (int token = 0; token < vocab; token++) {
                    assertThat(logprobs[token])
                            .as("draw %d, token %d, seed %d", i, token, seed)
                            .isCloseTo(expected[(token + 1) % vocab], Offset.offset(2e-5f));
                }
            }
        }
    }

    private static List<Draw> all(IterationOutputs outputs) {
        return Stream.concat(outputs.draws().stream(), outputs.scored().get(0).stream())
                .toList();
    }

    /** Factors on losses, as preferences have them, are known behind the last forward window only. */
    @ParameterizedTest
    @CsvSource({"LLAMA, KEEP", "QWEN2, RECOMPUTE"})
    void factorsOnSequencesCountForTheHead(TinyModel.Variant variant, Stash stash) throws IOException {
        TinyModel tiny = TinyModel.of(variant, random.nextLong());
        Adapter adapter = Form.FULL.random(tiny.config(), random.nextLong());
        TrainingPack pack = Devices.pack(random, tiny.config().vocab(), 21, 12);
        double[] factors = {0.5, -2};
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32, stash);
                AutogradReference reference = new AutogradReference(tiny.config(), tiny.weights())) {
            device.openTrainee(SLOT, adapter, OptimizerConfig.DEFAULT);
            device.beginPack(new int[] {SLOT}, pack);
            Devices.run(device, new TrainingWork(device.packProgress().forwardRows(), 0), List.of());
            device.scaleSequences(0, factors);
            Devices.run(device, new TrainingWork(0, device.packProgress().backwardRowLayers()), List.of());
            for (FullModule module : FullModule.values()) {
                float[] expected =
                        new float[tiny.config().vocab() * tiny.config().hidden()];
                for (int i = 0; i < factors.length; i++) {
                    float[] alone = reference
                            .run(pack.sequences().get(i), adapter)
                            .gradient()
                            .full()
                            .get(module)
                            .values();
                    for (int at = 0; at < alone.length; at++) {
                        expected[at] += (float) factors[i] * alone[at];
                    }
                }
                float[] found = device.gradients(SLOT).full().get(module).values();
                assertThat(RelativeError.of(expected, found))
                        .as("%s, seed %d", module, seed)
                        .isLessThan(RELATIVE);
            }
        }
    }

    /** What lies below a trainee may have modules in full, through which it learns. */
    @Test
    void aTraineeLearnsThroughModulesBelowIt() throws IOException {
        TinyModel tiny = TinyModel.of(TinyModel.Variant.BIASES, random.nextLong());
        Adapter below = TinyAdapters.full(
                Form.IA3.random(tiny.config(), random.nextLong()),
                tiny.config(),
                EnumSet.allOf(FullModule.class),
                random.nextLong());
        Set<TargetModule> free = EnumSet.copyOf(LoraConfig.allLinears());
        free.removeAll(below.config().targets());
        Adapter trainee = TinyAdapters.random(tiny.config(), free, 3, random.nextLong());
        Map<Site, Change> both = new TreeMap<>(below.modules());
        both.putAll(trainee.modules());
        TrainingPack pack = Devices.pack(random, tiny.config().vocab(), 20, 9);
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32);
                AutogradReference reference = new AutogradReference(tiny.config(), tiny.weights())) {
            device.putAdapter(0, below);
            device.openTrainee(SLOT, trainee, OptimizerConfig.DEFAULT);
            double loss = Devices.train(device, new int[] {0, SLOT}, pack, random, List.of());
            AutogradReference.Result expected =
                    reference.run(pack, new Adapter(below.config(), both).withFull(below.full()));
            assertThat(loss).isCloseTo(expected.loss(), Offset.offset(1e-3));
            device.gradients(SLOT).modules().forEach((site, found) -> {
                for (int i = 0; i < found.parameters().size(); i++) {
                    assertThat(RelativeError.of(
                                    expected.gradient()
                                            .modules()
                                            .get(site)
                                            .parameters()
                                            .get(i)
                                            .values(),
                                    found.parameters().get(i).values()))
                            .as("%s, seed %d", site, seed)
                            .isLessThan(RELATIVE);
                }
            });
        }
    }

    @ParameterizedTest
    @CsvSource({"ADAMW, FLOAT32", "ADAMW_8BIT, BFLOAT16", "LION, BFLOAT16"})
    void memoryIsPlanned(OptimizerConfig.Method optimizer, Dtype dtype) throws IOException {
        TinyModel tiny = TinyModel.of(TinyModel.Variant.LLAMA, 1);
        LoraMethod lora = new LoraMethod(new LoraConfig(3, 6, false, LoraConfig.allLinears(), ""));
        FullMethod full = new FullMethod(lora, EnumSet.allOf(FullModule.class));
        try (TorchScriptDecoder device = Devices.load(tiny, dtype)) {
            OptimizerConfig config = OptimizerConfig.of(optimizer);
            device.openTrainee(SLOT, lora.start(tiny.config(), 1), config);
            long before = device.trainingBytes(SLOT);
            long planned = device.memory().trainingBytes();
            device.openTrainee(SLOT, full.start(tiny.config(), 1), config);
            assertThat(device.trainingBytes(SLOT) - before)
                    .isEqualTo(device.memory().trainingBytes() - planned);
            assertThat(device.memory().trainingBytes())
                    .isEqualTo(MemoryPlan.training(tiny.config(), device.limits(), full, config)
                            .total(Owner.TRAINING));
        }
    }

    @Test
    void thereIsRoomForSoMany() throws IOException {
        TinyModel tiny = TinyModel.of(TinyModel.Variant.LLAMA, 1);
        Adapter both = Form.FULL.random(tiny.config(), 1);
        try (TorchScriptDecoder device =
                Devices.load(tiny, Devices.limits(1, 4, 4).withFullModules(1))) {
            assertThatThrownBy(() -> device.prepare(both))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("has embed_tokens and lm_head in full (modules_to_save), and"
                            + " kernels.full-modules is 1: set it to 2 or more; each takes ");
        }
        try (TorchScriptDecoder device =
                Devices.load(tiny, Devices.limits(1, 4, 5).withFullModules(2))) {
            device.putAdapter(0, both);
            device.putAdapter(1, both);
            assertThatThrownBy(() -> device.putAdapter(2, both)).isInstanceOf(IllegalStateException.class);
            // A trainee has memory of its own.
            device.openTrainee(3, both, OptimizerConfig.DEFAULT);
            device.putAdapter(1, Form.LORA.random(tiny.config(), 1));
            device.putAdapter(2, both);
            device.dropAdapter(0);
            device.putAdapter(1, both);
            device.closeTrainee(3);
            assertThatThrownBy(() -> device.putAdapter(3, both)).isInstanceOf(IllegalStateException.class);
            int[] prompt = Devices.tokens(random, 9, tiny.config().vocab());
            assertThat(logprobs(device, prompt, 1)).containsExactly(logprobs(device, prompt, 2));
            assertThatThrownBy(() -> logprobs(device, prompt, 1, 2))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("of two adapters");
            assertThat(logprobs(device, prompt, 0)).hasSameSizeAs(logprobs(device, prompt, IterationInputs.BASE));
        }
    }

    @Test
    void otherShapesAreRefused() throws IOException {
        TinyModel tiny = TinyModel.of(TinyModel.Variant.LLAMA, 1);
        ModelConfig model = tiny.config();
        Parameter wider = new Parameter(
                "lm_head.weight", model.vocab() + 1, model.hidden(), new float[(model.vocab() + 1) * model.hidden()]);
        Adapter adapter = Form.LORA.random(model, 1).withFull(Map.of(FullModule.LM_HEAD, wider));
        assertThatThrownBy(() -> FullModuleCheck.check(adapter, model, Devices.limits(1, 4, 4)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("lm_head is [" + (model.vocab() + 1));
    }
}
