package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.IterationInputs;
import io.tandem.kernels.IterationInputs.Repetition;
import io.tandem.kernels.IterationInputs.Sampling;
import io.tandem.kernels.IterationInputs.Scoring;
import io.tandem.kernels.IterationInputs.Segment;
import io.tandem.kernels.IterationOutputs;
import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.kernels.KernelException;
import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.OptimizerConfig.Method;
import io.tandem.kernels.OptimizerState;
import io.tandem.kernels.Stash;
import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.WeightForm;
import io.tandem.kernels.WeightForms;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Bottleneck.Function;
import io.tandem.kernels.adapter.Bottleneck.Input;
import io.tandem.kernels.adapter.Bottleneck.Kind;
import io.tandem.kernels.adapter.FullModule;
import io.tandem.kernels.adapter.KeysAndValues;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.Prefix;
import io.tandem.kernels.adapter.PrefixConfig;
import io.tandem.kernels.adapter.learning.LearningPlan;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import java.io.IOException;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Whole iterations on a device that holds no values: every tensor lives on the model's device, and nothing is read before
 * the end. {@link MetaScript} says how.
 */
class MetaDeviceTest {
    private static final int TRAINEE = 2;

    private final Random random = new Random(1);

    private static TorchScriptDecoder load(TinyModel model, KernelsConfig limits, UnaryOperator<String> change)
            throws IOException {
        return Devices.load(model, limits, () -> MetaScript.load(change));
    }

    private static KernelsConfig limits(Dtype dtype, int lanes, Stash stash) {
        return Devices.limits(dtype, lanes, 128, stash).withNumerics(dtype, WeightForms.of(WeightForm.PLAIN));
    }

    private static Adapter adapter(TinyModel model, int rank) {
        return TinyAdapters.random(model.config(), LoraConfig.allLinears(), rank, rank);
    }

    @ParameterizedTest
    @EnumSource(TinyModel.Variant.class)
    void requestsOfEveryKind(TinyModel.Variant variant) throws IOException {
        TinyModel model = TinyModel.of(variant, 1);
        try (TorchScriptDecoder device = load(model, limits(Dtype.BFLOAT16, 1, Stash.KEEP), UnaryOperator.identity())) {
            serve(device, model);
        }
    }

    private void serve(TorchScriptDecoder device, TinyModel model) {
        int vocab = model.config().vocab();
        device.putAdapter(0, device.prepare(adapter(model, 3)));
        device.putAdapter(1, device.prepare(adapter(model, 4).skipping(Set.of(0))));
        Segment unfinished = new Segment(
                0,
                0,
                Devices.tokens(random, 7, vocab),
                IterationInputs.BASE,
                List.of(),
                Optional.of(new Scoring(3, new int[] {1, 2}, 3)),
                true,
                2);
        IterationOutputs outputs = Devices.run(device, unfinished);
        assertThat(outputs.draws()).isEmpty();
        assertThat(outputs.scored().get(0)).hasSize(2);
        assertThat(outputs.states().get(0)).hasSize(model.config().hidden());
        assertThat(outputs.observed().get(0))
                .hasSize(2 * 2 * model.config().layers() * model.config().hidden());
        Sampling plain = new Sampling(0.7, 0, 1, 0, 0.5, Repetition.NONE, new int[0], new float[0], 0);
        Repetition repetition = new Repetition(new int[] {1, 3}, 1.1);
        Sampling filtered = new Sampling(0.7, 5, 0.9, 0.01, 0.5, repetition, new int[] {1, 2}, new float[] {1, -1}, 3)
                .among(new long[] {5});
        List<Draw> draws = Devices.run(
                        device,
                        Devices.segment(0, 7, Devices.tokens(random, 5, vocab), IterationInputs.BASE, plain),
                        Devices.segment(1, 0, Devices.tokens(random, 9, vocab), new int[] {0}, Sampling.GREEDY),
                        Devices.segment(4, 0, Devices.tokens(random, 1, vocab), new int[] {0, 1}, filtered))
                .draws();
        assertThat(draws).extracting(Draw::token).containsExactly(0, 0, 0);
        assertThat(draws.get(2).topTokens()).containsExactly(0, 0, 0);
        // In two groups, with a gap in one of them.
        Segment[] decodes = {decode(0, 12, plain), decode(1, 9, Sampling.GREEDY, 0), decode(4, 1, filtered, 0, 1)};
        assertThat(Devices.run(device, decodes).draws()).hasSize(3);
        assertThat(Devices.run(device, decode(1, 3, Sampling.GREEDY)).draws()).hasSize(1);
        device.copyCache(0, 5, 0, 12);
        assertThat(Devices.run(device, decode(5, 12, Sampling.GREEDY)).draws()).hasSize(1);
    }

    private static Segment decode(int slot, int start, Sampling sampling, int... adapters) {
        return Devices.segment(slot, start, new int[] {1}, adapters, sampling);
    }

    @ParameterizedTest
    @CsvSource({"KEEP,ADAMW,1", "RECOMPUTE,ADAMW_8BIT,2", "INT8,SGD,1", "KEEP,LION,2"})
    void trainingOfEveryKind(Stash stash, Method method, int lanes) throws IOException {
        for (TinyModel.Variant variant : TinyModel.Variant.values()) {
            TinyModel model = TinyModel.of(variant, 1);
            try (TorchScriptDecoder device =
                    load(model, limits(Dtype.BFLOAT16, lanes, stash), UnaryOperator.identity())) {
                train(device, model, OptimizerConfig.of(method));
            }
        }
    }

    private void train(TorchScriptDecoder device, TinyModel model, OptimizerConfig optimizer) {
        device.putAdapter(0, device.prepare(adapter(model, 3)));
        Adapter learned = TinyAdapters.full(adapter(model, 4), model.config(), EnumSet.allOf(FullModule.class), 1);
        device.openTrainee(TRAINEE, device.prepare(learned), optimizer);
        TrainingPack pack = Devices.pack(random, model.config().vocab(), 20, 20, 21);
        int[] slots = {0, TRAINEE};
        List<Segment> beside = List.of(decode(3, 5, Sampling.GREEDY, 0), decode(4, 5, Sampling.GREEDY));
        Devices.forward(device, slots, pack, random, beside);
        device.scaleSequences(0, new double[] {1, 2, 3});
        Devices.backward(device, pack, random, beside);
        // All that was read is zeros, and zero says that the published weights are not finite.
        assertThat(device.optimizerStep(TRAINEE, 1e-3, 1)).isNaN();
        OptimizerState state = device.optimizerState(TRAINEE);
        device.openTrainee(TRAINEE, device.prepare(device.snapshot(TRAINEE)), optimizer, state);
        assertThat(device.optimizerState(TRAINEE).steps()).isEqualTo(1);
    }

    /** Virtual tokens that start as the vocabulary's, learn beside others that are served, and act on a part. */
    @Test
    void prefixesAndActivations() throws IOException {
        TinyModel model = TinyModel.of(TinyModel.Variant.LLAMA, 1);
        try (TorchScriptDecoder device =
                load(model, limits(Dtype.BFLOAT16, 2, Stash.RECOMPUTE), UnaryOperator.identity())) {
            device.putAdapter(0, TinyAdapters.prefix(model.config(), 3, 1));
            int[] prompt =
                    Prefix.before(3, Devices.tokens(random, 5, model.config().vocab()));
            Segment served = Devices.segment(0, 0, prompt, new int[] {0}, Sampling.GREEDY);
            assertThat(Devices.run(device, served).draws()).hasSize(1);
            Adapter fresh =
                    new Adapter(new PrefixConfig(4, ""), KeysAndValues.fresh(model.config(), new int[] {1, 2, 3, 4}));
            device.openTrainee(TRAINEE, fresh, OptimizerConfig.DEFAULT);
            TrainingPack pack = Devices.pack(random, model.config().vocab(), 20, 21);
            Devices.trainInWindows(device, new int[] {TRAINEE}, pack, 13, List.of(served));
            assertThat(device.optimizerStep(TRAINEE, 1e-3, 1)).isNaN();
            device.openTrainee(TRAINEE, device.prepare(adapter(model, 4)), OptimizerConfig.DEFAULT);
            TrainingPack acting = new TrainingPack(
                    pack.sequences().stream()
                            .map(text -> new TrainingPack.Sequence(text.tokens(), text.labels(), new int[] {9}))
                            .toList(),
                    pack.purpose());
            Devices.trainInWindows(device, new int[] {TRAINEE}, acting, 13, List.of(served));
            assertThat(device.packProgress().done()).isTrue();
        }
    }

    @Test
    void plansOfEveryKind() throws IOException {
        TinyModel model = TinyModel.of(TinyModel.Variant.BIASES, 1);
        TrainingPack pack = Devices.pack(random, model.config().vocab(), 20, 20);
        try (TorchScriptDecoder device = load(model, limits(Dtype.BFLOAT16, 1, Stash.KEEP), UnaryOperator.identity())) {
            device.openTrainee(TRAINEE, device.prepare(adapter(model, 4)), OptimizerConfig.DEFAULT.withLayers());
            for (LearningPlan plan : List.of(
                    LearningPlan.only(new TreeSet<>(List.of(1))),
                    LearningPlan.suppressing(new TreeSet<>(List.of(0))),
                    LearningPlan.pruning(0.5))) {
                device.learn(TRAINEE, plan);
                Devices.train(device, new int[] {TRAINEE}, pack, random, List.of());
                assertThat(device.optimizerStep(TRAINEE, 1e-3, 1)).isNaN();
            }
        }
    }

    @Test
    void bottlenecks() throws IOException {
        TinyModel model = TinyModel.of(TinyModel.Variant.LLAMA, 1);
        Kind series = new Kind(Input.SUM, Function.GELU_TANH, 1);
        Kind parallel = new Kind(Input.STREAM, Function.RELU, 4);
        try (TorchScriptDecoder device =
                load(model, limits(Dtype.BFLOAT16, 2, Stash.RECOMPUTE), UnaryOperator.identity())) {
            device.putAdapter(0, TinyAdapters.bottlenecks(model.config(), series, 3, 1));
            device.openTrainee(
                    TRAINEE,
                    TinyAdapters.bottlenecks(model.config(), parallel, 4, 1),
                    OptimizerConfig.of(Method.ADAMW));
            TrainingPack pack = Devices.pack(random, model.config().vocab(), 20, 20);
            List<Segment> beside = List.of(decode(3, 5, Sampling.GREEDY, 0), decode(4, 5, Sampling.GREEDY));
            Devices.train(device, new int[] {0, TRAINEE}, pack, random, beside);
            assertThat(device.optimizerStep(TRAINEE, 1e-3, 1)).isNaN();
        }
    }

    @Test
    void quantizedWeights() throws IOException {
        TinyModel model = TinyModel.of(TinyModel.Variant.LLAMA, 1);
        try (TorchScriptDecoder device =
                load(model, limits(Dtype.BFLOAT16, 2, Stash.RECOMPUTE), UnaryOperator.identity())) {
            device.openTrainee(
                    TRAINEE, TinyAdapters.quantized(model.config(), 3, 4, 4, 2), OptimizerConfig.of(Method.ADAMW));
            TrainingPack pack = Devices.pack(random, model.config().vocab(), 20, 20);
            List<Segment> beside = List.of(decode(3, 5, Sampling.GREEDY), decode(4, 5, Sampling.GREEDY));
            Devices.train(device, new int[] {TRAINEE}, pack, random, beside);
            assertThat(device.optimizerStep(TRAINEE, 1e-3, 1)).isNaN();
        }
    }

    @Test
    void singleWeights() throws IOException {
        TinyModel model = TinyModel.of(TinyModel.Variant.LLAMA, 1);
        try (TorchScriptDecoder device =
                load(model, limits(Dtype.BFLOAT16, 2, Stash.RECOMPUTE), UnaryOperator.identity())) {
            device.putAdapter(0, TinyAdapters.singleWeights(model.config(), 3, 1));
            device.openTrainee(
                    TRAINEE, TinyAdapters.singleWeights(model.config(), 3, 2), OptimizerConfig.of(Method.ADAMW));
            TrainingPack pack = Devices.pack(random, model.config().vocab(), 20, 20);
            List<Segment> beside = List.of(decode(3, 5, Sampling.GREEDY, 0), decode(4, 5, Sampling.GREEDY));
            Devices.train(device, new int[] {0, TRAINEE}, pack, random, beside);
            assertThat(device.optimizerStep(TRAINEE, 1e-3, 1)).isNaN();
        }
    }

    @Test
    void aTensorThatIsMadeElsewhereIsFound() throws IOException {
        finds(
                "a tensor outside of the model's device",
                text -> text.replace("torch.arange(longest, device=device)", "torch.arange(longest)"));
    }

    @Test
    void inputsThatDoNotCrossAreFound() throws IOException {
        finds(
                "a tensor outside of the model's device",
                text -> text.replace("torch.to(numbers, model.embedding.device)", "numbers"));
    }

    @Test
    void aValueThatIsReadInTheMiddleIsFound() throws IOException {
        finds(
                "_local_scalar_dense",
                text -> text.replace(
                        "  h = __torch__.tandem.ops.norm.forward_if(layer.attention_norm, x)\n",
                        "  h = __torch__.tandem.ops.norm.forward_if(layer.attention_norm, x)\n"
                                + "  peek = float(torch.sum(h))\n"
                                + "  assert peek < 1., \"large\"\n"));
    }

    private void finds(String fault, UnaryOperator<String> change) throws IOException {
        TinyModel model = TinyModel.of(TinyModel.Variant.LLAMA, 1);
        try (TorchScriptDecoder device = load(model, limits(Dtype.FLOAT32, 1, Stash.KEEP), change)) {
            assertThatThrownBy(() -> serve(device, model))
                    .isInstanceOf(KernelException.class)
                    .hasMessageContaining(fault);
        }
    }
}
